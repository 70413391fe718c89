"""One heap and one timer for everything that falls due: locks, times to live, schedules."""

import asyncio
import heapq
import logging
import time
from collections.abc import Callable
from itertools import count
from typing import Any

_log = logging.getLogger(__name__)


def now_ms() -> int:
    return int(time.time() * 1000)


class Deadlines:
    """Entries are never removed: whoever is called finds out whether the deadline still matters."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Callable[[Any], None], Any]] = []
        self._order = count()
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for = 0

    def add(self, when_ms: int, action: Callable[[Any], None], argument: Any) -> None:
        heapq.heappush(self._heap, (when_ms, next(self._order), action, argument))
        self._arm()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._heap.clear()

    def _arm(self) -> None:
        if not self._heap:
            return
        when = self._heap[0][0]
        if self._timer is not None:
            if self._armed_for <= when:
                return
            self._timer.cancel()
        self._armed_for = when
        delay = max(0.0, when / 1000 - time.time())
        self._timer = asyncio.get_running_loop().call_later(delay, self._fire)

    def _fire(self) -> None:
        self._timer = None
        now = now_ms()
        while self._heap and self._heap[0][0] <= now:
            _, _, action, argument = heapq.heappop(self._heap)
            try:
                action(argument)
            except Exception:
                _log.exception("a deadline's action failed")
        self._arm()
