"""The aio SDK on an emulator of its own: links opened and closed side by side, and reading with patience."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver, ServiceBusSender

from tests.infra.sb_fixture import Emulator, topology


class Bus:
    """One client; its links are opened and closed side by side, as each costs the SDK half a second."""

    def __init__(self, client: ServiceBusClient) -> None:
        self.client = client
        self._senders: dict[str, ServiceBusSender] = {}
        self._receivers: dict[tuple[str, str], ServiceBusReceiver] = {}

    async def queue(self, name: str) -> tuple[ServiceBusSender, ServiceBusReceiver]:
        """Sender and receiver, opened side by side."""
        sender = self._senders.setdefault(name, self.client.get_queue_sender(name))
        receiver = self._receivers.setdefault((name, ""), self.client.get_queue_receiver(name))
        await asyncio.gather(sender.__aenter__(), receiver.__aenter__())
        return sender, receiver

    async def dead_letters(self, name: str) -> ServiceBusReceiver:
        key = (name, "dead")
        if key not in self._receivers:
            self._receivers[key] = self.client.get_queue_receiver(name, sub_queue="deadletter")
        receiver = self._receivers[key]
        await receiver.__aenter__()
        return receiver

    async def topic(
        self, name: str, *subscriptions: str
    ) -> tuple[ServiceBusSender, list[ServiceBusReceiver]]:
        sender = self._senders.setdefault(name, self.client.get_topic_sender(name))
        receivers = [self.client.get_subscription_receiver(name, each) for each in subscriptions]
        self._receivers |= {
            (name, each): receiver for each, receiver in zip(subscriptions, receivers, strict=True)
        }
        await asyncio.gather(sender.__aenter__(), *(receiver.__aenter__() for receiver in receivers))
        return sender, receivers

    async def close(self) -> None:
        await asyncio.gather(*(link.close() for link in (*self._senders.values(), *self._receivers.values())))


@asynccontextmanager
async def running(
    directory: Path, queues: dict[str, dict[str, Any]], topics: dict[str, list[dict[str, Any]]] | None = None
) -> AsyncIterator[Bus]:
    emulator = Emulator(directory, topology(queues, topics))
    # The SDK retries even "message not found"; short pauses keep that from taking twelve seconds.
    client = ServiceBusClient.from_connection_string(emulator.connection_string, retry_backoff_factor=0.02)
    async with client:
        opened = Bus(client)
        await asyncio.gather(*(opened.queue(name) for name in queues))
        yield opened
        await opened.close()
    assert emulator.stop() == 0


async def one(receiver: ServiceBusReceiver, wait: float = 10) -> ServiceBusReceivedMessage:
    messages = await receiver.receive_messages(max_message_count=1, max_wait_time=wait)
    assert messages, "no message came"
    return messages[0]


async def several(receiver: ServiceBusReceiver, count: int) -> list[ServiceBusReceivedMessage]:
    messages: list[ServiceBusReceivedMessage] = []
    while len(messages) < count:
        more = await receiver.receive_messages(max_message_count=count - len(messages), max_wait_time=10)
        assert more, f"{len(messages)} of {count} messages came"
        messages += more
    return messages


async def is_empty(receiver: ServiceBusReceiver) -> bool:
    """Whether the entity holds nothing at all, locked, deferred and scheduled messages included."""
    return not await receiver.peek_messages(1, sequence_number=1)
