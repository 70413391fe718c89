"""What every `Store` keeps to, in memory and on Table Storage: a commit is whole, once, or not at all."""

import asyncio
from datetime import UTC, datetime

import pytest

from domain.kernel.aggregate import UniqueKey
from domain.kernel.errors import Conflict, Rejected
from domain.kernel.journal import Committed
from domain.kernel.work import Partition, Record
from tests.contracts import store_fixtures
from tests.contracts.store_fixtures import (
    AWKWARD,
    AnyStore,
    Ticket,
    TicketNote,
    journal,
    new_id,
    node,
    pending_of,
    record,
    soon,
    ticket,
    transaction,
)

store, partition = store_fixtures.store, store_fixtures.partition


async def test_what_is_committed_can_be_loaded(store: AnyStore, partition: Partition) -> None:
    opened = ticket(text=AWKWARD)
    sent = transaction(partition, record(opened, version=3))
    assert await store.commit(sent) == Committed(sent.journal, repeated=False)
    loaded = await store.load(partition, Ticket, opened.id)
    assert loaded is not None and loaded.aggregate.state() == opened.state()
    assert loaded.aggregate.aggregate_version == 3


async def test_what_was_never_committed_is_not_there(store: AnyStore, partition: Partition) -> None:
    assert await store.load(partition, Ticket, "tkt-1") is None
    assert await store.lookup(partition, ticket().unique_keys()[0]) is None
    assert await store.handled(partition, "cmd-1") is None
    assert (await store.page(partition, Ticket, 10)).items == ()
    assert await store.trace(partition.tenant_id, "trace-1") == []
    assert await store.mark(partition, "sync") is None
    assert [one async for one in store.unpublished(soon())] == []
    assert [one async for one in store.partitions()] == []


async def test_an_update_needs_the_etag_that_was_read(store: AnyStore, partition: Partition) -> None:
    opened = ticket(text="first " * 10_000)
    await store.commit(transaction(partition, record(opened)))
    read = await store.load(partition, Ticket, opened.id)
    assert read is not None
    opened.text = "second"
    await store.commit(transaction(partition, record(opened, read.etag, version=2)))
    again = await store.load(partition, Ticket, opened.id)
    assert again is not None and again.etag != read.etag
    # Shorter than before: nothing of the longer state may be left at its end.
    assert (again.aggregate.text, again.aggregate.aggregate_version) == ("second", 2)


async def test_a_stale_etag_is_a_conflict_and_leaves_nothing(store: AnyStore, partition: Partition) -> None:
    opened, other = ticket(), ticket()
    await store.commit(transaction(partition, record(opened)))
    read = await store.load(partition, Ticket, opened.id)
    assert read is not None
    await store.commit(transaction(partition, record(opened, read.etag, version=2)))
    late = transaction(partition, record(other), record(opened, read.etag, version=9))
    with pytest.raises(Conflict):
        await store.commit(late)
    assert await store.load(partition, Ticket, other.id) is None
    assert await store.lookup(partition, other.unique_keys()[0]) is None
    assert await store.handled(partition, late.journal.outcome.command_id) is None
    kept = await store.load(partition, Ticket, opened.id)
    assert kept is not None and kept.aggregate.aggregate_version == 2
    assert len(await pending_of(store, partition)) == 2


async def test_updating_what_does_not_exist_is_a_conflict(store: AnyStore, partition: Partition) -> None:
    opened = ticket()
    await store.commit(transaction(partition, record(opened)))
    read = await store.load(partition, Ticket, opened.id)
    assert read is not None
    with pytest.raises(Conflict):
        await store.commit(transaction(partition, record(ticket(), read.etag)))


async def test_creating_what_exists_is_a_conflict(store: AnyStore, partition: Partition) -> None:
    note = TicketNote(note_id=new_id("nte"))
    await store.commit(transaction(partition, record(note)))
    with pytest.raises(Conflict):
        await store.commit(transaction(partition, record(note)))


async def test_creating_what_exists_says_its_sentence_where_it_has_a_name(
    store: AnyStore, partition: Partition
) -> None:
    opened = ticket("leak")
    await store.commit(transaction(partition, record(opened)))
    opened.title = "flood"
    with pytest.raises(Rejected, match="a ticket flood exists already"):
        await store.commit(transaction(partition, record(opened)))


async def test_a_repeated_command_returns_the_first_journal(store: AnyStore, partition: Partition) -> None:
    command_id, opened = new_id(), ticket()
    first = await store.commit(transaction(partition, record(opened), command_id=command_id))
    again = await store.commit(transaction(partition, record(ticket()), command_id=command_id))
    assert again == Committed(first.journal, repeated=True)
    assert len((await store.page(partition, Ticket, 10)).items) == 1


async def test_a_repeated_update_is_a_repeat_and_not_a_conflict(
    store: AnyStore, partition: Partition
) -> None:
    opened = ticket()
    await store.commit(transaction(partition, record(opened)))
    read = await store.load(partition, Ticket, opened.id)
    assert read is not None
    update = transaction(partition, record(opened, read.etag, version=2))
    await store.commit(update)
    assert await store.commit(update) == Committed(update.journal, repeated=True)


async def test_a_repeated_creation_is_a_repeat_and_not_a_taken_name(
    store: AnyStore, partition: Partition
) -> None:
    creation = transaction(partition, record(ticket("leak")))
    await store.commit(creation)
    assert (await store.commit(creation)).repeated


async def test_of_concurrent_deliveries_one_commits(store: AnyStore, partition: Partition) -> None:
    command_id = new_id()
    deliveries = [transaction(partition, record(ticket()), command_id=command_id) for _ in range(12)]
    answers = await asyncio.gather(*(store.commit(delivery) for delivery in deliveries))
    assert sorted(answer.repeated for answer in answers) == [False] + [True] * 11
    assert len({answer.journal.outcome.reply["nonce"] for answer in answers}) == 1
    assert len((await store.page(partition, Ticket, 50)).items) == 1


