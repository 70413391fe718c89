"""Running functions: the log line of each invocation, and what is in flight when the host stops."""

import asyncio
import logging
import time
import uuid
from collections.abc import Mapping
from dataclasses import replace

from infra.local.functions_host import worker
from infra.local.functions_host.protos import TypedData
from infra.local.functions_host.worker import FunctionFailed, IndexedFunction, Invocation, Outcome

log = logging.getLogger("functions_host.invocation")


class InvocationCancelled(Exception):
    """The host stopped before the function was done."""


class Invoker:
    """The one way from every trigger to the worker."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Outcome]] = set()
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._inputs: dict[str, Mapping[str, TypedData]] = {}

    def provide(self, function: IndexedFunction, inputs: Mapping[str, TypedData]) -> None:
        """Hand the function these inputs at every invocation, whatever triggers it."""
        self._inputs[function.id] = inputs

    async def run(
        self, function: IndexedFunction, call: Invocation, reason: str, *, quiet: bool = False
    ) -> Outcome:
        """Run the function. Raises FunctionFailed, or InvocationCancelled when the host stopped it.

        `quiet` leaves the log to the caller: an orchestrator runs many times and fails as a matter of course.
        """
        if self._closed:
            raise InvocationCancelled(function.name)
        if more := self._inputs.get(function.id):
            call = replace(call, inputs={**call.inputs, **more})
        if quiet:
            return await self._tracked(function, call, str(uuid.uuid4()))
        return await self._logged(function, call, reason)

    async def _tracked(self, function: IndexedFunction, call: Invocation, invocation_id: str) -> Outcome:
        task = asyncio.create_task(worker.invoke(function, call, invocation_id), name=function.name)
        self._running.add(task)
        self._idle.clear()
        try:
            return await self._outcome(task, function)
        finally:
            self._running.discard(task)
            if not self._running:
                self._idle.set()

    async def _logged(self, function: IndexedFunction, call: Invocation, reason: str) -> Outcome:
        invocation_id = str(uuid.uuid4())
        log.info("Executing '%s' (Reason='%s', Id=%s)", function.name, reason, invocation_id)
        started = time.perf_counter()
        result = "Failed"
        try:
            outcome = await self._tracked(function, call, invocation_id)
            result = "Succeeded"
            return outcome
        except FunctionFailed as failure:
            log.error("'%s' failed: %s\n%s", function.name, failure, failure.stack_trace)
            raise
        except (InvocationCancelled, asyncio.CancelledError):
            result = "Cancelled"
            raise
        finally:
            elapsed = (time.perf_counter() - started) * 1000
            log.info(
                "Executed '%s' (%s, Id=%s, Duration=%.1fms)", function.name, result, invocation_id, elapsed
            )

    async def _outcome(self, task: asyncio.Task[Outcome], function: IndexedFunction) -> Outcome:
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not task.cancelled():
            return task.result()
        if self._closed:
            raise InvocationCancelled(function.name)
        # Not ours: something that the function awaited was cancelled under it.
        raise FunctionFailed("CancelledError: the function was cancelled from within", "")

    @property
    def in_flight(self) -> int:
        """How many functions run now."""
        return len(self._running)

    async def finish(self, grace: float) -> None:
        """Wait up to `grace` seconds for what runs, then cancel it; nothing new starts afterwards."""
        try:
            async with asyncio.timeout(grace):
                await self._idle.wait()
        except TimeoutError:
            log.warning("%d invocations did not end within %.1f s and are cancelled", self.in_flight, grace)
        self._closed = True
        leftovers = list(self._running)
        for task in leftovers:
            task.cancel()
        if leftovers:
            # A function may refuse to be cancelled; the process must still end.
            await asyncio.wait(leftovers, timeout=2)
