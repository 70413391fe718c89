"""Waiting where nothing sends an event: read again until it holds, for a limited time."""

import asyncio
from collections.abc import Awaitable, Callable

_POLL = 0.03


async def eventually[T](
    read: Callable[[], Awaitable[T]], holds: Callable[[T], bool], within: float = 20, poll: float = _POLL
) -> T:
    """What was read, once it holds; fails with what was read last."""
    deadline = asyncio.get_running_loop().time() + within
    while not holds(found := await read()):
        assert asyncio.get_running_loop().time() < deadline, f"not within {within:g} s: {found!r:.2000}"
        await asyncio.sleep(poll)
    return found
