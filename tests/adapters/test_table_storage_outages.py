"""Storage that is away: `Unavailable` from every call, nothing half done, and all well afterwards."""

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from adapters.table_storage import TableStorageStore
from domain.kernel.errors import Unavailable
from domain.kernel.journal import Committed, Transaction
from domain.kernel.work import Partition
from tests.adapters import fault_proxy as fault
from tests.adapters import table_storage_process
from tests.adapters.fault_proxy import Exchange, Fault, FaultProxy
from tests.azurite import shared
from tests.contracts import store_fixtures
from tests.contracts.store_fixtures import Ticket, journal, new_id, node, record, soon, ticket, transaction

partition, proxy = store_fixtures.partition, table_storage_process.proxy
store = table_storage_process.store


@pytest.mark.parametrize("outage", [fault.cut_before, fault.busy_503, fault.busy_429, fault.applied_then_cut])
async def test_an_outcome_that_cannot_be_established_is_unavailable_and_then_repeatable(
    store: TableStorageStore, proxy: FaultProxy, partition: Partition, outage: Fault
) -> None:
    sent = transaction(partition, record(ticket()))
    proxy.always(outage, "POST")
    proxy.always(fault.busy_503, "GET")
    with pytest.raises(Unavailable, match="table storage is unavailable"):
        await store.commit(sent)
    proxy.always(None, "POST", "GET")
    answer = await store.commit(sent)
    assert answer == Committed(sent.journal, repeated=outage is fault.applied_then_cut)
    assert len((await store.page(partition, Ticket, 10)).items) == 1


async def test_what_is_never_carried_out_is_unavailable(
    store: TableStorageStore, proxy: FaultProxy, partition: Partition
) -> None:
    sent = transaction(partition, record(ticket()))
    proxy.always(fault.cut_before, "POST")
    with pytest.raises(Unavailable):
        await store.commit(sent)
    assert await store.handled(partition, sent.journal.outcome.command_id) is None


@pytest.mark.parametrize(
    "outage", [fault.cut_before, fault.busy_503, fault.hung_before], ids=lambda f: f.__name__
)
async def test_an_outage_is_unavailable_for_every_call(
    store: TableStorageStore, proxy: FaultProxy, partition: Partition, outage: Fault
) -> None:
    sent = transaction(partition, record(ticket()))
    traced = journal(partition, trace=(node(partition, "trace-1", "evt-1"),))

    async def walk() -> list[object]:
        return [one async for one in store.unpublished(soon())]

    async def list_partitions() -> list[object]:
        return [one async for one in store.partitions()]

    proxy.always(outage, "GET", "POST", "PUT", "PATCH", "DELETE")
    calls: list[Awaitable[object]] = [
        store.load(partition, Ticket, "tkt-1"),
        store.lookup(partition, ticket().unique_keys()[0]),
        store.commit(sent),
        store.handled(partition, "cmd-1"),
        store.settle(traced),
        store.page(partition, Ticket, 1),
        store.trace(partition.tenant_id, "trace-1"),
        store.receive(sent.journal, "{}"),
        store.mark(partition, "sync"),
        store.set_mark(partition, "sync", soon()),
        store.ping(),
        walk(),
        list_partitions(),
    ]
    for answer in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(answer, Unavailable) and answer.dependency == "table storage"


async def test_a_server_that_is_not_there_is_unavailable(partition: Partition, unused_tcp_port: int) -> None:
    target = shared().table_url.rpartition("/")[0]
    nowhere = shared().connection_string.replace(target, f"http://127.0.0.1:{unused_tcp_port}")
    store = store_fixtures.table_storage(connection_string=nowhere)
    with pytest.raises(Unavailable, match="table storage"):
        await store.ping()
    with pytest.raises(Unavailable, match="table storage"):
        await store.commit(transaction(partition))
    await store.close()


async def test_settling_survives_a_lost_answer(
    store: TableStorageStore, proxy: FaultProxy, partition: Partition
) -> None:
    facts = tuple(node(partition, new_id("trace"), f"evt-{n}") for n in range(2))
    sent = journal(partition, trace=facts)
    await store.commit(Transaction(sent, ()))
    proxy.inject(fault.applied_then_cut, method="DELETE")
    await store.settle(sent)
    assert proxy.used_up
    kept = await store.handled(partition, sent.outcome.command_id)
    assert kept is not None and not kept.pending


async def test_a_registration_that_fails_commits_nothing(
    store: TableStorageStore, proxy: FaultProxy, partition: Partition
) -> None:
    elsewhere = Partition(partition.tenant_id, "project-2")
    sent = transaction(elsewhere, record(ticket()))
    proxy.inject(fault.cut_before)
    with pytest.raises(Unavailable):
        await store.commit(sent)
    assert await store.handled(elsewhere, sent.journal.outcome.command_id) is None
    await store.commit(sent)
    assert sent.journal in [one async for one in store.unpublished(soon())]


async def test_a_try_that_comes_much_later_is_registered_again(
    proxy: FaultProxy, partition: Partition
) -> None:
    clock = [datetime(2026, 5, 6, 12, tzinfo=UTC)]
    through_proxy = shared().connection_string.replace(proxy.target, proxy.url)
    store = store_fixtures.table_storage(connection_string=through_proxy, now=lambda: clock[0])

    async def registry_cleaned_meanwhile(exchange: Exchange) -> web.StreamResponse:
        clock[0] += timedelta(hours=1)
        assert [one async for one in store.unpublished(clock[0])] == []
        return exchange.cut()

    await store.commit(Transaction(journal(partition, pending=False), ()))
    sent = transaction(partition, record(ticket()))
    proxy.inject(registry_cleaned_meanwhile)
    await store.commit(sent)
    assert proxy.used_up
    clock[0] += timedelta(minutes=1)
    assert [one async for one in store.unpublished(clock[0])] == [sent.journal]
    await store.close()
