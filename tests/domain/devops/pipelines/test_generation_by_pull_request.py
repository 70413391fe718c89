"""On a protected branch a YAML goes in by pull request: it waits, its merge completes it, and that is all."""

from collections.abc import Awaitable, Callable

import pytest

from domain.devops.pipelines.pipeline_definition import PipelineGenerated, generate_pipeline
from domain.devops.pipelines.pipeline_run import RunPipeline
from domain.devops.source_control.pull_request import (
    PullRequestMerged,
    PullRequestOpened,
)
from domain.devops.source_control.pull_request_observation import ObservePullRequest
from domain.devops.source_control.repository import Repository
from domain.provided import FileContent
from tests.domain.devops.pipelines.given import (
    CHECKED,
    a_module,
    a_proposal,
    pass_checks,
    pipeline_of,
    push,
    to_generate,
    yaml_on,
)
from tests.domain.devops.source_control.given import a_branch, file, head_of, to_open
from tests.domain.devops.source_control.given import a_commit as committed
from tests.domain.happened import Happened
from tests.domain.world import World


async def merged(world: World, repository: Repository, number: int) -> Happened:
    """Its checks pass, so it completes itself; the hook is delivered, and all that follows has happened."""
    pass_checks(world, repository, number)
    return await world.given(ObservePullRequest(repository_id=repository.id, number=number))


async def merged_by_hand(world: World, repository: Repository, number: int) -> Happened:
    """Somebody merges it in the browser, and as above."""
    world.git.complete(repository.handle, number)
    return await world.given(ObservePullRequest(repository_id=repository.id, number=number))


async def something_else_merged(world: World, repository: Repository) -> None:
    """A feature of somebody's goes into the default branch."""
    name = world.name("feature/part")
    await a_branch(world, repository, name)
    await committed(world, repository, name, file(f"src/{name}.py"))
    fact = (await world.given(to_open(repository, source_branch=name))).only(PullRequestOpened)
    await merged_by_hand(world, repository, fact.number)


type Merge = Callable[[World, Repository, int], Awaitable[Happened]]


def numbers(world: World, repository: Repository) -> list[int]:
    return list(world.git.repository(repository.handle).pull_requests)


def published(world: World) -> list[str]:
    return [str(message.properties["cs-event-type"]) for message in world.published()]


async def test_the_yaml_waits_in_a_pull_request(world: World) -> None:
    repository, pull_request = await a_proposal(world)
    definition = await pipeline_of(world, repository)
    assert (definition.status, definition.waits_in) == ("Proposed", pull_request.number)
    assert definition.generated_at is None
    assert pull_request.target_branch == "main"
    assert pull_request.title == "Generate the pipeline from python-service.yml 1.1.0"
    assert await yaml_on(world, repository) is None
    assert "python-service.yml@templates" in (
        await yaml_on(world, repository, pull_request.source_branch) or ""
    )


async def test_what_waits_can_not_be_run_yet(world: World) -> None:
    repository, pull_request = await a_proposal(world)
    definition = await pipeline_of(world, repository)
    no = await world.refused(RunPipeline(pipeline_id=definition.id))
    assert no == f"pipeline {definition.id} waits in pull request {pull_request.number}"


async def test_it_completes_itself_once_its_checks_have_passed(world: World) -> None:
    repository, pull_request = await a_proposal(world)
    assert await yaml_on(world, repository) is None
    pass_checks(world, repository, pull_request.number)
    assert "python-service.yml@templates" in (await yaml_on(world, repository) or "")


@pytest.mark.parametrize("merge", [merged, merged_by_hand])
async def test_its_merge_completes_it_and_there_the_chain_ends(world: World, merge: Merge) -> None:
    repository, pull_request = await a_proposal(world)
    world.topics.published.clear()
    (await merge(world, repository, pull_request.number)).only(PullRequestMerged)
    assert published(world) == ["PipelineGenerated", "PipelineRunStarted"]
    definition = await pipeline_of(world, repository)
    assert (definition.status, definition.proposal) == ("Active", None)
    assert definition.commit_sha == await head_of(world, repository)
    assert numbers(world, repository) == [pull_request.number]
    (run,) = world.pipelines.runs_of(world.partition)
    assert run.commit_sha == definition.commit_sha


async def test_later_merges_neither_generate_nor_run_anything(world: World) -> None:
    repository, pull_request = await a_proposal(world)
    await merged(world, repository, pull_request.number)
    before = world.effects
    world.topics.published.clear()
    await something_else_merged(world, repository)
    assert "PipelineGenerated" not in published(world)
    assert "PipelineRunStarted" not in published(world)
    assert world.effects["run"] == before["run"] == 1


async def test_a_merge_of_something_else_while_it_waits_opens_no_second_one(world: World) -> None:
    repository, pull_request = await a_proposal(world)
    state = (await pipeline_of(world, repository)).state()
    await something_else_merged(world, repository)
    assert len(numbers(world, repository)) == 2, "the feature's, and the one that waits"
    assert (await pipeline_of(world, repository)).state() == state
    await merged(world, repository, pull_request.number)
    assert (await pipeline_of(world, repository)).status == "Active"
    assert len(numbers(world, repository)) == 2


