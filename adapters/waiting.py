"""How the calls of a port wait: as a service tells them to, each time longer, never past their deadline."""

import asyncio
import email.utils
import random
import time

from domain.kernel.errors import Unavailable

LONGEST_WAIT = 30.0
"""Seconds, as all times here; a longer Retry-After is cut to this."""

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0


class OutcomeUnknown(Unavailable):
    """The request may have had its effect: look before asking again."""


def read_retry_after(value: str | None) -> float | None:
    """The header's seconds, or those to its HTTP date; None for what is neither."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


class Turns:
    """Until when each host, or each organization of one, asked to be left alone."""

    def __init__(self) -> None:
        self._not_before: dict[str, float] = {}

    def slow_down(self, whom: str, seconds: float) -> None:
        now = time.monotonic()
        self._not_before = {key: moment for key, moment in self._not_before.items() if moment > now}
        moment = now + min(seconds, LONGEST_WAIT)
        self._not_before[whom] = max(moment, self._not_before.get(whom, 0.0))

    def wait(self, whom: str) -> float:
        """For how long; not above 0 where they may be asked at once."""
        return self._not_before.get(whom, 0.0) - time.monotonic()


class TimedCall:
    """One call of a port, which ends by its deadline whatever happens."""

    def __init__(self, service: str, seconds: float) -> None:
        self._service, self._seconds = service, seconds
        self._ends_at = time.monotonic() + seconds
        self._last_trouble = "it took too long"
        self._next_pause = _FIRST_PAUSE

    def renew(self) -> None:
        """The deadline starts anew: what was asked for has come, and the next may take as long."""
        self._ends_at = time.monotonic() + self._seconds

    @property
    def left(self) -> float:
        """Seconds to the deadline. Raises `Unavailable` where it has passed."""
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise Unavailable(self._service, self._last_trouble)
        return left

    async def sleep(self, seconds: float, retry_after: float | None = None) -> None:
        """Wait. Raises `Unavailable` at once where the deadline would pass meanwhile."""
        seconds = min(seconds, LONGEST_WAIT)
        if time.monotonic() + seconds >= self._ends_at:
            raise Unavailable(self._service, self._last_trouble, retry_after)
        await asyncio.sleep(seconds)

    async def pause(self, told: float | None = None) -> None:
        """Wait before looking or asking again, each time longer, or as long as the service told us to.

        Raises `Unavailable` as `sleep` does.
        """
        if told is not None:
            await self.sleep(told, told)
        else:
            await self.sleep(self._next_pause * random.uniform(0.7, 1.3))
            self._next_pause = min(self._next_pause * 1.5, _LONGEST_PAUSE)

    def trouble(self, reason: str) -> None:
        """What to say if the deadline passes while the caller waits for something."""
        self._last_trouble = reason

    async def wait_for(self, turns: Turns, whom: str) -> None:
        while (wait := turns.wait(whom)) > 0:
            self.trouble("it asked us to slow down")
            await self.sleep(wait, wait)
