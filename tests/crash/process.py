"""One process of the app: a dispatcher over ports under fault. Whatever it leaves, another takes over."""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from typing import Any

from domain.catalogue import catalogue
from domain.dispatch import Dispatcher
from domain.kernel.journal import Journal
from domain.ports import Broker, Store
from functions.orchestrations import take
from functions.outbox import GRACE
from tests.crash.faults import Faults
from tests.domain.world import REDACTION, Clock

_running: contextvars.ContextVar["Process"] = contextvars.ContextVar("process")

type Delivery = Callable[[Dispatcher, bool, datetime], Coroutine[Any, Any, Journal]]
"""Brings one message to a dispatcher; True says that it may have come before; at what moment it comes."""


class Process:
    """Runs what the doors run. `result` is what the last step gave or raised."""

    def __init__(self, store: Store, broker: Broker, ports: Mapping[type, object], clock: Clock) -> None:
        self.faults = Faults()
        self._clock = clock
        faulty = {kind: self.faults.wrap(port) for kind, port in ports.items()}
        self._store = self.faults.wrap(store)
        self.dispatcher = Dispatcher(
            catalogue(),
            self._store,
            self.faults.wrap(broker),
            faulty.__getitem__,
            REDACTION,
            clock.now,
        )
        self.result: object = None

    async def deliver(self, delivery: Delivery, *, may_be_repeat: bool) -> None:
        """A message arrives."""
        await self._run(delivery(self.dispatcher, may_be_repeat, self._clock.now()))

    async def take(self, step: str, call: Mapping[str, Any]) -> None:
        """An orchestration has an activity run."""
        await self._run(take(step, call, self.dispatcher, self._store, self._clock.now()))

    async def tick(self) -> None:
        """The outbox timer fires, late enough that whoever committed has had the time to publish."""
        await self._run(self.dispatcher.publish_left_behind(self._clock.now() - GRACE))

    async def _run(self, step: Coroutine[Any, Any, object]) -> None:
        """Run a step and its background work, to the end or until the process is dead."""
        context = contextvars.copy_context()
        context.run(_running.set, self)
        task = asyncio.create_task(step, context=context)
        (self.result,) = await asyncio.gather(task, return_exceptions=True)
        while left := self._under_way():
            if self.faults.dead:
                self.kill()
            await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
        if isinstance(self.result, AssertionError):
            raise self.result

    def kill(self) -> None:
        """From outside, and at once: nothing that it had under way goes on, and no port takes its calls."""
        self.faults.dead = True
        for task in self._under_way():
            task.cancel()

    def _under_way(self) -> list[asyncio.Task[Any]]:
        """Its tasks: each inherits the context of the step that started it."""
        return [task for task in asyncio.all_tasks() if task.get_context().get(_running) is self]
