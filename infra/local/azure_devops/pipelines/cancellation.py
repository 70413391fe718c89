"""How a run, a job or a step is told to stop, and why."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Cancellation:
    """Told once. What is below is told with it; a job may be told alone, by its time limit."""

    def __init__(self, parent: Cancellation | None = None) -> None:
        self.reason: str | None = None
        self._told = asyncio.Event()
        self._below: set[Cancellation] = set()
        self._parent = parent
        if parent is not None:
            parent._below.add(self)
            if parent.reason is not None:
                self.cancel(parent.reason)

    @property
    def told(self) -> bool:
        return self._told.is_set()

    def cancel(self, reason: str) -> None:
        if self.reason is None:
            self.reason = reason
            self._told.set()
            for below in list(self._below):
                below.cancel(reason)

    def leave(self) -> None:
        """No longer part of what is above."""
        if self._parent is not None:
            self._parent._below.discard(self)

    async def wait(self) -> None:
        await self._told.wait()

    async def unless_told[T](self, work: Coroutine[Any, Any, T], timeout: float | None = None) -> T | None:
        """What the work answers; None if it was given up, because of this or of the time limit."""
        task, told = asyncio.ensure_future(work), asyncio.ensure_future(self.wait())
        try:
            await asyncio.wait({task, told}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else None
        finally:
            for one in (task, told):
                one.cancel()
            await asyncio.gather(task, told, return_exceptions=True)
