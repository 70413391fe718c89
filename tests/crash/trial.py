"""One message, one fault, one recovery, and what must hold at every moment of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from domain.kernel.journal import Journal
from tests.crash.ending import Ending, timeless
from tests.crash.faults import Call, Fault
from tests.crash.ground import Ground, frozen, thawed
from tests.crash.recoveries import Recovery, Trial, redelivery, timer
from tests.crash.ways import Arrival, Way
from tests.domain.world import World

# Seconds; later than the outbox timer's grace, so that whatever pends is its business.
A_WHILE = 60.0


@dataclass(frozen=True)
class DryRun:
    """What a way does where nothing fails: its calls at either door, and its ending."""

    arrival: Arrival
    start: Callable[[], Awaitable[Ground]]
    calls: dict[bool, tuple[Call, ...]]
    ending: Ending

    def faults(self, *, may_be_repeat: bool) -> list[Fault]:
        calls = enumerate(self.calls[may_be_repeat])
        return [Fault(index, mode) for index, call in calls for mode in call.modes()]


async def over_memory(way: Way) -> DryRun:
    """Prepare once; every trial begins from a copy."""
    world = World()
    arrival = await way.prepare(world)
    data = frozen(await Ground.of(world))

    async def start() -> Ground:
        return thawed(data)

    return await dry_run(arrival, start)


async def dry_run(arrival: Arrival, start: Callable[[], Awaitable[Ground]]) -> DryRun:
    calls: dict[bool, tuple[Call, ...]] = {}
    endings: list[Ending] = []
    for may_be_repeat in (True, False):
        trial = Trial(await start(), arrival)
        await trial.deliver(trial.process, may_be_repeat=may_be_repeat)
        assert isinstance(trial.process.result, Journal), trial.process.result
        calls[may_be_repeat] = tuple(trial.process.faults.calls)
        endings.append(await trial.ground.ending(arrival.id))
    assert endings[0] == endings[1]
    return DryRun(arrival, start, calls, endings[0])


def assert_true_answers(trial: Trial, expected: Ending) -> None:
    """Whoever is answered, is answered what the command came to."""
    for process in trial.processes:
        if isinstance(process.result, Journal):
            reply = trial.ground.shape(timeless(process.result.outcome.reply))
            assert reply == expected.reply


async def assert_recovers(run: DryRun, fault: Fault, recovery: Recovery, *, may_be_repeat: bool) -> bool:
    """As `assert_trial_recovers`, from the start."""
    trial = Trial(await run.start(), run.arrival)
    return await assert_trial_recovers(trial, run.ending, fault, recovery, may_be_repeat=may_be_repeat)


async def assert_trial_recovers(
    trial: Trial, expected: Ending, fault: Fault, recovery: Recovery, *, may_be_repeat: bool = True
) -> bool:
    """Deliver, meet the fault, recover; the ending is as if nothing had happened. False: it was not met."""
    try:
        trial.plan(fault)
        await trial.deliver(trial.process, may_be_repeat=may_be_repeat)
        committed = await assert_sound(trial, expected)
        trial.ground.clock.step(A_WHILE)
        await recovery(trial)
        if recovery is timer and not committed:
            journal = await trial.ground.journal(trial.arrival.id)
            assert journal is None, "the timer can't know what was never committed"
            await assert_sound(trial, expected)
            await redelivery(trial)
        await assert_recovered(trial, expected)
        return trial.met == [fault]
    finally:
        await trial.ground.close()


async def assert_recovers_in_the_end(
    run: DryRun, faults: list[Fault], steps: list[tuple[Recovery, Fault]]
) -> list[Fault]:
    """As `assert_recovers`, with faults in the recovery too: those that were met, in their order."""
    trial = Trial(await run.start(), run.arrival)
    for fault in faults:
        trial.plan(fault)
    await trial.deliver(trial.process, may_be_repeat=True)
    await assert_sound(trial, run.ending)
    for recovery, fault in steps:
        trial.ground.clock.step(A_WHILE)
        trial.successor().faults.plan(fault)
        await recovery(trial)
        await assert_sound(trial, run.ending)
    met = trial.met
    trial.process.faults.heal()
    trial.ground.clock.step(A_WHILE)
    await redelivery(trial)
    await timer(trial)
    await assert_recovered(trial, run.ending)
    return met


async def assert_sound(trial: Trial, expected: Ending) -> bool:
    """What holds at any moment; whether the message is committed."""
    id = trial.arrival.id
    await trial.ground.assert_nothing_uncommitted(id)
    committed = await trial.ground.journal(id) is not None
    assert_true_answers(trial, expected)
    assert committed or not any(isinstance(one.result, Journal) for one in trial.processes), (
        "answered too soon"
    )
    return committed


async def assert_recovered(trial: Trial, expected: Ending) -> None:
    """What holds in the end."""
    assert not isinstance(trial.process.result, BaseException), trial.process.result
    for process in trial.processes[1:]:
        was_hit = bool(process.faults.met)
        assert was_hit or not isinstance(process.result, BaseException), process.result
    assert_true_answers(trial, expected)
    assert await trial.ground.ending(trial.arrival.id) == expected
