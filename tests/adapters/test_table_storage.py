"""What Table Storage adds to the store's contract: requests per call, the registry, cold start."""

import subprocess
import sys
from typing import Any

import pytest
from aiohttp import web

from adapters.table_storage import TableStorageStore
from adapters.table_storage.clients import Account, Clients
from domain.kernel.journal import Transaction
from domain.kernel.work import Partition
from tests.adapters import table_storage_process
from tests.adapters.fault_proxy import Exchange, FaultProxy
from tests.adapters.table_storage_process import Process
from tests.azurite import shared
from tests.contracts import store_fixtures
from tests.contracts.store_fixtures import Ticket, journal, node, record, soon, ticket, transaction

partition, process = store_fixtures.partition, table_storage_process.process


async def test_a_commit_is_one_request_after_the_first_in_ten_minutes(
    process: Process, partition: Partition
) -> None:
    counts = []
    for minutes in (0, 0, 4, 3, 6, 1):
        process.clock.advance(minutes)
        await process.store.commit(transaction(partition, record(ticket())))
        counts.append(len(process.requests.taken()))
    # 12:01 is the first; 12:08 is in the same ten minutes, 12:14 in the next.
    assert counts == [2, 1, 1, 1, 2, 1]


async def test_reads_and_settling_take_as_few_requests_as_they_can(
    process: Process, partition: Partition
) -> None:
    opened = ticket()
    traced = journal(
        partition, trace=(node(partition, "trace-1", "evt-1"), node(partition, "trace-1", "e-2"))
    )
    await process.store.commit(Transaction(traced, (record(opened),)))
    await process.store.settle(traced)
    process.requests.clear()
    for call, expected in (
        (process.store.load(partition, Ticket, opened.id), 1),
        (process.store.lookup(partition, opened.unique_keys()[0]), 1),
        (process.store.handled(partition, "cmd-unknown"), 1),
        (process.store.handled(partition, traced.outcome.command_id), 2),
        (process.store.settle(traced), 2),
        (process.store.page(partition, Ticket, 10), 1),
        (process.store.ping(), 1),
        (process.store.commit(Transaction(traced, ())), 3),
    ):
        await call
        assert len(process.requests.taken()) == expected


async def test_the_registry_is_written_before_the_commit(process: Process, partition: Partition) -> None:
    bodies: list[bytes] = []

    async def kept(exchange: Exchange) -> web.StreamResponse:
        bodies.append(exchange.body)
        return await exchange.forward()

    async with FaultProxy(shared().table_url.rpartition("/")[0]) as proxy:
        through_proxy = shared().connection_string.replace(proxy.target, proxy.url)
        store = TableStorageStore(through_proxy, **process.names)
        proxy.always(kept, "POST")
        await store.commit(transaction(partition, record(ticket())))
        await store.close()
    registration, commit = bodies
    assert b'"PartitionKey": "registry"' in registration and b"bucket|" in registration
    order = [
        commit.index(f'"RowKey": "{kind}|'.encode()) for kind in ("command", "aggregate", "unique", "outbox")
    ]
    assert order == sorted(order) and b"registry" not in commit


async def test_another_process_finds_what_a_crash_left_behind(process: Process, partition: Partition) -> None:
    sent = transaction(partition, record(ticket()))
    await process.store.commit(sent)
    other = process.again()
    other.clock.advance(60 * 24 * 30)
    assert [one async for one in other.store.unpublished(other.clock.now)] == [sent.journal]
    # And again, as long as it is not settled.
    assert [one async for one in other.store.unpublished(other.clock.now)] == [sent.journal]
    await other.store.settle(sent.journal)
    assert [one async for one in other.store.unpublished(other.clock.now)] == []
    await other.store.close()


async def test_the_registry_forgets_what_is_long_closed_and_empty(
    process: Process, partition: Partition
) -> None:
    store, clock = process.store, process.clock
    sent = transaction(partition)
    await store.commit(sent)

    async def requests_of_a_walk(pending: int) -> list[str]:
        process.requests.clear()
        assert len([one async for one in store.unpublished(clock.now)]) == pending
        return [request.partition(" ")[0] for request in process.requests.taken()]

    clock.advance(60)
    assert await requests_of_a_walk(1) == ["GET", "GET", "GET"]  # registry, outbox, journal
    await store.settle(sent.journal)
    assert await requests_of_a_walk(0) == ["GET", "GET", "DELETE"]
    assert await requests_of_a_walk(0) == ["GET"]
    # It is registered anew with the next commit.
    await store.commit(transaction(partition))
    clock.advance(1)
    assert len(await requests_of_a_walk(1)) == 3
    assert [one async for one in store.partitions()] and partition in [
        one async for one in store.partitions()
    ]


