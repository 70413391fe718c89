"""The specification's event-flow diagram, edge by edge: each is carried by a command, which a reaction or a
person sends."""

from typing import get_type_hints

import pytest

from domain.catalogue import catalogue
from domain.devops.delivery.delivery_policy import ReactionSwitch
from domain.kernel.journal import TraceNode
from domain.reactions import reactions
from functions.roles import NEEDED
from tests.domain.flow import Flow
from tests.domain.specification import COMMANDS
from tests.domain.world import World

# What sends the command besides the switchable reactions: a person, or the run's own service hook.
PERSON, OUTSIDE = "a person", "the outside"

# The diagram's edges: fact --> fact, the command in between, and what sends it.
DIAGRAM = [
    ("RepositoryProvisioned", "CommitCreated", "CreateCommit", PERSON),
    ("CommitCreated", "PullRequestOpened", "OpenPullRequest", PERSON),
    ("PullRequestOpened", "PullRequestMerged", "MergePullRequest", PERSON),
    ("PullRequestMerged", "PipelineGenerated", "GeneratePipeline", ReactionSwitch.GENERATE_PIPELINE),
    ("PipelineGenerated", "PipelineRunStarted", "RunPipeline", ReactionSwitch.RUN_PIPELINE),
    ("PipelineRunStarted", "BuildCompleted", "ObserveRun", OUTSIDE),
    ("BuildCompleted", "ReleasePlanned", "PlanRelease", ReactionSwitch.PLAN_RELEASE),
    ("ReleasePlanned", "ReleaseApproved", "ApproveRelease", PERSON),
    (
        "ReleaseApproved",
        "InfrastructureProvisioned",
        "ProvisionInfrastructure",
        ReactionSwitch.PROVISION_INFRASTRUCTURE,
    ),
    ("ReleaseApproved", "DeploymentPromoted", "PromoteDeployment", ReactionSwitch.PROMOTE_DEPLOYMENT),
    ("InfrastructureProvisioned", "GitOpsSynced", "SyncGitOps", ReactionSwitch.SYNC_GITOPS),
    ("DeploymentPromoted", "GitOpsSynced", "SyncGitOps", ReactionSwitch.SYNC_GITOPS),
]

every_edge = pytest.mark.parametrize(
    ("before", "after", "command", "by"), DIAGRAM, ids=[f"{edge[0]}-{edge[1]}" for edge in DIAGRAM]
)


@pytest.fixture
def flow(world: World) -> Flow:
    return Flow(world)


def sent_after(fact: str) -> dict[str, str | None]:
    """The commands that the page of reactions sends for a fact, with the switch of each."""
    found: dict[str, str | None] = {}
    for reaction in reactions.by_event.get(fact, ()):
        told = get_type_hints(reaction.function)["return"]
        (kind,) = (one for one in getattr(told, "__args__", (told,)) if one is not type(None))
        found[kind.__name__] = reaction.switch
    return found


@every_edge
def test_an_edge_is_carried_by_a_command(before: str, after: str, command: str, by: str) -> None:
    assert {before, after} <= catalogue().events.keys()
    if by == OUTSIDE:
        assert sent_after(before)[command] is None, "what keeps the picture true can't be switched off"
        return
    assert COMMANDS[command][1] == after
    assert NEEDED[command], "a person may send it, too"
    if by == PERSON:
        assert command not in sent_after(before)
    else:
        assert sent_after(before)[command] == by


def test_what_can_be_switched_off_are_edges_of_the_diagram_and_the_way_to_the_next_environment() -> None:
    found = {
        (fact, command): switch
        for fact in reactions.by_event
        for command, switch in sent_after(fact).items()
        if switch is not None
    }
    edges = {(before, command): by for before, _, command, by in DIAGRAM if by not in (PERSON, OUTSIDE)}
    onwards = {("DeploymentPromoted", "PromoteDeployment"): ReactionSwitch.PROMOTE_DEPLOYMENT}
    assert found == edges | onwards
    assert set(found.values()) == set(ReactionSwitch)


async def test_in_one_trace_every_edge_of_the_diagram_is_there(flow: Flow) -> None:
    await flow.whole()
    nodes = {node.id: node for node in await flow.trace()}

    def ancestors(node: TraceNode) -> set[str]:
        found = set()
        while node.causation_id is not None:
            node = nodes[node.causation_id]
            found.add(node.type)
        return found

    for before, after, command, _ in DIAGRAM:
        ways = [ancestors(node) for node in nodes.values() if node.type == after and node.scope == "domain"]
        assert any({before, command} <= way for way in ways), f"{before} --> {after}"
    assert [node.type for node in nodes.values() if node.causation_id is None] == ["ProvisionRepository"]


async def test_each_fact_comes_once_and_what_runs_is_looked_at_after_each_of_two_changes(flow: Flow) -> None:
    await flow.whole()
    facts = await flow.facts()
    for fact in {after for _, after, _, _ in DIAGRAM} - {"GitOpsSynced"}:
        assert facts.count(fact) == 1, fact
    assert facts.count("GitOpsSynced") == 2


# Switch -> the facts that don't come without it.
GONE = {
    ReactionSwitch.PROVISION_INFRASTRUCTURE: {"InfrastructureProvisioned"},
    ReactionSwitch.PROMOTE_DEPLOYMENT: {"DeploymentManifestRendered", "DeploymentPromoted"},
    ReactionSwitch.SYNC_GITOPS: {"GitOpsSynced"},
}
AFTER_APPROVAL = set[str]().union(*GONE.values())


@pytest.mark.parametrize("switch", GONE)
async def test_a_switch_switches_off_its_own_and_nothing_else(flow: Flow, switch: ReactionSwitch) -> None:
    await flow.whole(switch)
    assert set(await flow.facts()) & AFTER_APPROVAL == AFTER_APPROVAL - GONE[switch]


async def test_with_all_of_them_off_nothing_follows_from_an_approval(flow: Flow) -> None:
    await flow.whole(*GONE)
    facts = set(await flow.facts())
    assert "ReleaseApproved" in facts
    assert not facts & AFTER_APPROVAL
    assert flow.world.orchestrations.begun == {}


async def test_whoever_approved_is_behind_what_follows(flow: Flow) -> None:
    await flow.whole()
    behind = {
        message.properties["cs-event-type"]: message.properties.get("cs-initiator")
        for message in flow.world.published()
    }
    assert {behind[fact] for fact in AFTER_APPROVAL} == {"grace@connectsoft.example"}
