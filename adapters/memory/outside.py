"""What all that is outside has in memory: calls are counted, it can be away, and answers can get lost."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from domain.kernel.errors import Unavailable


class Outside:
    """`effects` counts what was made through the port, by kind: a repeat must add nothing."""

    def __init__(self, service: str) -> None:
        self.effects: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.away = False
        """True: every call raises `Unavailable`, without effect."""
        self._service = service
        self._lost: Counter[str] = Counter()

    def lose_answer(self, method: str, times: int = 1) -> None:
        """The next calls of this method of the port have their effect, and then raise `Unavailable`."""
        self._lost[method] += times

    @asynccontextmanager
    async def _call(self, method: str) -> AsyncIterator[None]:
        self.calls[method] += 1
        # Every call lets the others run, as a network would: so that tests meet the races.
        await asyncio.sleep(0)
        if self.away:
            raise Unavailable(self._service, "it is away")
        yield
        if self._lost[method]:
            self._lost[method] -= 1
            raise Unavailable(self._service, "its answer was lost")