@pytest.mark.parametrize(("minutes", "deleted"), [(20, 0), (23, 0), (25, 1)])
async def test_a_registry_row_outlives_its_ten_minutes_by_fifteen(
    process: Process, partition: Partition, minutes: int, deleted: int
) -> None:
    sent = transaction(partition)
    await process.store.commit(sent)
    await process.store.settle(sent.journal)
    process.clock.advance(minutes)  # from 12:01; the bucket ends at 12:10
    process.requests.clear()
    assert [one async for one in process.store.unpublished(process.clock.now)] == []
    assert sum(request.startswith("DELETE") for request in process.requests) == deleted


async def test_nothing_scans_the_table(process: Process, partition: Partition) -> None:
    await process.store.commit(transaction(partition, record(ticket())))
    process.requests.clear()
    assert len([one async for one in process.store.unpublished(soon())]) == 1
    assert len([one async for one in process.store.partitions()]) == 2
    await process.store.page(partition, Ticket, 10)
    await process.store.trace(partition.tenant_id, "trace-1")
    queries = [request for request in process.requests if "()" in request]
    assert len(queries) == 5 and all("$filter=PartitionKey eq '" in query for query in queries)


async def test_more_than_a_page_of_the_service_is_read_to_its_end(
    process: Process, partition: Partition
) -> None:
    tickets = [ticket() for _ in range(1_020)]
    for start in range(0, len(tickets), 48):
        records = [record(one) for one in tickets[start : start + 48]]
        await process.store.commit(transaction(partition, *records))
    process.requests.clear()
    page = await process.store.page(partition, Ticket, 1_010)
    assert len(process.requests.taken()) == 2
    assert [one.aggregate.id for one in page.items] == sorted(one.id for one in tickets)[:1_010]
    assert page.next is not None
    rest = await process.store.page(partition, Ticket, 1_010, page.next)
    assert len(rest.items) == 10 and rest.next is None
    process.requests.clear()
    await process.store.page(partition, Ticket, 10)
    assert len(process.requests) == 1


def test_importing_the_store_imports_no_sdk() -> None:
    told = (
        "import sys, adapters.table_storage\n"
        "print([name for name in sys.modules if name.startswith(('azure', 'aiohttp'))])\n"
    )
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_small_commits_never_import_the_blob_sdk() -> None:
    told = (
        "import asyncio, sys\n"
        "from adapters.table_storage import TableStorageStore\n"
        "from domain.kernel.work import Partition\n"
        "async def main():\n"
        f"    store = TableStorageStore({shared().connection_string!r}, table='missing')\n"
        "    print(await store.handled(Partition('t', 'p'), 'cmd-1'))\n"
        "    await store.close()\n"
        "asyncio.run(main())\n"
        "print('azure.data.tables' in sys.modules, 'azure.storage.blob' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", told], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["None", "True", "False"] and done.stderr == ""


class Identity:
    """Enough of an `AsyncTokenCredential` to build clients with."""

    async def get_token(self, *scopes: str, **_: object) -> None:
        raise AssertionError("no request is made")


async def test_clients_are_built_for_an_identity() -> None:
    account = Account(
        table_url="https://x.table.core.windows.net",
        blob_url="https://x.blob.core.windows.net",
        credential=Identity(),  # type: ignore[arg-type]
    )
    clients = Clients(account, None)
    assert clients.tables().url == "https://x.table.core.windows.net"
    assert clients.blobs().url == "https://x.blob.core.windows.net/"
    assert clients.tables() is clients.tables() and clients.blobs() is clients.blobs()
    await clients.close()


def test_an_account_that_is_half_described_is_refused() -> None:
    halves: list[dict[str, Any]] = [
        {},
        {"table_url": "https://x"},
        {"table_url": "https://x", "blob_url": "https://y"},
    ]
    for half in halves:
        with pytest.raises(ValueError, match="connection string"):
            TableStorageStore(**half)
