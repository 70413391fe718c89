"""Commits over a network that fails: whatever it does, one commit and the right answer."""

import asyncio

import pytest
from aiohttp import web

from adapters.table_storage import TableStorageStore
from domain.kernel.errors import Conflict, Rejected
from domain.kernel.journal import Committed, Transaction
from domain.kernel.work import Partition
from tests.adapters import fault_proxy as fault
from tests.adapters import table_storage_process
from tests.adapters.fault_proxy import Exchange, Fault, FaultProxy
from tests.contracts import store_fixtures
from tests.contracts.store_fixtures import Ticket, journal, new_id, record, soon, ticket, transaction

partition, proxy = store_fixtures.partition, table_storage_process.proxy
store = table_storage_process.store

# The SDK sends a POST that is answered 503 four times in all.
GIVES_UP = 4


async def assert_committed_once(store: TableStorageStore, sent: Transaction, answer: Committed) -> None:
    """The answer is this attempt's own, and so is what is stored."""
    assert answer == Committed(sent.journal, repeated=False)
    of, command_id = sent.journal.partition, sent.journal.outcome.command_id
    assert await store.handled(of, command_id) == sent.journal
    for written in sent.records:
        loaded = await store.load(of, Ticket, written.id)
        assert loaded is not None and loaded.aggregate.aggregate_version == written.version
    assert [one async for one in store.unpublished(soon())].count(sent.journal) == 1
    assert (await store.commit(sent)).repeated


LOST_ANSWERS: list[list[Fault]] = [
    [fault.applied_then_503],
    [fault.applied_then_503] * GIVES_UP,
    [fault.applied_then_503, *[fault.busy_503] * (GIVES_UP - 1)],
    [fault.applied_then_500],
    [fault.applied_then_cut],
    [fault.applied_then_half_an_answer],
    [fault.applied_then_a_cropped_answer],
    [fault.applied_then_hung],
    [fault.applied_then_412],
    [fault.cut_before, fault.applied_then_cut],
    [fault.hung_before, fault.applied_then_503],
    [fault.busy_429, fault.applied_then_cut],
]
LOST_REQUESTS: list[list[Fault]] = [
    [fault.cut_before],
    [fault.cut_before, fault.cut_before],
    [fault.hung_before],
    [fault.busy_429, fault.busy_429],
    [fault.busy_503],
    [fault.busy_503] * GIVES_UP,
]


def told(faults: list[Fault]) -> str:
    return "-".join(getattr(one, "__name__", "?") for one in faults)


@pytest.mark.parametrize("faults", LOST_ANSWERS + LOST_REQUESTS, ids=told)
async def test_a_creation_is_committed_once(
    store: TableStorageStore, proxy: FaultProxy, partition: Partition, faults: list[Fault]
) -> None:
    sent = transaction(partition, record(ticket()), record(ticket()))
    proxy.inject(*faults)
    answer = await store.commit(sent)
    assert proxy.used_up
    await assert_committed_once(store, sent, answer)


@pytest.mark.parametrize("faults", LOST_ANSWERS + LOST_REQUESTS, ids=told)
async def test_an_update_is_committed_once(
    store: TableStorageStore, proxy: FaultProxy, partition: Partition, faults: list[Fault]
) -> None:
    opened = ticket()
    await store.commit(transaction(partition, record(opened)))
    read = await store.load(partition, Ticket, opened.id)
    assert read is not None
    sent = transaction(partition, record(opened, read.etag, version=2))
    proxy.inject(*faults)
    answer = await store.commit(sent)
    assert proxy.used_up
    await assert_committed_once(store, sent, answer)


@pytest.mark.parametrize("faults", [*LOST_ANSWERS[:8], *LOST_REQUESTS], ids=told)
async def test_a_lone_journal_row_is_committed_once(
    store: TableStorageStore, proxy: FaultProxy, partition: Partition, faults: list[Fault]
) -> None:
    sent = journal(partition, pending=False)
    proxy.inject(*faults)
    assert await store.commit(Transaction(sent, ())) == Committed(sent, repeated=False)
    assert proxy.used_up
    assert await store.handled(partition, sent.outcome.command_id) == sent


@pytest.mark.parametrize("faults", LOST_ANSWERS, ids=told)
async def test_a_repeat_is_never_taken_for_our_own(
    store: TableStorageStore, proxy: FaultProxy, partition: Partition, faults: list[Fault]
) -> None:
    command_id = new_id()
    first = transaction(partition, record(ticket()), command_id=command_id)
    await store.commit(first)
    proxy.inject(*faults)
    again = await store.commit(transaction(partition, record(ticket()), command_id=command_id))
    assert again == Committed(first.journal, repeated=True)


@pytest.mark.parametrize("faults", [*LOST_REQUESTS, [fault.busy_503, fault.cut_before]], ids=told)
async def test_a_taken_name_is_told_from_a_fault(
    store: TableStorageStore, proxy: FaultProxy, partition: Partition, faults: list[Fault]
) -> None:
    await store.commit(transaction(partition, record(ticket("leak"))))
    proxy.inject(*faults)
    with pytest.raises(Rejected, match="a ticket leak exists already"):
        await store.commit(transaction(partition, record(ticket("leak"))))


@pytest.mark.parametrize("faults", LOST_REQUESTS, ids=told)
async def test_a_lost_race_is_told_from_a_fault(
    store: TableStorageStore, proxy: FaultProxy, partition: Partition, faults: list[Fault]
) -> None:
    opened = ticket()
    await store.commit(transaction(partition, record(opened)))
    read = await store.load(partition, Ticket, opened.id)
    assert read is not None
    await store.commit(transaction(partition, record(opened, read.etag, version=2)))
    proxy.inject(*faults)
    with pytest.raises(Conflict):
        await store.commit(transaction(partition, record(opened, read.etag, version=3)))


async def test_a_conflict_whose_index_is_wrong_is_looked_up(
    store: TableStorageStore, proxy: FaultProxy, partition: Partition
) -> None:
    async def with_a_wrong_index(exchange: Exchange) -> web.StreamResponse:
        answer = await exchange.forward()
        assert isinstance(answer.body, bytes) and b"EntityAlreadyExists" in answer.body
        body = answer.body.replace(b'"value":"2:', b'"value":"0:')
        assert body != answer.body
        return web.Response(status=answer.status, headers=answer.headers, body=body)

    await store.commit(transaction(partition, record(ticket("leak"))))
    proxy.always(with_a_wrong_index, "POST")
    with pytest.raises(Rejected, match="a ticket leak exists already"):
        await store.commit(transaction(partition, record(ticket("leak"))))


async def test_a_request_that_arrives_late_changes_nothing(
    store: TableStorageStore, proxy: FaultProxy, partition: Partition
) -> None:
    second_is_here, first_has_arrived = asyncio.Event(), asyncio.Event()

    async def held_up(exchange: Exchange) -> web.StreamResponse:
        await second_is_here.wait()
        await exchange.forward()
        first_has_arrived.set()
        return exchange.cut()

    async def overtaken(exchange: Exchange) -> web.StreamResponse:
        second_is_here.set()
        await first_has_arrived.wait()
        return await exchange.forward()

    sent = transaction(partition, record(ticket()))
    proxy.inject(held_up, overtaken)
    answer = await store.commit(sent)
    assert proxy.used_up
    await assert_committed_once(store, sent, answer)
