"""Runs: started once by a command, followed by what is observed, also where they came from outside."""

import pytest

from domain.devops.pipelines.build_result import BuildCompleted
from domain.devops.pipelines.pipeline_run import (
    PipelineRun,
    PipelineRunStarted,
    RunPipeline,
    run_pipeline,
)
from domain.devops.pipelines.run_state import RunReason
from domain.kernel.errors import NotFound, Unavailable
from domain.kernel.values import timestamp
from tests.domain.devops.pipelines.given import (
    LosingBlobs,
    a_pipeline,
    a_run,
    again,
    build_of,
    finished,
    observed,
)
from tests.domain.devops.source_control.given import head_of
from tests.domain.world import World


async def test_running_records_the_run_as_the_provider_started_it(world: World) -> None:
    repository, definition = await a_pipeline(world)
    happened = await world.when(RunPipeline(pipeline_id=definition.id))
    fact = happened.only(PipelineRunStarted)
    assert happened.envelopes[0].payload == {
        "pipelineRunId": PipelineRun.id_for(definition.id, 1),
        "pipelineId": definition.id,
        "runId": 1,
        "branch": "main",
        "commitSha": await head_of(world, repository),
        "buildNumber": "1.0.1",
        "reason": "manual",
        "startedAt": timestamp(world.clock.now()),
    }
    run = await world.read(PipelineRun, fact.pipeline_run_id)
    assert (run.status, run.finished_at, run.requested_by) == ("Started", None, "Software Factory")


@pytest.mark.parametrize("reason", list(RunReason))
async def test_a_run_has_the_reason_that_was_given(world: World, reason: RunReason) -> None:
    _, run = await a_run(world, reason=reason)
    assert run.reason is reason


async def test_another_branch_may_be_run(world: World) -> None:
    repository, definition = await a_pipeline(world)
    head = await head_of(world, repository)
    await world.git.create_branch(repository.handle, "release/1.0", head)
    fact = (await world.when(RunPipeline(pipeline_id=definition.id, branch="release/1.0"))).only(
        PipelineRunStarted
    )
    assert (fact.branch, fact.commit_sha) == ("release/1.0", head)


async def test_a_branch_that_does_not_exist_is_refused(world: World) -> None:
    _, definition = await a_pipeline(world)
    no = await world.refused(RunPipeline(pipeline_id=definition.id, branch="nowhere"))
    assert no == "branch nowhere does not exist"


async def test_a_run_references_an_existing_definition(world: World) -> None:
    with pytest.raises(NotFound, match="PipelineDefinition pipe-9 does not exist"):
        await world.when(RunPipeline(pipeline_id="pipe-9"))


async def test_a_run_whose_command_crashed_is_found_by_its_repeat(world: World) -> None:
    _, definition = await a_pipeline(world)
    command = RunPipeline(pipeline_id=definition.id)
    envelope = world.envelope(command)
    await run_pipeline(command, world.work(command, envelope), world.pipelines)
    (await world.when(command, envelope)).only(PipelineRunStarted)
    assert len(world.pipelines.runs_of(world.partition)) == 1


async def test_a_run_whose_answer_was_lost_is_found_by_its_repeat(world: World) -> None:
    _, definition = await a_pipeline(world)
    envelope = world.envelope(RunPipeline(pipeline_id=definition.id))
    world.pipelines.lose_answer("run_pipeline")
    with pytest.raises(Unavailable):
        await world.dispatch(envelope)
    reply = (await world.dispatch(envelope, may_be_repeat=True)).outcome.reply
    assert [event["eventType"] for event in reply["events"]] == ["PipelineRunStarted"]
    assert world.pipelines.effects["run"] == 1


async def test_two_commands_are_two_runs(world: World) -> None:
    _, definition = await a_pipeline(world)
    facts = [
        (await world.when(RunPipeline(pipeline_id=definition.id))).only(PipelineRunStarted) for _ in range(2)
    ]
    assert [fact.build_number for fact in facts] == ["1.0.1", "1.0.2"]
    assert facts[0].pipeline_run_id != facts[1].pipeline_run_id


async def test_a_run_is_followed_from_its_start_to_its_end(world: World) -> None:
    _, run = await a_run(world)
    assert (await observed(world, run)).facts == ()
    assert (await again(world, run)).status == "Started"
    world.pipelines.start(run.run_id)
    await observed(world, run)
    going = await again(world, run)
    assert (going.status, going.finished_at) == ("InProgress", None)
    assert [(stage.name, stage.state) for stage in going.stages] == [
        ("build", "inProgress"),
        ("package", "pending"),
    ]
    world.pipelines.finish_stage(run.run_id, "build")
    await observed(world, run)
    assert (await again(world, run)).stages[0].jobs[0].result == "succeeded"
    world.clock.step(60)
    world.pipelines.finish(run.run_id)
    (await observed(world, run)).only(BuildCompleted)
    over = await again(world, run)
    assert (over.status, over.finished_at) == ("Succeeded", world.clock.now())


@pytest.mark.parametrize(
    ("result", "status"), [("succeeded", "Succeeded"), ("failed", "Failed"), ("canceled", "Canceled")]
)
async def test_run_and_build_come_to_the_same(world: World, result: str, status: str) -> None:
    run, build = await finished(world, result)
    assert (run.status, build.status) == (status, status)
    assert build.completed_at == run.finished_at


async def test_a_run_that_never_began_can_be_canceled(world: World) -> None:
    _, run = await a_run(world)
    world.pipelines.cancel(run.run_id)
    fact = (await observed(world, run)).only(BuildCompleted)
    assert fact.status == "Canceled"


async def test_later_attempts_of_a_finished_run_change_nothing(world: World) -> None:
    run, build = await finished(world, "failed", log="first\n")
    world.clock.step(3600)
    world.pipelines.retry(run.run_id, "build")
    assert (await observed(world, run)).facts == ()
    world.pipelines.finish(run.run_id, "succeeded", tests=(9, 0), log="second\n")
    assert (await observed(world, run)).facts == ()
    assert (await again(world, run)).state() == run.state()
    assert (await build_of(world, run)).state() == build.state()


async def test_a_second_attempt_that_is_under_way_before_the_first_was_seen_is_the_one_that_counts(
    world: World,
) -> None:
    world.blobs = losing = LosingBlobs()
    losing.lost = 1  # its log is stored, and its artifact as well
    _, run = await a_run(world)
    world.pipelines.finish(run.run_id, "failed", artifacts={"drop": {"a": b"first"}}, log="first\n")
    with pytest.raises(Unavailable):
        await observed(world, run)
    world.clock.step(60)
    world.pipelines.retry(run.run_id, "build")
    artifacts = {"drop": {"a": b"second"}}
    world.pipelines.finish(run.run_id, "succeeded", tests=(9, 0), artifacts=artifacts, log="second\n")
    fact = (await observed(world, run)).only(BuildCompleted)
    assert (fact.status, fact.tests_passed) == ("Succeeded", 9)
    build = await build_of(world, run)
    assert build.problems == ()
    assert build.log is not None
    log = b"".join([part async for part in world.blobs.read(world.partition, build.log.handle)])
    assert b"second" in log
