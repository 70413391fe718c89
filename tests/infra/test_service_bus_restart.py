"""The broker taken away and brought back on the same port: nothing acknowledged is lost, clients recover."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient as AsyncClient
from azure.servicebus.exceptions import MessageLockLostError, ServiceBusError

from tests.infra.sb_fixture import Emulator, sql, subscription, topology

_TOPOLOGY = topology(
    {
        "orders": {},
        "settled": {"MaxDeliveryCount": 2},
        "once": {"RequiresDuplicateDetection": True},
    },
    {"events": [subscription("kept", sql("sys.Label = 'kept'"))]},
)


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    started = Emulator(tmp_path, _TOPOLOGY, journal=True)
    yield started
    started.kill()


async def test_a_killed_broker_loses_nothing_that_it_acknowledged(emulator: Emulator) -> None:
    acknowledged: list[str] = []
    enough = asyncio.Event()

    async def send_until_the_broker_is_gone(client: AsyncClient, name: str) -> None:
        async with client.get_queue_sender("orders") as sender:
            for number in range(100_000):
                body = f"{name}-{number}"
                await sender.send_messages(ServiceBusMessage(body))
                acknowledged.append(body)
                if len(acknowledged) >= 500:
                    enough.set()

    async with AsyncClient.from_connection_string(emulator.connection_string, retry_total=0) as client:
        names = ("a", "b", "c")
        sending = [asyncio.create_task(send_until_the_broker_is_gone(client, name)) for name in names]
        await asyncio.wait_for(enough.wait(), 30)
        emulator.kill()
        outcomes = await asyncio.gather(*sending, return_exceptions=True)
        assert all(isinstance(outcome, ServiceBusError) for outcome in outcomes), outcomes
    emulator.start()
    found: set[str] = set()
    async with (
        AsyncClient.from_connection_string(emulator.connection_string) as client,
        client.get_queue_receiver("orders") as receiver,
    ):
        sequence = 1
        while page := await receiver.peek_messages(250, sequence_number=sequence):
            found |= {str(message) for message in page}
            sequence = (page[-1].sequence_number or 0) + 1
    assert set(acknowledged) <= found
    # Each sender may have had one message stored whose acknowledgement did not reach it.
    assert len(found) - len(acknowledged) <= 3


def _treat_messages_in_every_way(connection_string: str) -> tuple[int, int]:
    """With the sync SDK; the sequence numbers of the deferred and the scheduled message."""
    with (
        ServiceBusClient.from_connection_string(connection_string) as client,
        client.get_queue_sender("settled") as sender,
        client.get_queue_receiver("settled") as receiver,
    ):
        sender.send_messages([ServiceBusMessage(text) for text in ("completed", "deferred", "dead", "again")])
        completed, deferred, dead, again = receiver.receive_messages(4, max_wait_time=10)
        receiver.complete_message(completed)
        receiver.defer_message(deferred)
        receiver.dead_letter_message(dead, reason="Rejected", error_description="no")
        receiver.abandon_message(again)
        due = datetime.now(UTC) + timedelta(hours=1)
        (scheduled,) = sender.schedule_messages(ServiceBusMessage("scheduled"), due)
    return deferred.sequence_number or 0, scheduled


async def _send_to_others(connection_string: str) -> None:
    async with (
        AsyncClient.from_connection_string(connection_string) as client,
        client.get_queue_sender("once") as once,
        client.get_topic_sender("events") as events,
    ):
        await once.send_messages(ServiceBusMessage("first", message_id="same"))
        await events.send_messages([ServiceBusMessage(text, subject=text) for text in ("kept", "dropped")])


async def test_the_fate_of_every_message_survives_a_kill(emulator: Emulator) -> None:
    (deferred, scheduled), _ = await asyncio.gather(
        asyncio.to_thread(_treat_messages_in_every_way, emulator.connection_string),
        _send_to_others(emulator.connection_string),
    )
    emulator.kill()
    emulator.start()
    async with AsyncClient.from_connection_string(emulator.connection_string) as client:
        settled = client.get_queue_receiver("settled")
        buried = client.get_queue_receiver("settled", sub_queue="deadletter")
        once, again = client.get_queue_receiver("once"), client.get_queue_sender("once")
        kept = client.get_subscription_receiver("events", "kept")
        receivers = (settled, buried, once, kept)
        await asyncio.gather(again.__aenter__(), *(receiver.__aenter__() for receiver in receivers))

        held = {str(message): message for message in await settled.peek_messages(10, sequence_number=1)}
        assert set(held) == {"deferred", "again", "scheduled"}
        assert held["again"].delivery_count == 1
        assert held["scheduled"].sequence_number == scheduled
        assert [str(message) for message in await settled.receive_deferred_messages(deferred)] == ["deferred"]

        (dead,) = await buried.receive_messages(1, max_wait_time=10)
        assert (str(dead), dead.dead_letter_reason) == ("dead", "Rejected")

        await again.send_messages(ServiceBusMessage("second", message_id="same"))
        await again.send_messages(ServiceBusMessage("third", message_id="other"))
        peeked = await once.peek_messages(10, sequence_number=1)
        assert [(str(message), message.sequence_number) for message in peeked] == [("first", 1), ("third", 2)]

        assert [str(message) for message in await kept.peek_messages(10, sequence_number=1)] == ["kept"]
        await asyncio.gather(again.close(), *(receiver.close() for receiver in receivers))


async def test_clients_recover_when_the_broker_comes_back_on_its_port(emulator: Emulator) -> None:
    async with AsyncClient.from_connection_string(emulator.connection_string) as client:
        sender, receiver = client.get_queue_sender("orders"), client.get_queue_receiver("orders")
        await asyncio.gather(sender.__aenter__(), receiver.__aenter__())
        await sender.send_messages(ServiceBusMessage("held"))
        (held,) = await receiver.receive_messages(1, max_wait_time=10)
        emulator.kill()
        emulator.start()
        sending = asyncio.create_task(sender.send_messages(ServiceBusMessage("after")))
        messages: list[ServiceBusReceivedMessage] = []
        while len(messages) < 2:
            messages += await receiver.receive_messages(2, max_wait_time=10)
        await sending
        assert sorted(str(message) for message in messages) == ["after", "held"]
        with pytest.raises(MessageLockLostError):
            await receiver.complete_message(held)
        for message in messages:
            await receiver.complete_message(message)
        assert not await receiver.peek_messages(1, sequence_number=1)
        await asyncio.gather(sender.close(), receiver.close())


def test_a_stopped_broker_exits_cleanly_and_keeps_its_messages(emulator: Emulator) -> None:
    with ServiceBusClient.from_connection_string(emulator.connection_string) as client:
        with client.get_queue_sender("orders") as sender:
            sender.send_messages(ServiceBusMessage("kept"))
        assert emulator.stop() == 0
        emulator.start()
        with client.get_queue_receiver("orders") as receiver:
            assert [str(message) for message in receiver.receive_messages(1, max_wait_time=10)] == ["kept"]
