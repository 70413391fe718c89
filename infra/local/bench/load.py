"""A closed loop: so many workers, each has something done, waits for its fact on a topic, and goes on."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from statistics import quantiles
from typing import Any

from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver

TIMEOUT = 60.0

type Body = Callable[[int], tuple[str, str]]
"""number -> (id of the command, its body)"""

type Order = Callable[[int], tuple[str, Callable[[], Awaitable[None]]]]
"""worker -> (what the fact will be known by, what has it come about)"""

type KnownBy = Callable[[Mapping[str, Any]], str | None]
"""A fact's envelope -> what it is known by; None for one that nobody waits for."""


@dataclass(frozen=True)
class Figures:
    """`p50`, `p95`, `p99` in ms from asking for a fact to receiving it."""

    per_second: float
    p50: float
    p95: float
    p99: float


class Load:
    """Asks for facts and listens to one subscription, whoever works in between."""

    def __init__(self, order: Order, known_by: KnownBy) -> None:
        self._order, self._known_by = order, known_by
        self._waiting: dict[str, asyncio.Future[None]] = {}

    async def listen(self, receiver: ServiceBusReceiver) -> None:
        async for message in receiver:
            known = self._known_by(json.loads(str(message)))
            future = self._waiting.pop(known, None) if known is not None else None
            if future is not None and not future.done():
                future.set_result(None)

    async def _one(self, worker: int) -> float:
        known, ask = self._order(worker)
        arrived = self._waiting[known] = asyncio.get_running_loop().create_future()
        started = time.perf_counter()
        await ask()
        async with asyncio.timeout(TIMEOUT):
            await arrived
        return (time.perf_counter() - started) * 1000

    async def run(self, concurrency: int, count: int) -> Figures:
        latencies: list[float] = []

        async def work(worker: int) -> None:
            for _ in range(count // concurrency):
                latencies.append(await self._one(worker))

        started = time.perf_counter()
        await asyncio.gather(*(work(worker) for worker in range(concurrency)))
        elapsed = time.perf_counter() - started
        cuts = quantiles(latencies, n=100)
        return Figures(len(latencies) / elapsed, cuts[49], cuts[94], cuts[98])


@asynccontextmanager
async def listening(
    client: ServiceBusClient, topic: str, order: Order, known_by: KnownBy
) -> AsyncIterator[Load]:
    """A load that listens to the topic's subscription `bench`."""
    from azure.servicebus import ServiceBusReceiveMode

    receiver: Any = client.get_subscription_receiver(
        topic, "bench", receive_mode=ServiceBusReceiveMode.RECEIVE_AND_DELETE, prefetch_count=100
    )
    async with receiver:
        made = Load(order, known_by)
        listener = asyncio.create_task(made.listen(receiver))
        try:
            yield made
        finally:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)


@asynccontextmanager
async def load(client: ServiceBusClient, queue: str, topic: str, body: Body) -> AsyncIterator[Load]:
    """A load of commands on `queue`, whose facts name them as their cause."""
    sending, numbers = asyncio.Lock(), count(1)
    async with client.get_queue_sender(queue) as sender:

        def order(_worker: int) -> tuple[str, Callable[[], Awaitable[None]]]:
            id, text = body(next(numbers))

            async def send() -> None:
                async with sending:
                    await sender.send_messages(ServiceBusMessage(text, message_id=id))

            return id, send

        async with listening(client, topic, order, lambda fact: fact["causationId"]) as made:
            yield made
