"""Runs that no command of ours recorded: taken in whole, in the trace of what they build, or left alone."""

import pytest

from domain.devops.pipelines.pipeline_definition import PipelineDefinition
from domain.devops.pipelines.pipeline_run import (
    ObserveRun,
    PipelineRunStarted,
    RunPipeline,
    run_pipeline,
)
from domain.devops.pipelines.reconciliation import ObservePipeline, pipeline_observations_due
from domain.devops.source_control.pull_request import MergePullRequest
from domain.kernel.work import Partition
from domain.provided import FileContent
from tests.domain.devops.pipelines.given import (
    a_pipeline,
    a_run,
    again,
    observed,
    pipeline_of,
    push,
    run_of,
    to_generate,
)
from tests.domain.devops.source_control.given import a_pull_request
from tests.domain.world import World


async def test_a_run_of_another_project_changes_nothing(world: World) -> None:
    _, run = await a_run(world)
    world.pipelines.finish(run.run_id)
    world.partition = Partition("connectsoft", "proj-other")
    assert (await observed(world, run)).facts == ()
    world.partition = Partition(run.tenant_id, run.project_id)
    assert (await again(world, run)).status == "Started"


async def test_a_run_of_a_pipeline_that_is_none_of_ours_changes_nothing(world: World) -> None:
    repository, _ = await a_pipeline(world)
    change = FileContent("ci.yml", "add", b"steps: [{script: echo}]")
    world.git.push(repository.handle, "main", [change])
    external = await world.pipelines.ensure_pipeline(repository.handle, "foreign", "ci.yml", "main")
    run_id = world.pipelines.queue(repository.handle, external, "main")
    assert (await observed(world, run_id)).facts == ()
    assert (await observed(world, run_id, adopt=True)).facts == ()


async def test_a_run_that_does_not_exist_changes_nothing(world: World) -> None:
    await a_run(world)
    assert (await observed(world, 4711)).facts == ()


@pytest.mark.parametrize(("word", "reason"), [("manual", "manual"), ("individualCI", "ci"), ("pr", "ci")])
async def test_a_run_from_outside_is_taken_in_whole(world: World, word: str, reason: str) -> None:
    repository, definition = await a_pipeline(world)
    run_id = world.pipelines.queue(repository.handle, definition.external_id, "main", word)
    world.pipelines.finish(run_id, tests=(3, 0))
    happened = await observed(world, run_id)
    assert happened.names == ("PipelineRunStarted", "BuildCompleted")
    run = await run_of(world, definition, run_id)
    assert run is not None
    assert (run.reason, run.status, run.requested_by) == (reason, "Succeeded", "outside")


async def test_a_run_from_outside_follows_from_the_merge_that_it_builds(world: World) -> None:
    repository, pull_request = await a_pull_request(world)
    await world.when(to_generate(repository, module_type="PythonService"))
    # The feature was branched off before the pipeline was there; its merge keeps both.
    merged = await world.when(MergePullRequest(pull_request_id=pull_request.id))
    definition = await pipeline_of(world, repository)
    run_id = world.pipelines.queue(repository.handle, definition.external_id, "main")
    happened = await observed(world, run_id)
    started, merge = happened.envelopes[0], merged.envelopes[0]
    assert (started.trace_id, started.correlation_id) == (merge.trace_id, merge.correlation_id)
    trace = {node.id: node for node in happened.journal.trace}
    assert trace[started.causation_id or ""].causation_id == merge.event_id
    (message, *_) = happened.journal.messages
    assert message.properties["cs-initiator"] == "ada@connectsoft.example", "who merged"


async def test_a_run_from_outside_that_builds_no_merge_follows_from_its_pipeline(world: World) -> None:
    repository, definition = await a_pipeline(world)
    generated = definition.lineage
    assert generated is not None
    push(world, repository, "src/direct.py")
    run_id = world.pipelines.queue(repository.handle, definition.external_id, "main")
    (started,) = (await observed(world, run_id)).envelopes
    assert started.trace_id == generated.trace_id


async def test_our_own_run_is_left_to_its_command_until_it_is_adopted(world: World) -> None:
    _, definition = await a_pipeline(world)
    command = RunPipeline(pipeline_id=definition.id)
    envelope = world.envelope(command)
    await run_pipeline(command, world.work(command, envelope), world.pipelines)
    assert (await observed(world, 1)).facts == ()
    assert await run_of(world, definition, 1) is None
    (await observed(world, 1, adopt=True)).only(PipelineRunStarted)
    assert (await world.when(command, envelope)).facts == (), "the command comes back, and it is recorded"


async def test_the_reconciler_asks_for_every_pipeline_and_every_run_of_it(world: World) -> None:
    since = world.clock.now()
    _, run = await a_run(world)
    _, idle = await a_pipeline(world)
    definitions = [await world.read(PipelineDefinition, run.pipeline_id), idle]
    due = await pipeline_observations_due(world.partition, definitions, since, world.pipelines)
    assert due == [
        ObservePipeline(pipeline_id=run.pipeline_id),
        ObservePipeline(pipeline_id=idle.id),
        ObserveRun(run_id=run.run_id, adopt=True),
    ]
    world.pipelines.finish(run.run_id)
    late = world.clock.step(3600)
    due = await pipeline_observations_due(world.partition, definitions, late, world.pipelines)
    assert [one for one in due if isinstance(one, ObserveRun)] == [], "it was over long before"
