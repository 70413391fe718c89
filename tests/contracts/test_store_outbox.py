"""What every `Store` keeps to: what it was given comes back, and nothing committed stays unpublished."""

from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.kernel.envelope import Message
from domain.kernel.journal import Committed, Transaction
from domain.kernel.work import Partition
from tests.contracts import store_fixtures
from tests.contracts.store_fixtures import (
    AWKWARD,
    AnyStore,
    Ticket,
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


async def test_messages_come_back_byte_for_byte(store: AnyStore, partition: Partition) -> None:
    properties: dict[str, str | int] = {"cs-event-type": AWKWARD, "cs-aggregate-version": 7}
    messages = tuple(
        Message("devops.x", f"evt-{n}", f'{{"text":"{AWKWARD}{n}"}}', properties) for n in (1, 2)
    )
    sent = journal(partition, messages=messages)
    await store.receive(sent, "{}")
    kept = await store.handled(partition, sent.outcome.command_id)
    assert kept is not None and kept.messages == messages
    assert [one.body.encode() for one in kept.messages] == [one.body.encode() for one in messages]
    assert type(kept.messages[0].properties["cs-aggregate-version"]) is int
    assert await pending_of(store, partition) == [sent]


async def test_a_rejection_is_kept_with_its_sentence(store: AnyStore, partition: Partition) -> None:
    sent = journal(partition, rejection=f"no: {AWKWARD}")
    await store.commit(Transaction(sent, ()))
    assert await store.handled(partition, sent.outcome.command_id) == sent


async def test_what_pends_is_unpublished_until_it_is_settled(store: AnyStore, partition: Partition) -> None:
    # Ids in reverse, so that their order is not the order of the commits.
    sent = [transaction(partition, record(ticket()), command_id=f"cmd-{n}") for n in (3, 2, 1)]
    for one in sent:
        await store.commit(one)
    assert await pending_of(store, partition) == [one.journal for one in sent]
    await store.settle(sent[1].journal)
    assert await pending_of(store, partition) == [sent[0].journal, sent[2].journal]
    settled = await store.handled(partition, sent[1].journal.outcome.command_id)
    assert settled is not None and not settled.pending
    for one in sent:
        await store.settle(one.journal)
    assert await pending_of(store, partition) == []


async def test_what_was_just_committed_is_left_to_its_own_process(
    store: AnyStore, partition: Partition
) -> None:
    before = datetime.now(UTC) - timedelta(seconds=30)
    await store.commit(transaction(partition, record(ticket())))
    assert await pending_of(store, partition, before) == []


async def test_what_has_nothing_to_publish_never_pends(store: AnyStore, partition: Partition) -> None:
    quiet = journal(partition, pending=False)
    await store.receive(quiet, "{}")
    assert await store.handled(partition, quiet.outcome.command_id) == quiet
    assert await pending_of(store, partition) == []


async def test_settling_may_happen_while_walking(store: AnyStore, partition: Partition) -> None:
    for _ in range(20):
        await store.commit(transaction(partition, record(ticket())))
    walked = 0
    async for one in store.unpublished(soon()):
        await store.settle(one)
        walked += 1
    assert walked == 20 and await pending_of(store, partition) == []


async def test_a_state_of_three_megabytes_comes_back(store: AnyStore, partition: Partition) -> None:
    opened = ticket(text=AWKWARD * 60_000)
    assert len(opened.state()) > 3_000_000
    trace_id = new_id("trace")
    facts = (node(partition, trace_id, "evt-1", details={"payload": opened.text}),)
    messages = (Message("devops.x", "evt-1", opened.state(), {}),)
    sent = journal(partition, messages=messages, trace=facts)
    await store.commit(Transaction(sent, (record(opened),)))
    loaded = await store.load(partition, Ticket, opened.id)
    assert loaded is not None and loaded.aggregate.text == opened.text
    assert await pending_of(store, partition) == [sent]
    await store.settle(sent)
    assert await store.trace(partition.tenant_id, trace_id) == list(facts)
    opened.text = "small"
    await store.commit(transaction(partition, record(opened, loaded.etag, version=2)))
    again = await store.load(partition, Ticket, opened.id)
    assert again is not None and again.aggregate.text == "small"


async def test_many_large_states_are_one_transaction(store: AnyStore, partition: Partition) -> None:
    tickets = [ticket(text='"' * 200_000) for _ in range(20)]
    await store.commit(transaction(partition, *map(record, tickets)))
    for one in tickets:
        loaded = await store.load(partition, Ticket, one.id)
        assert loaded is not None and loaded.aggregate.text == one.text


async def test_what_comes_in_is_kept_raw_and_once(store: AnyStore, partition: Partition) -> None:
    command_id = new_id()
    first, again = journal(partition, command_id), journal(partition, command_id)
    assert await store.receive(first, AWKWARD * 30_000) == Committed(first, repeated=False)
    assert await store.receive(again, "something else") == Committed(first, repeated=True)
    assert await store.raw(partition, command_id) == AWKWARD * 30_000
    assert await pending_of(store, partition) == [first]


async def test_a_mark_is_remembered_to_the_microsecond(store: AnyStore, partition: Partition) -> None:
    early = datetime(2026, 5, 6, 7, 8, 9, 123456, UTC)
    await store.set_mark(partition, "sync|a/b", early)
    assert await store.mark(partition, "sync|a/b") == early
    await store.set_mark(partition, "sync|a/b", early + timedelta(days=1))
    assert await store.mark(partition, "sync|a/b") == early + timedelta(days=1)
    assert await store.mark(partition, "other") is None


async def test_every_partition_that_committed_is_known(store: AnyStore, partition: Partition) -> None:
    other = Partition(partition.tenant_id, "project-2")
    for one in (partition, other, partition):
        await store.commit(transaction(one, record(ticket())))
    await store.receive(journal(Partition("hooked", "p"), pending=False), "{}")
    known = [one async for one in store.partitions()]
    assert len(known) == 3 and set(known) == {partition, other, Partition("hooked", "p")}


async def test_a_store_that_answers_can_be_pinged(store: AnyStore) -> None:
    await store.ping()


async def test_nobody_changes_what_is_stored_by_holding_on_to_it(
    store: AnyStore, partition: Partition
) -> None:
    sent = transaction(partition, record(ticket()))
    command_id = sent.journal.outcome.command_id
    await store.commit(sent)
    kept = await store.handled(partition, command_id)
    assert kept is not None
    sent.journal.outcome.reply["events"].append("changed")
    kept.outcome.reply["events"].append("changed")
    again = await store.handled(partition, command_id)
    assert again is not None and again.outcome.reply["events"] == []


@given(text=st.text(max_size=2_000), repeat=st.integers(1, 200))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_text_comes_back(store: AnyStore, partition: Partition, text: str, repeat: int) -> None:
    opened = ticket(text=text * repeat)
    sent = journal(partition, messages=(Message("devops.x", "evt-1", text * repeat, {}),))
    await store.commit(Transaction(sent, (record(opened),)))
    loaded = await store.load(partition, Ticket, opened.id)
    kept = await store.handled(partition, sent.outcome.command_id)
    assert loaded is not None and loaded.aggregate.text == opened.text
    assert kept is not None and kept.messages == sent.messages
