"""The emulator against the unmodified aio SDK: sending, and everything a receiver can do with a message."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.exceptions import (
    MessageLockLostError,
    MessageNotFoundError,
    MessagingEntityNotFoundError,
)

from tests.infra.sb_bus import Bus, is_empty, one, running, several

_QUEUES: dict[str, dict[str, Any]] = {
    **{name: {} for name in ("plain", "batch", "dead", "defer", "scheduled", "peek")},
    "abandon": {"MaxDeliveryCount": 3},
    "renew": {"LockDuration": "PT2S"},
    "lost": {"LockDuration": "PT1S", "MaxDeliveryCount": 2},
}


@pytest.fixture(scope="module")
async def bus(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bus]:
    async with running(tmp_path_factory.mktemp("service_bus"), _QUEUES) as opened:
        yield opened


async def test_a_message_arrives_as_it_was_sent_and_completing_it_removes_it(bus: Bus) -> None:
    sender, receiver = await bus.queue("plain")
    sent = ServiceBusMessage(
        b"\x00body",
        message_id="m-1",
        subject="Created",
        correlation_id="c-1",
        content_type="application/json",
        application_properties={"kind": "pod", "count": 3, "ratio": 0.5, "ready": True},
    )
    before = datetime.now(UTC)
    await sender.send_messages(sent)
    message = await one(receiver)
    assert b"".join(message.body) == b"\x00body"
    assert (message.message_id, message.subject, message.correlation_id) == ("m-1", "Created", "c-1")
    assert message.content_type == "application/json"
    assert message.application_properties == {b"kind": b"pod", b"count": 3, b"ratio": 0.5, b"ready": True}
    assert (message.delivery_count, message.sequence_number, message.enqueued_sequence_number) == (0, 1, 1)
    assert message.enqueued_time_utc is not None
    assert abs(message.enqueued_time_utc - before) < timedelta(seconds=5)
    assert message.locked_until_utc is not None
    assert timedelta(seconds=50) < message.locked_until_utc - before < timedelta(seconds=65)
    await receiver.complete_message(message)
    assert await is_empty(receiver)


async def test_a_batch_arrives_whole_and_in_order(bus: Bus) -> None:
    sender, receiver = await bus.queue("batch")
    batch = await sender.create_message_batch()
    for number in range(100):
        batch.add_message(ServiceBusMessage(str(number)))
    await sender.send_messages(batch)
    messages = await several(receiver, 100)
    assert [str(message) for message in messages] == [str(number) for number in range(100)]
    await asyncio.gather(*(receiver.complete_message(message) for message in messages))
    assert await is_empty(receiver)


async def test_abandoning_counts_until_the_message_is_dead_lettered_with_all_it_had(bus: Bus) -> None:
    sender, receiver = await bus.queue("abandon")
    await sender.send_messages(ServiceBusMessage("body", application_properties={"kind": "pod"}, subject="s"))
    counts = []
    for _ in range(3):
        message = await one(receiver)
        counts.append(message.delivery_count)
        await receiver.abandon_message(message)
    assert counts == [0, 1, 2]
    assert await is_empty(receiver)
    dead = await one(await bus.dead_letters("abandon"))
    assert (str(dead), dead.subject, dead.message_id) == ("body", "s", message.message_id)
    assert dead.application_properties is not None
    assert dead.application_properties[b"kind"] == b"pod"
    assert dead.dead_letter_reason == "MaxDeliveryCountExceeded"
    assert dead.dead_letter_source == "abandon"
    await (await bus.dead_letters("abandon")).complete_message(dead)


async def test_dead_lettering_keeps_reason_and_description(bus: Bus) -> None:
    sender, receiver = await bus.queue("dead")
    await sender.send_messages(ServiceBusMessage("poison"))
    await receiver.dead_letter_message(
        await one(receiver), reason="Rejected", error_description="not an order"
    )
    dead_letters = await bus.dead_letters("dead")
    dead = await one(dead_letters)
    assert (dead.dead_letter_reason, dead.dead_letter_error_description) == ("Rejected", "not an order")
    assert str(dead) == "poison"
    await dead_letters.complete_message(dead)
    assert await is_empty(receiver)
    assert await is_empty(dead_letters)


async def test_a_deferred_message_is_received_only_by_its_sequence_number(bus: Bus) -> None:
    sender, receiver = await bus.queue("defer")
    await sender.send_messages([ServiceBusMessage("later"), ServiceBusMessage("now")])
    later = await one(receiver)
    assert later.sequence_number is not None
    await receiver.defer_message(later)
    now = await one(receiver)
    assert str(now) == "now"
    await receiver.complete_message(now)
    with pytest.raises(MessageNotFoundError):
        await receiver.receive_deferred_messages([later.sequence_number, 999])
    (deferred,) = await receiver.receive_deferred_messages(later.sequence_number)
    assert str(deferred) == "later"
    await receiver.complete_message(deferred)
    assert await is_empty(receiver)


async def test_a_scheduled_message_comes_when_it_is_due_and_a_cancelled_one_never(bus: Bus) -> None:
    sender, receiver = await bus.queue("scheduled")
    due = datetime.now(UTC) + timedelta(seconds=1)
    cancelled, kept = await sender.schedule_messages(
        [ServiceBusMessage("cancelled"), ServiceBusMessage("kept")], due
    )
    await sender.send_messages(ServiceBusMessage("by property", scheduled_enqueue_time_utc=due))
    await sender.cancel_scheduled_messages(cancelled)
    with pytest.raises(MessageNotFoundError):
        await sender.cancel_scheduled_messages(cancelled)
    peeked = await receiver.peek_messages(10, sequence_number=1)
    assert [str(message) for message in peeked] == ["kept", "by property"]
    assert peeked[0].sequence_number == kept
    assert peeked[0].state.name == "SCHEDULED"
    messages = await several(receiver, 2)
    assert sorted(str(message) for message in messages) == ["by property", "kept"]
    assert all(
        m.enqueued_time_utc and m.enqueued_time_utc >= due - timedelta(milliseconds=2) for m in messages
    )
    await asyncio.gather(*(receiver.complete_message(message) for message in messages))


async def test_peeking_neither_locks_nor_removes(bus: Bus) -> None:
    sender, receiver = await bus.queue("peek")
    await sender.send_messages([ServiceBusMessage(text) for text in "abcd"])
    locked = await one(receiver)
    assert [str(message) for message in await receiver.peek_messages(3, sequence_number=1)] == ["a", "b", "c"]
    assert [str(message) for message in await receiver.peek_messages(9, sequence_number=3)] == ["c", "d"]
    await asyncio.gather(*(receiver.complete_message(m) for m in [locked, *await several(receiver, 3)]))
    assert await is_empty(receiver)


async def test_a_renewed_lock_outlives_its_first_term(bus: Bus) -> None:
    sender, receiver = await bus.queue("renew")
    await sender.send_messages(ServiceBusMessage("held"))
    message = await one(receiver)
    first_term = message.locked_until_utc
    assert first_term is not None
    await asyncio.sleep(0.5)
    renewed = await receiver.renew_message_lock(message)
    assert renewed > first_term
    await asyncio.sleep(max(0.0, (first_term - datetime.now(UTC)).total_seconds()) + 0.1)
    await receiver.complete_message(message)
    assert await is_empty(receiver)


async def test_a_lock_that_expires_makes_the_message_visible_again(bus: Bus) -> None:
    sender, receiver = await bus.queue("lost")
    await sender.send_messages(ServiceBusMessage("slow"))
    held = await one(receiver)
    again = await one(receiver)
    assert (str(again), again.delivery_count) == ("slow", 1)
    with pytest.raises(MessageLockLostError):
        await receiver.complete_message(held)
    # The second lock runs out too, which is the last delivery that the queue allows.
    dead_letters = await bus.dead_letters("lost")
    dead = await one(dead_letters)
    assert dead.dead_letter_reason == "MaxDeliveryCountExceeded"
    await dead_letters.complete_message(dead)


async def test_an_entity_that_is_not_there_is_refused_by_name(bus: Bus) -> None:
    with pytest.raises(MessagingEntityNotFoundError, match="nowhere"):
        async with bus.client.get_queue_receiver("nowhere") as receiver:
            await receiver.receive_messages(max_wait_time=1)
