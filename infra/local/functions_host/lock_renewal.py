"""Keeping a message locked while its function runs, up to `maxAutoLockRenewalDuration`."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Literal

from azure.servicebus import ServiceBusReceivedMessage

_SHORTEST_WAIT = 0.05

Renew = Callable[[Literal["renew"], ServiceBusReceivedMessage], Awaitable[bool]]


class LockRenewal:
    """Renews at half of what is left of the lock, until told to stop or `limit` after receipt."""

    def __init__(self, message: ServiceBusReceivedMessage, limit: timedelta, renew: Renew) -> None:
        self._message = message
        self._renew = renew
        self._until = datetime.now(UTC) + limit
        self._stopped = False
        # A timer, not a task: most functions end long before it is due, and it costs almost nothing.
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._schedule()

    def stop(self) -> None:
        """Renew no more. One that is on its way goes on; it does no harm."""
        self._stopped = True
        if self._timer:
            self._timer.cancel()

    def _schedule(self) -> None:
        now, locked_until = datetime.now(UTC), self._message.locked_until_utc
        if self._stopped or locked_until is None or locked_until <= now or now >= self._until:
            return
        wait = max((locked_until - now).total_seconds() / 2, _SHORTEST_WAIT)
        self._timer = asyncio.get_running_loop().call_later(wait, self._begin)

    def _begin(self) -> None:
        if not self._stopped and datetime.now(UTC) < self._until:
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        if not self._stopped and await self._renew("renew", self._message):
            self._schedule()
