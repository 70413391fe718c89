"""A layer of faults between a process and its ports: any call may be its last, or its answer be lost.

It wraps a port by its object, whatever its methods are called, so a new method is under fault by itself.
"""

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from domain.kernel.errors import Unavailable

log = logging.getLogger(__name__)


class Crash(BaseException):
    """The process is gone. No `except Exception` survives it."""


class Mode(StrEnum):
    """What happens at a call. Halfway: only the first half of the list that it was given got through, or
    nothing where it was not given a list."""

    CRASH_BEFORE = "crash before"
    CRASH_HALFWAY = "crash halfway"
    CRASH_AFTER = "crash after"
    UNAVAILABLE_BEFORE = "unavailable before"
    UNAVAILABLE_HALFWAY = "unavailable halfway"
    UNAVAILABLE_AFTER = "unavailable after"
    CANCELLED_AFTER = "cancelled after"

    @property
    def is_before(self) -> bool:
        return self in (Mode.CRASH_BEFORE, Mode.UNAVAILABLE_BEFORE)

    @property
    def is_halfway(self) -> bool:
        return self in (Mode.CRASH_HALFWAY, Mode.UNAVAILABLE_HALFWAY)

    @property
    def is_crash(self) -> bool:
        return self in (Mode.CRASH_BEFORE, Mode.CRASH_HALFWAY, Mode.CRASH_AFTER)


class WireMode(StrEnum):
    """What happens to an HTTP request: the process dies, or only the connection does, or it is told 503."""

    KILLED_BEFORE = "killed before"
    KILLED_AFTER = "killed after"
    CUT_BEFORE = "cut before"
    CUT_AFTER = "cut after it was carried out"
    BUSY_AFTER = "503 after it was carried out"


@dataclass(frozen=True)
class Fault:
    """The port's call, or the HTTP request, that is hit, counted from 0, and how."""

    index: int
    mode: Mode | WireMode


@dataclass(frozen=True)
class Call:
    """One I/O call; `divisible` where it was given several things at once."""

    name: str
    divisible: bool

    def modes(self) -> list[Mode]:
        return [mode for mode in Mode if self.divisible or not mode.is_halfway]


class Faults:
    """The I/O calls of one process in their order, and the faults that some of them meet."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.met: list[Fault] = []
        self.dead = False
        self._planned: dict[int, tuple[Fault, Mode]] = {}

    def plan(self, fault: Fault) -> None:
        """Hit a call from now on: index 0 is the next one."""
        assert isinstance(fault.mode, Mode)
        self._planned[len(self.calls) + fault.index] = fault, fault.mode

    def heal(self) -> None:
        """What is planned and was not met, is off."""
        self._planned.clear()

    def wrap[P](self, port: P) -> P:
        """The port behind this layer; everything that it awaits or iterates over is an I/O call."""
        return cast(P, _Faulty(port, self))

    async def call(self, name: str, do: Callable[..., Awaitable[Any]], *args: Any, **options: Any) -> Any:
        """Count the call, do it, or meet the fault that is planned for it."""
        if self.dead:
            raise Crash(f"{name}, after the end")
        divisible = bool(args) and isinstance(args[0], list | tuple) and len(args[0]) > 1
        planned = self._planned.pop(len(self.calls), None)
        self.calls.append(Call(name, divisible))
        if planned is None:
            return await do(*args, **options)
        fault, mode = planned
        self.met.append(fault)
        if mode.is_halfway and divisible:
            await do(args[0][: len(args[0]) // 2], *args[1:], **options)
        elif not (mode.is_halfway or mode.is_before):
            try:
                await do(*args, **options)
            except Exception as error:
                # Whatever the answer was, nobody hears it.
                log.debug("%s: %r", name, error)
        raise self._raised(mode, name)

    def _raised(self, mode: Mode, name: str) -> BaseException:
        if mode.is_crash:
            self.dead = True
            return Crash(f"{mode} {name}")
        if mode is Mode.CANCELLED_AFTER:
            return asyncio.CancelledError(name)
        return Unavailable(name, str(mode))


class _Faulty:
    """A port whose calls all go by way of `Faults.call`."""

    def __init__(self, port: object, faults: Faults) -> None:
        self._port, self._faults = port, faults

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if inspect.isasyncgenfunction(found):
            return lambda *args, **options: self._each(name, found(*args, **options))
        if inspect.iscoroutinefunction(found):
            return lambda *args, **options: self._faults.call(name, found, *args, **options)
        assert not callable(found), f"{name} is neither awaited nor iterated over"
        return found

    async def _each(self, name: str, items: AsyncIterator[Any]) -> AsyncIterator[Any]:
        end = object()
        while (item := await self._faults.call(name, anext, items, end)) is not end:
            yield item
