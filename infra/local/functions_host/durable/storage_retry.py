"""Holding on while storage is away: try again with growing waits, and say so in the log."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)

log = logging.getLogger("functions_host.durable")

_FIRST_WAIT, _LONGEST_WAIT = 0.1, 5.0


class StorageAway(Exception):
    """Storage did not answer in the time that there was."""


def is_passing(error: AzureError) -> bool:
    """Whether the same request may succeed later."""
    if isinstance(error, ServiceRequestError | ServiceResponseError):
        return True
    status = error.status_code if isinstance(error, HttpResponseError) else None
    return status is not None and (status >= 500 or status in (408, 429))


async def persistently[T](what: str, attempt: Callable[[], Awaitable[T]], patience: float | None = None) -> T:
    """The attempt's result, however long storage is away; with `patience`, StorageAway after so long."""
    wait, clock = _FIRST_WAIT, asyncio.get_running_loop()
    started, told = clock.time(), False
    while True:
        try:
            result = await attempt()
        except AzureError as error:
            if not is_passing(error):
                raise
            if patience is not None and clock.time() + wait - started > patience:
                raise StorageAway(f"{what}: {_first_line(error)}") from error
            log.warning("Storage is away (%s: %s); again in %.1f s", what, _first_line(error), wait)
            told = True
        else:
            if told:
                log.warning("Storage is back (%s)", what)
            return result
        await asyncio.sleep(wait)
        wait = min(wait * 2, _LONGEST_WAIT)


def _first_line(error: AzureError) -> str:
    return str(error).partition("\n")[0]
