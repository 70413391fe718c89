"""The laws of the broker port, over memory and over Service Bus."""

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, override

import pytest
from azure.servicebus import ServiceBusReceiveMode
from azure.servicebus.aio import ServiceBusClient

from adapters.memory.broker import MemoryBroker
from adapters.service_bus import ServiceBus
from domain.kernel.envelope import Message
from domain.kernel.errors import Unavailable
from domain.ports import Broker
from tests.infra.sb_fixture import Emulator, subscription, topology

QUEUE, TOPIC = "orders", "facts"
PATIENCE = 15.0


class House(ABC):
    """A broker with a queue and a topic, what arrived there, and a way to take it away."""

    broker: Broker

    @abstractmethod
    async def received(self, destination: str, count: int) -> list[Message]:
        """The next messages at the destination, in the order of arrival."""

    @abstractmethod
    async def take_away(self) -> None: ...

    @abstractmethod
    async def bring_back(self) -> None: ...

    async def close(self) -> None:
        return


class MemoryHouse(House):
    def __init__(self) -> None:
        self.broker = self._memory = MemoryBroker()
        self._read: dict[str, int] = {}

    @override
    async def received(self, destination: str, count: int) -> list[Message]:
        there = [message for message in self._memory.published if message.destination == destination]
        start = self._read.get(destination, 0)
        self._read[destination] = start + count
        return there[start : start + count]

    @override
    async def take_away(self) -> None:
        self._memory.away = True

    @override
    async def bring_back(self) -> None:
        self._memory.away = False


class ServiceBusHouse(House):
    def __init__(self, directory: Path) -> None:
        described = topology({QUEUE: {}}, {TOPIC: [subscription("all")]})
        self._emulator = Emulator(directory, described, journal=True)
        self.broker = self._bus = ServiceBus(self._emulator.connection_string)
        self._client = ServiceBusClient.from_connection_string(self._emulator.connection_string)

    @override
    async def received(self, destination: str, count: int) -> list[Message]:
        mode = ServiceBusReceiveMode.RECEIVE_AND_DELETE
        receiver = (
            self._client.get_queue_receiver(QUEUE, receive_mode=mode)
            if destination == QUEUE
            else self._client.get_subscription_receiver(TOPIC, "all", receive_mode=mode)
        )
        messages: list[Message] = []
        async with receiver, asyncio.timeout(PATIENCE):
            while len(messages) < count:
                for raw in await receiver.receive_messages(1, max_wait_time=PATIENCE):
                    properties = {
                        str(key, "utf-8"): value.decode() if isinstance(value, bytes) else value
                        for key, value in (raw.application_properties or {}).items()
                        if isinstance(key, bytes)
                    }
                    typed: Any = properties
                    messages.append(Message(destination, str(raw.message_id), str(raw), typed))
        return messages

    @override
    async def take_away(self) -> None:
        self._emulator.kill()

    @override
    async def bring_back(self) -> None:
        self._emulator.start()
        self._bus.rest_until = 0.0

    @override
    async def close(self) -> None:
        await self._bus.close()
        await self._client.close()
        self._emulator.stop()


@pytest.fixture(params=["memory", "service bus"])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    made: House = MemoryHouse() if request.param == "memory" else ServiceBusHouse(tmp_path)
    yield made
    await made.close()


def message(number: int, destination: str = TOPIC, size: int = 0) -> Message:
    body = json.dumps({"number": number, "text": "é漢😀" + "x" * size}, ensure_ascii=False)
    properties: dict[str, str | int] = {"cs-event-type": "Numbered", "cs-aggregate-version": number}
    return Message(destination, f"evt-{number}", body, properties)


async def test_a_message_arrives_with_its_id_its_properties_and_its_body_byte_for_byte(house: House) -> None:
    sent = message(7)
    await house.broker.publish([sent])
    assert await house.received(TOPIC, 1) == [sent]


async def test_queues_and_topics_are_sent_to_alike_and_in_order(house: House) -> None:
    sent = [message(number, QUEUE if number % 2 else TOPIC) for number in range(20)]
    await house.broker.publish(sent)
    assert await house.received(QUEUE, 10) == [each for each in sent if each.destination == QUEUE]
    assert await house.received(TOPIC, 10) == [each for each in sent if each.destination == TOPIC]


async def test_what_outgrows_a_batch_goes_in_several(house: House) -> None:
    sent = [message(number, size=200_000) for number in range(12)]
    await house.broker.publish(sent)
    assert await house.received(TOPIC, 12) == sent


async def test_concurrent_publishers_lose_and_mix_up_nothing(house: House) -> None:
    groups = [[message(100 * group + number) for number in range(5)] for group in range(8)]
    await asyncio.gather(*(house.broker.publish(group) for group in groups))
    arrived = await house.received(TOPIC, 40)
    for group in groups:
        assert [each for each in arrived if each in group] == group


async def test_an_absent_broker_is_said_to_be_unavailable_and_used_again_when_it_is_back(
    house: House,
) -> None:
    await house.broker.publish([message(1)])
    await house.take_away()
    with pytest.raises(Unavailable):
        await house.broker.publish([message(2)])
    with pytest.raises(Unavailable):
        await house.broker.ping()
    await house.bring_back()
    await _published(house.broker, [message(2)])
    assert await house.received(TOPIC, 2) == [message(1), message(2)]


async def _published(broker: Broker, messages: Sequence[Message]) -> None:
    """As the outbox timer does: again until it works."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await broker.publish(messages)
            except Unavailable:
                await asyncio.sleep(0.2)


async def test_after_a_failure_the_next_publish_fails_at_once(tmp_path: Path) -> None:
    """Commands must not queue up behind time-outs while the broker is away."""
    house = ServiceBusHouse(tmp_path)
    try:
        await house.broker.publish([message(1)])
        await house.take_away()
        with pytest.raises(Unavailable):
            await house.broker.publish([message(2)])
        async with asyncio.timeout(0.5):
            with pytest.raises(Unavailable, match="the last send failed"):
                await house.broker.publish([message(3, QUEUE)])
        await house.bring_back()
    finally:
        await house.close()