async def test_a_repeat_says_whether_the_messages_are_out(store: AnyStore, partition: Partition) -> None:
    sent = transaction(partition, record(ticket()))
    await store.commit(sent)
    assert (await store.commit(sent)).journal.pending
    await store.settle(sent.journal)
    assert not (await store.commit(sent)).journal.pending


async def test_a_taken_name_says_its_sentence_and_leaves_nothing(
    store: AnyStore, partition: Partition
) -> None:
    holder, second = ticket("leak"), ticket("leak")
    await store.commit(transaction(partition, record(holder)))
    late = transaction(partition, record(second))
    with pytest.raises(Rejected, match="a ticket leak exists already"):
        await store.commit(late)
    assert await store.load(partition, Ticket, second.id) is None
    assert await store.handled(partition, late.journal.outcome.command_id) is None
    assert await store.lookup(partition, second.unique_keys()[0]) == holder.id


async def test_a_taken_name_beside_an_update_says_its_sentence(store: AnyStore, partition: Partition) -> None:
    opened = ticket()
    await store.commit(transaction(partition, record(ticket("leak")), record(opened)))
    read = await store.load(partition, Ticket, opened.id)
    assert read is not None
    update = record(opened, read.etag, version=2)
    with pytest.raises(Rejected, match="a ticket leak exists already"):
        await store.commit(transaction(partition, update, record(ticket("leak"))))
    await store.commit(transaction(partition, update))


async def test_a_name_is_claimed_once_within_a_transaction_too(store: AnyStore, partition: Partition) -> None:
    with pytest.raises(Rejected, match="leak"):
        await store.commit(transaction(partition, record(ticket("leak")), record(ticket("leak"))))
    assert (await store.page(partition, Ticket, 10)).items == ()


async def test_a_name_is_free_in_another_project(store: AnyStore, partition: Partition) -> None:
    other = Partition(partition.tenant_id, "project-2")
    await store.commit(transaction(partition, record(ticket("leak"))))
    await store.commit(transaction(other, record(ticket("leak"))))


async def test_names_differ_by_every_part_of_their_key(store: AnyStore, partition: Partition) -> None:
    keys = [("kind", ("a", "bc")), ("kind", ("ab", "c")), ("kind", ("abc",)), ("other", ("abc",))]
    for kind, parts in keys:
        id = new_id()
        name = UniqueKey(kind, parts, f"{kind} {parts} is taken")
        await store.commit(transaction(partition, Record("Ticket", id, 1, 1, "{}", None, (name,))))
        assert await store.lookup(partition, name) == id


async def test_of_32_concurrent_creations_of_a_name_one_wins(store: AnyStore, partition: Partition) -> None:
    creations = [transaction(partition, record(ticket("leak"))) for _ in range(32)]
    answers = await asyncio.gather(*map(store.commit, creations), return_exceptions=True)
    winners = [answer for answer in answers if isinstance(answer, Committed)]
    losers = [answer for answer in answers if isinstance(answer, Rejected)]
    assert (len(winners), len(losers)) == (1, 31)
    assert {loser.sentence for loser in losers} == {"a ticket leak exists already"}
    assert len((await store.page(partition, Ticket, 50)).items) == 1


async def test_a_command_of_many_aggregates_is_written_whole(store: AnyStore, partition: Partition) -> None:
    tickets = [ticket() for _ in range(40)]
    await store.commit(transaction(partition, *map(record, tickets)))
    page = await store.page(partition, Ticket, 100)
    assert {one.aggregate.id for one in page.items} == {one.id for one in tickets}


async def test_another_tenant_and_another_project_see_nothing(store: AnyStore, partition: Partition) -> None:
    opened, trace_id = ticket("leak"), new_id("trace")
    facts = journal(partition, trace=(node(partition, trace_id, "evt-1"),))
    sent = transaction(partition, record(opened))
    await store.commit(sent)
    await store.settle(facts)
    await store.set_mark(partition, "sync", datetime.now(UTC))
    strangers = [
        Partition(f"{partition.tenant_id}-2", partition.project_id),
        Partition(partition.tenant_id, "project-2"),
        Partition(partition.project_id, partition.tenant_id),
        Partition(f"{partition.tenant_id}' or '1' eq '1", partition.project_id),
        Partition(f"{partition.tenant_id}|{partition.project_id}", ""),
    ]
    for stranger in strangers:
        assert await store.load(stranger, Ticket, opened.id) is None
        assert await store.lookup(stranger, opened.unique_keys()[0]) is None
        assert await store.handled(stranger, sent.journal.outcome.command_id) is None
        assert (await store.page(stranger, Ticket, 10)).items == ()
        assert await store.mark(stranger, "sync") is None
    assert await store.trace(f"{partition.tenant_id}-2", trace_id) == []
    assert await store.trace(f"{partition.tenant_id}' or '1' eq '1", trace_id) == []


async def test_awkward_names_are_kept_apart(store: AnyStore, partition: Partition) -> None:
    ids = ["a/b", "a\\b", "a#b", "a?b", "a%2fb", "a~2fb", "a|b", "a b", "é", "😀", "x" * 300, "x" * 301, "'"]
    for id in ids:
        await store.commit(transaction(partition, record(TicketNote(note_id=id)), command_id=id))
    for id in ids:
        loaded = await store.load(partition, TicketNote, id)
        assert loaded is not None and loaded.aggregate.note_id == id
        assert await store.handled(partition, id) is not None
