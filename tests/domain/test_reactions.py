"""From a merge to a planned release everything happens by itself, in one trace; the whole diagram is the
matter of test_event_flow.py."""

import pytest

from domain.devops.delivery.delivery_policy import ConfigureDelivery, ReactionSwitch
from domain.devops.packaging.build_outputs import ObserveBuildOutputs
from domain.devops.pipelines.build_result import BuildCompleted, BuildStatus
from domain.devops.release.release_plan import PlanRelease
from domain.kernel.envelope import Envelope
from domain.kernel.journal import TraceNode
from domain.reactions import plan_release, reactions, record_outputs
from tests.domain.builds import Build
from tests.domain.flow import TRACE, Flow
from tests.domain.scenarios import ADA
from tests.domain.world import PERSONS, World

# The diagram's edges, as far as the contexts up to the release plan go.
FLOW = [
    ("RepositoryProvisioned", "CommitCreated"),
    ("CommitCreated", "PullRequestOpened"),
    ("PullRequestOpened", "PullRequestMerged"),
    ("PullRequestMerged", "PipelineGenerated"),
    ("PipelineGenerated", "PipelineRunStarted"),
    ("PipelineRunStarted", "BuildCompleted"),
    ("BuildCompleted", "ReleasePlanned"),
]


@pytest.fixture
def flow(world: World) -> Flow:
    return Flow(world)


async def switch_off(world: World, *switches: ReactionSwitch) -> None:
    await world.when(ConfigureDelivery(switched_off=switches))


async def test_from_the_merge_on_everything_follows_by_itself(flow: Flow) -> None:
    await flow.up_to_the_merge()
    await flow.built()
    facts = await flow.facts()
    for _, fact in FLOW:
        assert facts.count(fact) == 1, fact
    assert facts.count("PackagePublished") == facts.count("ContainerImageBuilt") == 1


async def test_in_its_trace_no_edge_is_missing(flow: Flow) -> None:
    await flow.up_to_the_merge()
    await flow.built()
    nodes = {node.id: node for node in await flow.trace()}
    roots = [node.type for node in nodes.values() if node.causation_id is None]
    assert roots == ["ProvisionRepository"]
    assert all(node.causation_id in nodes for node in nodes.values() if node.causation_id is not None)

    def ancestors(node: TraceNode) -> set[str]:
        found = set()
        while node.causation_id is not None:
            node = nodes[node.causation_id]
            found.add(node.type)
        return found

    for before, after in FLOW:
        (one,) = (node for node in nodes.values() if node.type == after)
        assert before in ancestors(one), f"{after} does not follow from {before}"


async def test_whoever_merged_is_behind_all_that_follows(flow: Flow) -> None:
    await flow.up_to_the_merge()
    await flow.built()
    behind = {
        message.properties["cs-event-type"]: message.properties.get("cs-initiator")
        for message in flow.world.published()
        if message.properties["cs-trace-id"] == TRACE
    }
    for fact in ("PipelineGenerated", "PipelineRunStarted", "BuildCompleted", "ReleasePlanned"):
        assert behind[fact] == PERSONS[ADA].name, fact
    assert behind["PackagePublished"] == behind["ContainerImageBuilt"] == PERSONS[ADA].name


async def test_messages_that_come_again_make_nothing_more(flow: Flow) -> None:
    await flow.up_to_the_merge()
    await flow.built()
    facts, effects = await flow.facts(), flow.world.effects
    for message in flow.world.published():
        fact = Envelope.parse(message.body)
        for command in reactions.to(fact):
            journal = await flow.world.dispatch(command, may_be_repeat=True)
            await flow.world.react(journal)
    assert await flow.facts() == facts
    assert flow.world.effects == effects


async def test_without_generation_nothing_follows_from_a_merge_until_it_is_asked_for(flow: Flow) -> None:
    await switch_off(flow.world, ReactionSwitch.GENERATE_PIPELINE)
    await flow.up_to_the_merge()
    assert "PipelineGenerated" not in await flow.facts()
    (merged,) = (node for node in await flow.trace() if node.type == "PullRequestMerged")
    await flow.sent("GeneratePipeline", {"repositoryId": merged.details["payload"]["repositoryId"]})
    assert {"PipelineGenerated", "PipelineRunStarted"} <= set(await flow.facts())


async def test_without_runs_a_generated_pipeline_waits_to_be_run(flow: Flow) -> None:
    await switch_off(flow.world, ReactionSwitch.RUN_PIPELINE)
    await flow.up_to_the_merge()
    assert "PipelineRunStarted" not in await flow.facts()
    (generated,) = (node for node in await flow.trace() if node.type == "PipelineGenerated")
    await flow.sent("RunPipeline", {"pipelineId": generated.details["payload"]["pipelineId"]})
    await flow.built()
    assert "ReleasePlanned" in await flow.facts()


async def test_without_plans_a_build_waits_to_be_planned(flow: Flow) -> None:
    await switch_off(flow.world, ReactionSwitch.PLAN_RELEASE)
    await flow.up_to_the_merge()
    build = await flow.built()
    assert "ReleasePlanned" not in await flow.facts()
    assert "PackagePublished" in await flow.facts(), "what keeps the picture true can't be switched off"
    await flow.sent("PlanRelease", {"buildResultId": build["buildResultId"]})
    assert "ReleasePlanned" in await flow.facts()


async def test_with_all_switches_off_nothing_follows_from_a_merge(flow: Flow) -> None:
    await switch_off(flow.world, *ReactionSwitch)
    await flow.up_to_the_merge()
    assert not {"PipelineGenerated", "PipelineRunStarted"} & set(await flow.facts())


@pytest.mark.parametrize("build", [Build(result="failed"), Build(result="canceled"), Build(failed=1)])
async def test_nothing_is_planned_or_published_of_a_bad_build(flow: Flow, build: Build) -> None:
    await flow.up_to_the_merge()
    await flow.built(build)
    facts = await flow.facts()
    assert "BuildCompleted" in facts
    assert not {"ReleasePlanned", "PackagePublished", "ContainerImageBuilt"} & set(facts)


def completed(**changes: object) -> BuildCompleted:
    fields = {
        "build_result_id": "build-1",
        "pipeline_run_id": "run-1",
        "pipeline_id": "pipe-1",
        "repository_id": "repo-1",
        "module_id": "module-1",
        "status": BuildStatus.SUCCEEDED,
        "tests_passed": 3,
        "tests_failed": 0,
        "coverage": None,
        "artifacts": (),
        "branch": "main",
        "on_default_branch": True,
        "commit_sha": "a" * 40,
        "build_number": "1.0.1",
        "logs_uri": None,
        "completed_at": "2026-06-11T18:22:05Z",
    }
    return BuildCompleted.model_validate(fields | changes)


def test_a_good_build_of_the_default_branch_is_planned_and_its_outputs_are_recorded() -> None:
    assert plan_release(completed()) == PlanRelease(build_result_id="build-1")
    assert record_outputs(completed()) == ObserveBuildOutputs(build_result_id="build-1")


@pytest.mark.parametrize(
    "changes",
    [{"status": "Failed"}, {"status": "Canceled"}, {"tests_failed": 1}, {"on_default_branch": False}],
)
def test_any_other_build_is_not_planned(changes: dict[str, object]) -> None:
    assert plan_release(completed(**changes)) is None
