"""What the environments in memory give to those who test with them."""

import pickle

import pytest

from adapters.memory.gitops_agent import MemoryGitOpsAgent
from adapters.memory.health_probe import MemoryHealthProbe
from adapters.memory.metric_source import MemoryMetricSource
from adapters.memory.workloads import MemoryWorkloads
from domain.kernel.errors import Unavailable
from domain.kernel.work import Partition
from domain.provided import EnvironmentHandle, ProvidedDrift, ProvidedProbe, ProvidedResource, ProvidedSync

PARTITION = Partition("acme", "shop")
STAGING = EnvironmentHandle(PARTITION, "staging")
ORDERS = ProvidedResource("apps/v1", "Deployment", "shop", "orders")
OBJECT = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "orders", "namespace": "shop"}}


class Branches:
    """A Git host of one branch for each environment."""

    def __init__(self) -> None:
        self.heads: dict[str, str | None] = {"staging": "sha-1"}

    async def head(self, partition: Partition, environment: str) -> str | None:
        return self.heads.get(environment) if partition == PARTITION else None


@pytest.fixture
def branches() -> Branches:
    return Branches()


@pytest.fixture
def agent(branches: Branches) -> MemoryGitOpsAgent:
    return MemoryGitOpsAgent(branches.head)


async def sync_of(agent: MemoryGitOpsAgent) -> ProvidedSync:
    found = await agent.sync(STAGING)
    assert found is not None
    return found


async def test_it_looks_where_the_branch_is(agent: MemoryGitOpsAgent, branches: Branches) -> None:
    assert await sync_of(agent) == ProvidedSync(None, None, None, None, "")
    await agent.reconcile(STAGING, token="cmd-1")
    applied = ProvidedSync("sha-1", "sha-1", "cmd-1", True, "Applied revision: sha-1")
    assert await sync_of(agent) == applied
    branches.heads["staging"] = "sha-2"
    await agent.reconcile(STAGING, token="cmd-1")
    assert await sync_of(agent) == applied and agent.effects["reconcile"] == 1
    await agent.reconcile(STAGING, token="cmd-2")
    assert (await sync_of(agent)).applied_sha == "sha-2" and agent.effects["reconcile"] == 2


async def test_a_branch_that_is_not_there_changes_nothing(
    agent: MemoryGitOpsAgent, branches: Branches
) -> None:
    await agent.reconcile(STAGING, token="cmd-1")
    branches.heads["staging"] = None
    await agent.reconcile(STAGING, token="cmd-2")
    said = "the branch of the environment does not exist"
    assert await sync_of(agent) == ProvidedSync("sha-1", "sha-1", "cmd-2", None, said)


async def test_what_is_held_is_under_way_until_it_is_finished(
    agent: MemoryGitOpsAgent, branches: Branches
) -> None:
    await agent.reconcile(STAGING, token="cmd-1")
    agent.hold()
    branches.heads["staging"] = "sha-2"
    await agent.reconcile(STAGING, token="cmd-2")
    found = await sync_of(agent)
    assert (found.desired_sha, found.applied_sha, found.handled_token, found.ready) == (
        "sha-2",
        "sha-1",
        "cmd-1",
        None,
    )
    agent.finish()
    assert (await sync_of(agent)).handled_token == "cmd-2"


async def test_what_fails_stays_failed_until_the_trouble_is_over(
    agent: MemoryGitOpsAgent, branches: Branches
) -> None:
    agent.hold()
    await agent.reconcile(STAGING, token="cmd-1")
    agent.fail("timeout waiting for orders")
    failed = ProvidedSync("sha-1", None, "cmd-1", False, "timeout waiting for orders")
    assert await sync_of(agent) == failed
    await agent.reconcile(STAGING, token="cmd-2")
    assert (await sync_of(agent)).ready is False
    agent.finish()
    assert (await sync_of(agent)).ready is True


async def test_drift_is_there_until_something_is_applied(agent: MemoryGitOpsAgent) -> None:
    await agent.reconcile(STAGING, token="cmd-1")
    agent.drifted(STAGING, ORDERS, "spec.replicas is 5, not 2")
    assert await agent.drift(STAGING, []) == ()
    assert await agent.drift(STAGING, [OBJECT]) == (ProvidedDrift(ORDERS, "spec.replicas is 5, not 2"),)
    agent.fail("no")
    await agent.reconcile(STAGING, token="cmd-2")
    assert await agent.drift(STAGING, [OBJECT]) != ()
    agent.finish()
    assert await agent.drift(STAGING, [OBJECT]) == ()


async def test_a_lost_answer_asks_once(agent: MemoryGitOpsAgent) -> None:
    agent.lose_answer("reconcile")
    with pytest.raises(Unavailable, match="its answer was lost"):
        await agent.reconcile(STAGING, token="cmd-1")
    await agent.reconcile(STAGING, token="cmd-1")
    assert (agent.effects["reconcile"], agent.calls["reconcile"]) == (1, 2)


async def test_what_is_away_does_nothing(agent: MemoryGitOpsAgent) -> None:
    agent.away = True
    with pytest.raises(Unavailable, match="it is away"):
        await agent.reconcile(STAGING, token="cmd-1")
    agent.away = False
    assert (await sync_of(agent)).desired_sha is None and not agent.effects


async def test_a_copy_goes_on_from_where_it_was(agent: MemoryGitOpsAgent) -> None:
    await agent.reconcile(STAGING, token="cmd-1")
    copy: MemoryGitOpsAgent = pickle.loads(pickle.dumps(agent))
    assert await sync_of(copy) == await sync_of(agent)


async def test_an_endpoint_answers_as_its_longest_prefix_says() -> None:
    probe = MemoryHealthProbe()
    assert await probe.get("http://orders/healthz", 1) == ProvidedProbe(200, 5)
    probe.answers("http://orders/", 503)
    probe.answers("http://orders/healthz", 204, milliseconds=300)
    probe.answers("http://orders/gone", None)
    assert await probe.get("http://orders/", 1) == ProvidedProbe(503, 5)
    assert await probe.get("http://orders/healthz", 1) == ProvidedProbe(204, 300)
    assert await probe.get("http://orders/gone", 1) == ProvidedProbe(None, 5, "no answer")
    # Slower than it may be.
    slow = await probe.get("http://orders/healthz", 0.1)
    assert slow == ProvidedProbe(None, 100, "no answer within 0.1 seconds")


async def test_a_query_gives_what_was_said_of_it_last() -> None:
    metrics = MemoryMetricSource()
    assert await metrics.query(PARTITION, "error_rate") == 0.0
    metrics.gives("rate", 0.5)
    metrics.gives("error_rate", None)
    assert await metrics.query(PARTITION, "error_rate") is None
    metrics.gives("rate", 0.25)
    assert await metrics.query(PARTITION, "error_rate") == 0.25


async def test_what_nobody_spoke_of_is_complete() -> None:
    workloads = MemoryWorkloads()
    found = await workloads.rollout(STAGING, "orders")
    assert found is not None and found.state == "complete"
    workloads.becomes(STAGING, "orders", "failed", "orders crashes")
    found = await workloads.rollout(STAGING, "orders")
    assert found is not None and (found.state, found.message) == ("failed", "orders crashes")
    with pytest.raises(AssertionError, match="late is not the state of a rollout"):
        workloads.becomes(STAGING, "orders", "late")