async def test_a_second_command_while_it_waits_changes_nothing(world: World) -> None:
    repository, _ = await a_proposal(world)
    before, state = world.effects, (await pipeline_of(world, repository)).state()
    assert (await world.when(to_generate(repository))).facts == ()
    assert world.effects == before
    assert (await pipeline_of(world, repository)).state() == state


async def test_an_abandoned_one_is_proposed_anew_by_the_next_command(world: World) -> None:
    repository, abandoned = await a_proposal(world)
    world.git.abandon(repository.handle, abandoned.number)
    fact = (await world.given(to_generate(repository))).only(PullRequestOpened)
    assert fact.number != abandoned.number
    definition = await pipeline_of(world, repository)
    assert definition.waits_in == fact.number
    await merged(world, repository, fact.number)
    assert (await pipeline_of(world, repository)).status == "Active"


async def test_a_regeneration_of_an_active_pipeline_waits_and_the_prior_one_runs_on(world: World) -> None:
    repository, first = await a_proposal(world, template_version="1.0.0")
    await merged(world, repository, first.number)
    fact = (await world.given(to_generate(repository, template_version="1.1.0"))).only(PullRequestOpened)
    waiting = await pipeline_of(world, repository)
    assert (waiting.status, waiting.template_version, waiting.waits_in) == ("Active", "1.0.0", fact.number)
    (await world.when(RunPipeline(pipeline_id=waiting.id))).facts[0]
    await merged(world, repository, fact.number)
    done = await pipeline_of(world, repository)
    assert (done.template_version, done.proposal) == ("1.1.0", None)
    assert [one.template_version for one in done.superseded] == ["1.0.0"]


async def test_another_design_is_refused_while_one_waits(world: World) -> None:
    """What waits is what its title says: something else can't wait in its place."""
    repository, first = await a_proposal(world, template_version="1.0.0")
    another = to_generate(repository, template_version="1.1.0")
    sentence = f"pull request {first.number} waits with templates 1.0.0: complete or abandon it first"
    assert await world.refused(another) == sentence
    world.git.abandon(repository.handle, first.number)
    await world.given(another)
    second = (await pipeline_of(world, repository)).waits_in
    await merged(world, repository, second or 0)
    assert (await pipeline_of(world, repository)).template_version == "1.1.0"
    assert len(numbers(world, repository)) == 2


async def test_a_preview_that_is_refused_leaves_no_branch_and_no_pull_request(world: World) -> None:
    repository = await a_module(world, protection=CHECKED)
    world.pipelines.invalid("extends", "templates are not allowed here")
    assert await world.refused(to_generate(repository)) == "templates are not allowed here"
    assert list(world.git.repository(repository.handle).refs) == ["main"]
    assert numbers(world, repository) == []


@pytest.mark.parametrize("moved_on", [False, True])
async def test_a_proposal_that_crashed_before_it_was_stored_is_found_by_its_repeat(
    world: World, moved_on: bool
) -> None:
    repository = await a_module(world, protection=CHECKED)
    command = to_generate(repository)
    envelope = world.envelope(command)
    await generate_pipeline(command, world.work(command, envelope), world.git, world.pipelines)
    if moved_on:
        push(world, repository, "src/later.py")
    before = world.effects
    fact = (await world.when(command, envelope)).only(PullRequestOpened)
    assert world.effects == before
    assert numbers(world, repository) == [fact.number]


@pytest.mark.parametrize("key", ["deploy.lock", "seven..8", "ends.", "x"])
async def test_whatever_the_commands_id_is_the_branch_has_a_name_that_git_takes(
    world: World, key: str
) -> None:
    repository = await a_module(world, protection=CHECKED)
    command = to_generate(repository)
    fact = (await world.when(command, world.envelope(command, event_id=key))).only(PullRequestOpened)
    prefix, _, mark = fact.source_branch.rpartition("-")
    assert prefix == "pipelines/azure-pipelines-1.1.0"
    assert len(mark) == 8
    assert mark.isalnum()


async def test_a_yaml_that_its_reviewers_changed_is_proposed_as_it_should_be(world: World) -> None:
    repository, pull_request = await a_proposal(world)
    changed = FileContent("azure-pipelines.yml", "edit", b"steps: [{script: echo}]\n")
    world.git.push(repository.handle, pull_request.source_branch, [changed])
    await merged_by_hand(world, repository, pull_request.number)
    definition = await pipeline_of(world, repository)
    assert definition.status == "Proposed"
    assert definition.waits_in not in (None, pull_request.number)


async def test_the_merge_is_the_cause_of_what_it_completes(world: World) -> None:
    repository, pull_request = await a_proposal(world)
    happened = await merged(world, repository, pull_request.number)
    happened.only(PullRequestMerged)
    trace = {node.id: node for node in await world.store.trace("connectsoft", happened.envelopes[0].trace_id)}
    (generated,) = (node for node in trace.values() if node.type == PipelineGenerated.__name__)
    command = trace[generated.causation_id or ""]
    assert (command.type, command.causation_id) == ("GeneratePipeline", happened.envelopes[0].event_id)
