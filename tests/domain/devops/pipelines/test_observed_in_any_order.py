"""However the hooks of one run come, late, twice and in any order, one build is completed, always the same.

A hook only says that something happened; what is recorded is read from the provider when it is delivered.
So what counts is where deliveries fall between the provider's own steps, and between those and the commit of
the command that started the run.
"""

import copy
from collections import Counter
from collections.abc import AsyncIterator, Mapping

import pytest

from domain.catalogue import catalogue
from domain.devops.pipelines.build_result import BuildResult
from domain.devops.pipelines.pipeline_definition import PipelineDefinition
from domain.devops.pipelines.pipeline_run import ObserveRun, PipelineRun, RunPipeline, run_pipeline
from domain.devops.pipelines.run_state import RunReason
from domain.kernel.aggregate import Aggregate
from domain.kernel.envelope import Envelope
from tests import report
from tests.domain.devops.pipelines.given import a_pipeline, run_of
from tests.domain.world import World

RUN_ID = 1
START, BUILT, OVER = "it starts", "its build stage ends", "it is over"
STEPS = (START, BUILT, OVER)
COMMITTED = "its command commits"

RUN_HOOK, STAGE_HOOK, BUILD_HOOK = "run hook", "stage hook", "build hook"
AFTER = {RUN_HOOK: START, STAGE_HOOK: BUILT, BUILD_HOOK: OVER}
"""The step that each hook tells of; no hook comes before it."""

ONCE = {"PipelineRunStarted": 1, "BuildCompleted": 1, "ReleasePlanned": 1}

type Way = tuple[str, ...]

# When which of two deliveries came tells an aggregate nothing more than that it came.
_AUDIT = {"created_by", "updated_by", "lineage"}


ORDER: dict[str, tuple[str, ...]] = {
    START: (),
    BUILT: (START,),
    OVER: (BUILT,),
    **{hook: (step,) for hook, step in AFTER.items()},
    COMMITTED: (),
}
"""What must have been before each."""


class Delivery:
    """One world in which a run was started, moved along one way."""

    def __init__(self, world: World, definition: PipelineDefinition, command: Envelope | None) -> None:
        self.world, self.definition, self._command = world, definition, command

    def copy(self) -> "Delivery":
        """The same, to go another way from here."""
        return copy.deepcopy(self, {id(catalogue()): catalogue()})

    async def step(self, one: str) -> None:
        pipelines = self.world.pipelines
        if one == START:
            pipelines.start(RUN_ID)
        elif one == BUILT:
            pipelines.finish_stage(RUN_ID, "build")
        elif one == OVER:
            files = {"drop": {"app.txt": b"built"}}
            pipelines.finish(RUN_ID, tests=(12, 0), coverage=80.0, artifacts=files, log="built\n")
        elif one == COMMITTED:
            assert self._command is not None
            await self.handled(self._command)
        else:
            # The same notification twice has the same id, as the inbox sees to.
            hook = ObserveRun(run_id=RUN_ID)
            await self.handled(self.world.envelope(hook, event_id=one.replace(" ", "-")))

    async def handled(self, envelope: Envelope) -> None:
        journal = await self.world.dispatch(envelope, may_be_repeat=True)
        await self.world.react(journal)
        await self.world.dispatcher.drain()

    @property
    def published(self) -> Counter[str]:
        """Facts by their name, each counted once, however often it was sent."""
        ids = {message.message_id: message.properties["cs-event-type"] for message in self.world.published()}
        return Counter(str(name) for name in ids.values())

    async def state(self) -> tuple[object, object]:
        run = await run_of(self.world, self.definition, RUN_ID)
        assert run is not None
        build = await self.world.read(BuildResult, BuildResult.id_for(run.pipeline_run_id))
        return _said(run), _said(build)


async def every_way(
    delivery: Delivery, left: Mapping[str, int], done: Way = ()
) -> AsyncIterator[tuple[Way, Delivery]]:
    """Go every way there is to order what is left; what two ways begin with alike is gone once."""
    if not any(left.values()):
        yield done, delivery
        return
    for one, count in left.items():
        if count and all(before in done for before in ORDER[one]):
            branch = delivery.copy()
            await branch.step(one)
            async for end in every_way(branch, {**left, one: count - 1}, (*done, one)):
                yield end


def _said(aggregate: Aggregate) -> dict[str, object]:
    return aggregate.model_dump(mode="json", exclude=_AUDIT)


async def started(*, by_command: bool) -> Delivery:
    """A run is queued: by a command that has not committed yet, or from outside."""
    world = World()
    repository, definition = await a_pipeline(world)
    if not by_command:
        world.pipelines.queue(repository.handle, definition.external_id, "main")
        return Delivery(world, definition, None)
    # A reason that only the command knows, and no hook can guess.
    command = RunPipeline(pipeline_id=definition.pipeline_id, reason=RunReason.RELEASE)
    envelope = world.envelope(command)
    await run_pipeline(command, world.work(command, envelope), world.pipelines)
    return Delivery(world, definition, envelope)


# The memory store's counter is copied with it.
@pytest.mark.filterwarnings("ignore:Pickle, copy:DeprecationWarning")
@pytest.mark.parametrize(
    ("by_command", "hooks"),
    [
        (False, {RUN_HOOK: 2, STAGE_HOOK: 2, BUILD_HOOK: 2}),
        (True, {RUN_HOOK: 1, STAGE_HOOK: 1, BUILD_HOOK: 2}),
    ],
    ids=["a run from outside", "a run by a command"],
)
async def test_whatever_the_order_one_build_is_completed_and_always_the_same(
    by_command: bool, hooks: dict[str, int]
) -> None:
    begun = await started(by_command=by_command)
    left = {**dict.fromkeys(STEPS, 1), **hooks} | ({COMMITTED: 1} if by_command else {})
    states: set[str] = set()
    count = 0
    async for way, delivery in every_way(begun, left):
        assert delivery.published == ONCE, way
        states.add(repr(await delivery.state()))
        assert len(states) == 1, way
        count += 1
    whose = "started by a command" if by_command else "from outside"
    report.say(f"orders of the hooks of one run {whose}: {count}, each with one build, always the same")
    assert count > 100


async def test_a_run_whose_every_hook_was_lost_is_found_by_the_reconciler() -> None:
    delivery = await started(by_command=False)
    for step in STEPS:
        await delivery.step(step)
    observation = ObserveRun(run_id=RUN_ID, adopt=True)
    await delivery.handled(delivery.world.envelope(observation))
    assert delivery.published == ONCE
    run = await run_of(delivery.world, delivery.definition, RUN_ID)
    assert isinstance(run, PipelineRun)
    assert run.status == "Succeeded"
