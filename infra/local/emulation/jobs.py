"""Work that goes on after an answer was sent: merges, policy evaluations, hook deliveries."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

_log = logging.getLogger(__name__)


class Jobs:
    """Delayed tasks that end with the server."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def schedule(self, delay: float, work: Callable[[], Awaitable[object]]) -> None:
        """Run work after delay seconds."""
        task = asyncio.create_task(self._run(delay, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, delay: float, work: Callable[[], Awaitable[object]]) -> None:
        if delay > 0:
            await asyncio.sleep(delay)
        try:
            await work()
        except Exception:
            _log.exception("background work failed")
