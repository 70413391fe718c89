"""How a platform comes back: a message is delivered again, a timer fires, or both, in any order."""

import asyncio
from collections.abc import Awaitable, Callable

from tests.crash.faults import Fault, Mode
from tests.crash.ground import Ground
from tests.crash.process import Process
from tests.crash.ways import Arrival


class Trial:
    """One message on its ground. `process` runs now; once it has crashed, `successor` is another."""

    def __init__(self, ground: Ground, arrival: Arrival) -> None:
        self.ground, self.arrival = ground, arrival
        self.processes: list[Process] = []
        self.process = self.another(under_fault=True)

    def plan(self, fault: Fault) -> None:
        """Have the first process meet it."""
        if isinstance(fault.mode, Mode):
            self.process.faults.plan(fault)
        else:
            assert self.ground.wire is not None
            self.ground.wire.plan(fault)

    @property
    def met(self) -> list[Fault]:
        on_wire = self.ground.wire.met if self.ground.wire is not None else []
        return [fault for process in self.processes for fault in process.faults.met] + on_wire

    def another(self, *, under_fault: bool = False) -> Process:
        """One more process at the same time."""
        process = self.ground.process(under_fault=under_fault)
        self.processes.append(process)
        return process

    def successor(self) -> Process:
        """Takes over: another process after a crash, else the same."""
        if self.process.faults.dead:
            self.process = self.another()
        return self.process

    async def deliver(self, process: Process, *, may_be_repeat: bool) -> None:
        await process.deliver(self.arrival.delivery, may_be_repeat=may_be_repeat)


type Recovery = Callable[[Trial], Awaitable[None]]


async def redelivery(trial: Trial) -> None:
    await trial.deliver(trial.successor(), may_be_repeat=True)


async def redelivery_that_looks_new(trial: Trial) -> None:
    await trial.deliver(trial.successor(), may_be_repeat=False)


async def timer(trial: Trial) -> None:
    await trial.successor().tick()


async def redelivery_then_timer(trial: Trial) -> None:
    await redelivery(trial)
    await timer(trial)


async def timer_then_redelivery(trial: Trial) -> None:
    await timer(trial)
    await redelivery(trial)


async def timer_during_redelivery(trial: Trial) -> None:
    mine, other = trial.successor(), trial.another()
    await asyncio.gather(trial.deliver(mine, may_be_repeat=True), other.tick())


async def two_redeliveries_and_the_timer_at_once(trial: Trial) -> None:
    mine, other, third = trial.successor(), trial.another(), trial.another()
    await asyncio.gather(
        trial.deliver(mine, may_be_repeat=True), trial.deliver(other, may_be_repeat=False), third.tick()
    )


RECOVERIES: tuple[Recovery, ...] = (
    redelivery,
    redelivery_that_looks_new,
    timer,
    redelivery_then_timer,
    timer_then_redelivery,
    timer_during_redelivery,
    two_redeliveries_and_the_timer_at_once,
)
