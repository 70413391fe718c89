"""Faults at every call of every step of whole promotions and infrastructure runs; and whole runs in which any
step may crash anywhere, time and again."""

import random
from collections import Counter
from itertools import cycle
from typing import Any

import pytest

from domain.kernel.errors import Conflict, Unavailable
from tests import report
from tests.crash.conftest import Tally
from tests.crash.faults import Call, Fault, Mode
from tests.crash.ground import Ground, thawed
from tests.crash.process import Process
from tests.crash.recoveries import RECOVERIES
from tests.crash.step_ways import begun
from tests.crash.trial import A_WHILE, assert_recovers
from tests.domain.journeys import JOURNEYS, Journey
from tests.orchestrations import STEPS, Activity, Running

BACKEND = "steps of orchestrations over memory"

# Gates look again by themselves at what did not answer: test_every_step.py plays that to the end.
GATES = {"rollout", "get", "query"}

SEED, WHOLE_RUNS, CRASHES_AT = 20260611, 10, 0.5
# The share of those faults that are tried for which another one stands; 1 tries them all.
SHARE = 0.2

every_journey = pytest.mark.parametrize("journey", JOURNEYS, ids=lambda journey: journey.name)


def is_tried(fault: Fault, call: Call, lot: random.Random) -> bool:
    """Every place to be killed at. Killed before a call is killed after the one before it, and a lost answer
    is a call that was cut short: of those a share does."""
    if call.name in GATES and fault.mode in (Mode.UNAVAILABLE_BEFORE, Mode.UNAVAILABLE_AFTER):
        return False
    if fault.mode in (Mode.CRASH_AFTER, Mode.CRASH_HALFWAY):
        return True
    return (fault.mode is Mode.CRASH_BEFORE and fault.index == 0) or lot.random() < SHARE


@every_journey
async def test_a_fault_at_any_call_of_any_step_changes_nothing_in_the_end(
    journey: Journey, tally: Tally
) -> None:
    """A crash, and then the activity runs again: what the step leaves is what it leaves without one."""
    found = await begun(journey)
    turns, lot = cycle(RECOVERIES), random.Random(SEED)
    for step in found.steps:
        run = await step.dry_run()
        for fault in run.faults(may_be_repeat=True):
            call = run.calls[True][fault.index]
            if not is_tried(fault, call, lot):
                continue
            recovery = next(turns)
            try:
                assert await assert_recovers(run, fault, recovery, may_be_repeat=True)
            except AssertionError as error:
                error.add_note(f"{step.name}: {fault.mode} {call.name} ({fault.index}), {recovery.__name__}")
                raise
            tally(BACKEND)
    report.count("crash suite: steps of orchestrations", "under fault", len(found.steps))
    report.count("crash suite: steps of orchestrations", "that only look", found.looks)


type Told = Counter[tuple[str, str, int]]


class WholeRun:
    """One orchestration on its ground; each activity may be cut short, and runs again in another process."""

    def __init__(self, ground: Ground, order: dict[str, Any], lot: random.Random | None) -> None:
        self.ground, self.order, self.lot = ground, order, lot
        self.process = ground.process()
        self.crashes = 0

    async def played(self) -> None:
        clock = self.ground.clock
        running = Running(self.order, clock, self._taken)
        while not running.is_over:
            if running.due is not None:
                clock.step(max((running.due - clock.moment).total_seconds(), 0))
            await running.turn()
            if running.tries:
                clock.step(3)
        clock.step(A_WHILE)
        self._alive().faults.heal()
        await self.process.tick()
        assert not isinstance(self.process.result, BaseException), self.process.result

    async def _taken(self, asked: Activity) -> dict[str, Any]:
        """A durable host runs an activity anew for as often as its process did not survive it."""
        while True:
            process = self._alive()
            if self.lot is not None and self.lot.random() < CRASHES_AT:
                mode = self.lot.choice((Mode.CRASH_BEFORE, Mode.CRASH_HALFWAY, Mode.CRASH_AFTER))
                process.faults.heal()
                process.faults.plan(Fault(self.lot.randrange(12), mode))
            await process.take(STEPS[asked.name], asked.call)
            if not process.faults.dead:
                break
            self.crashes += 1
            self.ground.clock.step(3)
        if isinstance(process.result, Unavailable | Conflict):
            raise process.result
        assert isinstance(process.result, dict), process.result
        return process.result

    def _alive(self) -> Process:
        if self.process.faults.dead:
            self.process = self.ground.process()
        return self.process

    async def told(self) -> Told:
        messages = {one.message_id: one for one in self.ground.broker.published}
        return Counter(
            (
                str(one.properties["cs-event-type"]),
                str(one.properties["cs-aggregate-id"]),
                int(one.properties["cs-aggregate-version"]),
            )
            for one in messages.values()
            if one.properties.get("cs-scope") == "domain"
        )

    async def ending(self) -> tuple[Told, dict[str, int], dict[str, str]]:
        """Facts, effects, and every aggregate up to moments; nothing is left in the outbox."""
        left = [one async for one in self.ground.store.unpublished(self.ground.clock.step(A_WHILE))]
        assert left == [], "an event is not out"
        effects = await self.ground.census() - self.ground.effects
        return await self.told(), dict(effects), dict(await self.ground.current_states())


async def whole_run(journey: Journey, lot: random.Random | None) -> WholeRun:
    found = await begun(journey)
    run = WholeRun(thawed(found.data), dict(found.order), lot)
    await run.played()
    return run


@every_journey
async def test_a_whole_run_that_crashes_time_and_again_ends_as_any_other(
    journey: Journey, tally: Tally
) -> None:
    expected = await (await whole_run(journey, None)).ending()
    assert set(expected[0].values()) <= {1}
    assert tuple(fact for fact, _, _ in expected[0]) == journey.facts
    crashes = 0
    for number in range(WHOLE_RUNS):
        run = await whole_run(journey, random.Random(SEED + number))
        assert await run.ending() == expected, f"seed {SEED + number}"
        crashes += run.crashes
        for _ in range(run.crashes):
            tally(f"whole runs of {BACKEND}")
    assert crashes, "nothing was tried"
