"""The emulator against the unmodified aio SDK: what entities do by themselves, and many receivers."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from azure.servicebus import ServiceBusMessage, ServiceBusReceiveMode
from azure.servicebus.exceptions import (
    MessageSizeExceededError,
)

from tests.infra.sb_bus import Bus, is_empty, one, running, several
from tests.infra.sb_fixture import correlation, sql, subscription

_QUEUES: dict[str, dict[str, Any]] = {
    **{name: {} for name in ("delete", "drain", "size", "many", "second")},
    "expiring": {"DefaultMessageTimeToLive": "PT0.5S", "DeadLetteringOnMessageExpiration": True},
    "vanishing": {"DefaultMessageTimeToLive": "PT1H"},
    "once": {"RequiresDuplicateDetection": True, "DuplicateDetectionHistoryTimeWindow": "PT2S"},
    "first": {"ForwardTo": "second"},
}
_TOPICS = {
    "events": [
        subscription("all"),
        subscription("pods", correlation(Label="Created", Properties={"kind": "pod"})),
        subscription("some", sql("sys.Label IN ('Created', 'Deleted') AND NOT EXISTS(hidden)")),
        subscription("marked", sql("1=1", action="SET seen = 'yes'")),
    ]
}


@pytest.fixture(scope="module")
async def bus(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bus]:
    async with running(tmp_path_factory.mktemp("service_bus"), _QUEUES, _TOPICS) as opened:
        yield opened


async def test_an_expired_message_is_dead_lettered_where_the_queue_says_so(bus: Bus) -> None:
    sender, _ = await bus.queue("expiring")
    await sender.send_messages(ServiceBusMessage("stale", time_to_live=timedelta(hours=1)))
    dead_letters = await bus.dead_letters("expiring")
    dead = await one(dead_letters)
    assert (str(dead), dead.dead_letter_reason) == ("stale", "TTLExpiredException")
    await dead_letters.complete_message(dead)


async def test_an_expired_message_vanishes_otherwise(bus: Bus) -> None:
    sender, receiver = await bus.queue("vanishing")
    await sender.send_messages(ServiceBusMessage("stale", time_to_live=timedelta(milliseconds=100)))
    await sender.send_messages(ServiceBusMessage("fresh"))
    message = await one(receiver)
    if str(message) == "stale":
        await receiver.abandon_message(message)
    deadline = time.monotonic() + 5
    while len(left := await receiver.peek_messages(2, sequence_number=1)) > 1:
        assert time.monotonic() < deadline, "the expired message is still there"
        await asyncio.sleep(0.05)
    assert [str(each) for each in left] == ["fresh"]


async def test_a_message_id_is_accepted_once_within_the_window(bus: Bus) -> None:
    sender, receiver = await bus.queue("once")
    await sender.send_messages(ServiceBusMessage("first", message_id="same"))
    await sender.send_messages(ServiceBusMessage("second", message_id="same"))
    await sender.send_messages(ServiceBusMessage("other", message_id="other"))
    messages = await several(receiver, 2)
    assert [str(message) for message in messages] == ["first", "other"]
    await asyncio.gather(*(receiver.complete_message(message) for message in messages))
    await asyncio.sleep(2)
    await sender.send_messages(ServiceBusMessage("after the window", message_id="same"))
    assert str(await one(receiver)) == "after the window"


async def test_receive_and_delete_needs_no_settling(bus: Bus) -> None:
    sender, _ = await bus.queue("delete")
    await sender.send_messages([ServiceBusMessage(text) for text in "ab"])
    mode = ServiceBusReceiveMode.RECEIVE_AND_DELETE
    async with bus.client.get_queue_receiver("delete", receive_mode=mode) as receiver:
        assert [str(message) for message in await several(receiver, 2)] == ["a", "b"]
        assert await is_empty(receiver)


async def test_closing_a_receiver_gives_back_only_what_it_had_not_handed_out(bus: Bus) -> None:
    sender, _ = await bus.queue("drain")
    await sender.send_messages([ServiceBusMessage(text) for text in "abc"])
    async with bus.client.get_queue_receiver("drain", prefetch_count=10) as prefetching:
        taken = await one(prefetching)
    async with bus.client.get_queue_receiver("drain") as receiver:
        messages = await several(receiver, 2)
        assert [(str(message), message.delivery_count) for message in messages] == [("b", 0), ("c", 0)]
        # The lock of the one that was handed out survives its link.
        assert [str(each) for each in await receiver.peek_messages(9, sequence_number=1)] == ["a", "b", "c"]
        assert not await receiver.receive_messages(1, max_wait_time=0.3)
    assert str(taken) == "a"


async def test_a_message_that_is_too_large_is_refused_and_the_sender_stays_usable(bus: Bus) -> None:
    sender, receiver = await bus.queue("size")
    with pytest.raises(MessageSizeExceededError):
        await sender.send_messages(ServiceBusMessage(b"x" * 1_100_000))
    await sender.send_messages(ServiceBusMessage(b"y" * 1_000_000))
    message = await one(receiver)
    assert b"".join(message.body) == b"y" * 1_000_000
    await receiver.complete_message(message)


async def test_each_subscription_gets_what_its_filter_lets_through(bus: Bus) -> None:
    sender, receivers = await bus.topic("events", "all", "pods", "some", "marked")
    await sender.send_messages(
        [
            ServiceBusMessage("a", subject="Created", application_properties={"kind": "pod"}),
            ServiceBusMessage("b", subject="Created", application_properties={"kind": "job", "hidden": "x"}),
            ServiceBusMessage("c", subject="Deleted"),
            ServiceBusMessage("d", subject="Changed", application_properties={"kind": "pod"}),
        ]
    )
    expected = ["abcd", "a", "ac", "abcd"]
    for receiver, bodies in zip(receivers, expected, strict=True):
        messages = await several(receiver, len(bodies))
        assert "".join(str(message) for message in messages) == bodies
        marks = {(message.application_properties or {}).get(b"seen") for message in messages}
        assert marks == ({b"yes"} if receiver is receivers[3] else {None})
        await asyncio.gather(*(receiver.complete_message(message) for message in messages))
        assert await is_empty(receiver)


async def test_a_queue_forwards_to_another(bus: Bus) -> None:
    sender, _ = await bus.queue("first")
    await sender.send_messages(ServiceBusMessage("passed on"))
    _, receiver = await bus.queue("second")
    message = await one(receiver)
    assert str(message) == "passed on"
    await receiver.complete_message(message)


async def test_twenty_receivers_open_side_by_side_and_share_the_queue(bus: Bus) -> None:
    receivers = [bus.client.get_queue_receiver("many") for _ in range(20)]
    started = time.monotonic()
    await asyncio.gather(*(receiver.__aenter__() for receiver in receivers))
    assert time.monotonic() - started < 20
    waiting = [asyncio.create_task(one(receiver, wait=20)) for receiver in receivers]
    async with bus.client.get_queue_sender("many") as many:
        await many.send_messages([ServiceBusMessage(str(number)) for number in range(20)])
    messages = await asyncio.gather(*waiting)
    assert sorted(int(str(message)) for message in messages) == list(range(20))
    await asyncio.gather(*(r.complete_message(m) for r, m in zip(receivers, messages, strict=True)))
    await asyncio.gather(*(receiver.close() for receiver in receivers))
