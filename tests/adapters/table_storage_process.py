"""A process that uses Table Storage: its store, its clock, and every request that it sent."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pytest

from adapters.table_storage import TableStorageStore, commit, transport
from domain.kernel.journal import Transaction
from domain.kernel.work import Partition
from tests.adapters.fault_proxy import FaultProxy
from tests.azurite import shared
from tests.contracts.store_fixtures import journal, new_id, table_storage, transaction


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 5, 6, 12, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, minutes: int) -> datetime:
        self.now += timedelta(minutes=minutes)
        return self.now


class Requests(list[str]):
    """Every HTTP request as `METHOD path`, unquoted."""

    def __call__(self, method: str, url: str) -> None:
        self.append(f"{method} {unquote(url.partition('devstoreaccount1')[2])}")

    def taken(self) -> list[str]:
        taken = list(self)
        self.clear()
        return taken


class Process:
    """One process's store; `again` is another process on the same tables."""

    def __init__(self, **names: str) -> None:
        unique = new_id("x").replace("-", "")[:20]
        fresh = {"table": f"p{unique}", "trace_table": f"t{unique}", "container": f"c-{unique}"}
        self.names: dict[str, Any] = {**(names or fresh)}
        self.clock, self.requests = Clock(), Requests()
        self.store = TableStorageStore(
            shared().connection_string, **self.names, now=self.clock, on_request=self.requests
        )

    def again(self) -> "Process":
        return Process(**self.names)


@pytest.fixture
async def process() -> AsyncIterator[Process]:
    """A process that has committed before, elsewhere: its table exists."""
    started = Process()
    await started.store.commit(Transaction(journal(Partition("warm", "up"), pending=False), ()))
    started.requests.clear()
    yield started
    await started.store.close()


@pytest.fixture
async def proxy() -> AsyncIterator[FaultProxy]:
    async with FaultProxy(shared().table_url.rpartition("/")[0]) as running:
        yield running


@pytest.fixture
async def store(
    proxy: FaultProxy, partition: Partition, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[TableStorageStore]:
    """A store behind the proxy that is soon tired of waiting, and has committed before."""
    monkeypatch.setitem(transport.TIMEOUTS, "read_timeout", 0.3)
    monkeypatch.setattr(commit, "PAUSE_SECONDS", 0.01)
    through_proxy = shared().connection_string.replace(proxy.target, proxy.url)
    assert through_proxy != shared().connection_string
    made = table_storage(connection_string=through_proxy)
    await made.commit(transaction(partition))
    yield made
    await made.close()
