"""All the timers of all the orchestrations: one heap, and one task that sleeps until the first is due."""

import asyncio
import heapq
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count

from infra.local.functions_host.durable.events import now

# Sleeping in pieces keeps alarms right when the machine was suspended or its clock was set.
_LONGEST_SLEEP = timedelta(seconds=30)


class Alarms:
    """Calls back at moments. Nothing is stored: whoever needs an alarm sets it anew after a restart."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = count()
        self._changed = asyncio.Event()

    def set(self, due: datetime, ring: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (due, next(self._order), ring))
        self._changed.set()

    async def run(self) -> None:
        """Never returns; cancel it."""
        while True:
            while self._heap and self._heap[0][0] <= now():
                heapq.heappop(self._heap)[2]()
            self._changed.clear()
            left = min(self._heap[0][0] - now(), _LONGEST_SLEEP) if self._heap else None
            try:
                async with asyncio.timeout(None if left is None else max(left.total_seconds(), 0)):
                    await self._changed.wait()
            except TimeoutError:
                continue
