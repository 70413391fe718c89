"""What every `Store` keeps to: pages of a kind, and traces in the order of time and cause."""

import base64
from datetime import UTC, datetime, timedelta

import pytest

from domain.kernel.aggregate import Aggregate
from domain.kernel.errors import Invalid
from domain.kernel.work import Partition
from tests.contracts import store_fixtures
from tests.contracts.store_fixtures import (
    AWKWARD,
    AnyStore,
    Ticket,
    TicketNote,
    journal,
    new_id,
    node,
    record,
    ticket,
    transaction,
)

store, partition = store_fixtures.store, store_fixtures.partition


async def test_a_trace_of_250_nodes_comes_back_in_the_order_of_time(
    store: AnyStore, partition: Partition
) -> None:
    trace_id = new_id("trace")
    start = datetime(2026, 1, 1, tzinfo=UTC)
    nodes = tuple(
        node(partition, trace_id, new_id("evt"), occurred_at=(start + timedelta(seconds=n)).isoformat())
        for n in range(250)
    )
    await store.settle(journal(partition, trace=nodes[100:]))
    await store.settle(journal(partition, trace=nodes[:100]))
    assert await store.trace(partition.tenant_id, trace_id) == list(nodes)


async def test_settling_twice_indexes_once(store: AnyStore, partition: Partition) -> None:
    trace_id = new_id("trace")
    sent = journal(partition, trace=(node(partition, trace_id, "evt-1", details={"payload": AWKWARD}),))
    await store.settle(sent)
    await store.settle(sent)
    assert await store.trace(partition.tenant_id, trace_id) == list(sent.trace)


async def test_a_trace_puts_causes_before_effects_at_equal_times(
    store: AnyStore, partition: Partition
) -> None:
    trace_id = new_id("trace")
    # Ids in reverse, so that sorting by id alone would put effects first.
    command = node(partition, trace_id, "cmd-9")
    first, second = (node(partition, trace_id, f"evt-{n}", "cmd-9") for n in (8, 2))
    follow_up = node(partition, trace_id, "cmd-1", "evt-8")
    effect = node(partition, trace_id, "evt-0", "cmd-1")
    await store.settle(journal(partition, trace=(follow_up, effect)))
    await store.settle(journal(partition, trace=(command, first, second)))
    assert await store.trace(partition.tenant_id, trace_id) == [command, first, second, follow_up, effect]


async def test_a_trace_orders_fractions_of_a_second(store: AnyStore, partition: Partition) -> None:
    trace_id = new_id("trace")
    late = node(partition, trace_id, "evt-1", occurred_at="2026-05-06T07:08:09.250Z")
    early = node(partition, trace_id, "evt-2", occurred_at="2026-05-06T07:08:09Z")
    await store.settle(journal(partition, trace=(late, early)))
    assert await store.trace(partition.tenant_id, trace_id) == [early, late]


async def test_a_trace_spans_the_projects_of_a_tenant(store: AnyStore, partition: Partition) -> None:
    trace_id, other = new_id("trace"), Partition(partition.tenant_id, "project-2")
    cause = node(partition, trace_id, "evt-1")
    effect = node(other, trace_id, "evt-2", "evt-1")
    await store.settle(journal(partition, trace=(cause,)))
    await store.settle(journal(other, trace=(effect,)))
    assert await store.trace(partition.tenant_id, trace_id) == [cause, effect]


async def test_pages_follow_each_other_to_the_end(store: AnyStore, partition: Partition) -> None:
    tickets = sorted((ticket() for _ in range(7)), key=lambda one: one.id)
    notes = TicketNote(note_id=new_id("nte"))
    await store.commit(transaction(partition, *map(record, tickets), record(notes)))
    seen, after, sizes = [], None, []
    while True:
        page = await store.page(partition, Ticket, 3, after)
        seen += [one.aggregate.id for one in page.items]
        sizes.append(len(page.items))
        if (after := page.next) is None:
            break
    assert seen == [one.id for one in tickets] and sizes == [3, 3, 1]


async def test_a_page_that_holds_all_has_no_next(store: AnyStore, partition: Partition) -> None:
    await store.commit(transaction(partition, record(ticket()), record(ticket())))
    assert (await store.page(partition, Ticket, 2)).next is None


async def test_what_a_page_gave_can_be_updated(store: AnyStore, partition: Partition) -> None:
    await store.commit(transaction(partition, record(ticket())))
    listed = (await store.page(partition, Ticket, 1)).items[0]
    await store.commit(transaction(partition, record(listed.aggregate, listed.etag, version=2)))


async def test_a_token_of_another_listing_is_invalid(store: AnyStore, partition: Partition) -> None:
    await store.commit(transaction(partition, *[record(ticket()) for _ in range(3)]))
    token = (await store.page(partition, Ticket, 1)).next
    assert token is not None
    stranger = Partition("somebody-else", partition.project_id)
    garbage = ["", "x", "é", "!" * 8, base64.urlsafe_b64encode(b"[1]").decode(), token[:-2], f"{token}=="]
    attempts: list[tuple[Partition, type[Aggregate], str]] = [
        (stranger, Ticket, token),
        (partition, TicketNote, token),
    ]
    attempts += [(partition, Ticket, text) for text in garbage]
    for of_partition, kind, text in attempts:
        with pytest.raises(Invalid) as refused:
            await store.page(of_partition, kind, 1, text)
        assert [error.field for error in refused.value.errors] == ["after"]
