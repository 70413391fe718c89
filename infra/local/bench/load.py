"""A closed loop: so many workers, each sends a command, waits for its fact on a topic, and goes on."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import quantiles
from typing import Any

from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver, ServiceBusSender

TIMEOUT = 60.0

type Body = Callable[[int], tuple[str, str]]
"""number -> (id of the command, its body)"""


@dataclass(frozen=True)
class Figures:
    """`p50`, `p99` in ms from sending a command to receiving its fact."""

    per_second: float
    p50: float
    p99: float


class Load:
    """Sends to one queue and listens to one subscription, whoever handles in between."""

    def __init__(self, sender: ServiceBusSender, body: Body) -> None:
        self._sender, self._body = sender, body
        self._sending = asyncio.Lock()
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._number = 0

    async def listen(self, receiver: ServiceBusReceiver) -> None:
        async for message in receiver:
            cause = json.loads(str(message))["causationId"]
            if (future := self._waiting.pop(cause, None)) is not None and not future.done():
                future.set_result(None)

    async def _one(self) -> float:
        self._number += 1
        id, body = self._body(self._number)
        self._waiting[id] = asyncio.get_running_loop().create_future()
        arrived = self._waiting[id]
        started = time.perf_counter()
        async with self._sending:
            await self._sender.send_messages(ServiceBusMessage(body, message_id=id))
        async with asyncio.timeout(TIMEOUT):
            await arrived
        return (time.perf_counter() - started) * 1000

    async def run(self, concurrency: int, count: int) -> Figures:
        latencies: list[float] = []

        async def worker() -> None:
            for _ in range(count // concurrency):
                latencies.append(await self._one())

        started = time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(concurrency)))
        elapsed = time.perf_counter() - started
        cuts = quantiles(latencies, n=100)
        return Figures(len(latencies) / elapsed, cuts[49], cuts[98])


@asynccontextmanager
async def load(client: ServiceBusClient, queue: str, topic: str, body: Body) -> AsyncIterator[Load]:
    """A load on `queue` that listens to the topic's subscription `bench`."""
    from azure.servicebus import ServiceBusReceiveMode

    receiver: Any = client.get_subscription_receiver(
        topic, "bench", receive_mode=ServiceBusReceiveMode.RECEIVE_AND_DELETE, prefetch_count=100
    )
    async with client.get_queue_sender(queue) as sender, receiver:
        made = Load(sender, body)
        listener = asyncio.create_task(made.listen(receiver))
        try:
            yield made
        finally:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)
