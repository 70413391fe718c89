"""What every `GitOpsAgent` keeps to."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domain.kernel.errors import Rejected
from domain.kernel.work import Partition
from domain.provided import EnvironmentHandle, ProvidedDrift, ProvidedResource, ProvidedSync
from tests import environments
from tests.contracts.gitops_sites import FluxSite, GitOpsSite, MemorySite, handled
from tests.environments import RunningCluster, config_map, deployment, namespace_of, until

running_cluster, cluster = environments.running_cluster, environments.cluster

OBJECTS = [deployment(), config_map("fast")]


@pytest.fixture
async def flux_site(cluster: RunningCluster, tmp_path: Path) -> AsyncIterator[FluxSite]:
    site = FluxSite(cluster, tmp_path)
    yield site
    await site.api.close()


@pytest.fixture
def environment(partition: Partition) -> EnvironmentHandle:
    return EnvironmentHandle(partition, "staging")


@pytest.fixture(params=["memory", "flux"])
def site(request: pytest.FixtureRequest, environment: EnvironmentHandle) -> GitOpsSite:
    """Each test that asks for it runs twice."""
    if request.param == "memory":
        memory = MemorySite()
        memory.unconnected(environment)
        return memory
    found: FluxSite = request.getfixturevalue("flux_site")
    return found


async def test_an_environment_without_an_agent(site: GitOpsSite, environment: EnvironmentHandle) -> None:
    for _ in range(2):
        assert await site.agent.sync(environment) is None
        with pytest.raises(Rejected, match="environment staging has no GitOps agent"):
            await site.agent.reconcile(environment, token="cmd-1")
        with pytest.raises(Rejected, match="environment staging has no GitOps agent"):
            await site.agent.drift(environment, [deployment()])


async def test_what_was_asked_for_is_the_branchs_head_applied(
    site: GitOpsSite, environment: EnvironmentHandle
) -> None:
    sha = await site.commit(environment, OBJECTS)
    await site.connect(environment)
    sync = await handled(site, environment, "cmd-1")
    assert (sync.desired_sha, sync.applied_sha, sync.ready) == (sha, sha, True)
    assert sha in sync.message
    namespace = namespace_of(environment)
    assert set(sync.resources) == {
        ProvidedResource("apps/v1", "Deployment", namespace, "orders"),
        ProvidedResource("v1", "ConfigMap", namespace, "orders"),
    }
    assert await site.agent.sync(environment) == sync


async def test_the_same_token_asks_once_and_another_again(
    site: GitOpsSite, environment: EnvironmentHandle
) -> None:
    first = await site.commit(environment, OBJECTS)
    await site.connect(environment)
    done = await handled(site, environment, "cmd-1")
    second = await site.commit(environment, [deployment(replicas=3)])
    before = await site.traces(environment)
    await asyncio.gather(*(site.agent.reconcile(environment, token="cmd-1") for _ in range(4)))
    assert await site.traces(environment) == before
    assert await site.agent.sync(environment) is not None
    assert (done.applied_sha, first) == (first, done.desired_sha)
    sync = await handled(site, environment, "cmd-2")
    assert (sync.desired_sha, sync.applied_sha, sync.ready) == (second, second, True)
    assert [resource.kind for resource in sync.resources] == ["Deployment"]


async def test_what_is_under_way_is_neither_well_nor_failed(
    site: GitOpsSite, environment: EnvironmentHandle
) -> None:
    await site.commit(environment, [])
    await site.connect(environment)
    first = await handled(site, environment, "cmd-1")
    sha = await site.commit(environment, OBJECTS)
    await site.hold()
    await site.agent.reconcile(environment, token="cmd-2")

    async def read() -> ProvidedSync | None:
        return await site.agent.sync(environment)

    sync = await until(read, lambda sync: sync is not None and sync.desired_sha == sha)
    assert sync is not None and sync.ready is None
    assert (sync.applied_sha, sync.handled_token == "cmd-2") == (first.applied_sha, False)
    await site.finish()
    assert (await handled(site, environment, "cmd-2")).applied_sha == sha


async def test_what_can_not_be_applied_fails_and_what_was_applied_stays(
    site: GitOpsSite, environment: EnvironmentHandle
) -> None:
    good = await site.commit(environment, OBJECTS)
    await site.connect(environment)
    await handled(site, environment, "cmd-1")
    bad = await site.break_branch(environment)
    sync = await handled(site, environment, "cmd-2")
    assert (sync.desired_sha, sync.applied_sha, sync.ready) == (bad, good, False)
    assert "kustomize build failed" in sync.message
    better = await site.commit(environment, OBJECTS)
    sync = await handled(site, environment, "cmd-3")
    assert (sync.applied_sha, sync.ready) == (better, True)


async def test_drift_is_told_by_field_and_undone_by_the_next_request(
    site: GitOpsSite, environment: EnvironmentHandle
) -> None:
    await site.commit(environment, OBJECTS)
    await site.connect(environment)
    await handled(site, environment, "cmd-1")
    for _ in range(2):
        assert await site.agent.drift(environment, OBJECTS) == ()
    namespace = namespace_of(environment)
    gone = ProvidedResource("v1", "ConfigMap", namespace, "orders")
    await site.scale(environment, "orders", 5, before=2)
    await site.delete(environment, gone)
    changed = ProvidedResource("apps/v1", "Deployment", namespace, "orders")
    for _ in range(2):
        assert set(await site.agent.drift(environment, OBJECTS)) == {
            ProvidedDrift(changed, "spec.replicas is 5, not 2"),
            ProvidedDrift(gone, "is gone"),
        }
    assert await site.agent.drift(environment, [deployment("other")]) != await site.agent.drift(
        environment, [deployment()]
    )
    await handled(site, environment, "cmd-2")
    assert await site.agent.drift(environment, OBJECTS) == ()


async def test_environments_know_nothing_of_each_other(
    site: GitOpsSite, environment: EnvironmentHandle
) -> None:
    other = EnvironmentHandle(environment.partition, "production")
    foreign = EnvironmentHandle(Partition(environment.partition.tenant_id, "books"), "staging")
    shas = {}
    for number, one in enumerate((environment, other, foreign)):
        shas[one] = await site.commit(one, [config_map(str(number))])
        await site.connect(one)
        await handled(site, one, f"cmd-{number}")
    assert len(set(shas.values())) == 3
    await site.delete(other, ProvidedResource("v1", "ConfigMap", namespace_of(other), "orders"))
    for number, one in enumerate((environment, other, foreign)):
        sync = await site.agent.sync(one)
        assert sync is not None and (sync.applied_sha, sync.handled_token) == (shas[one], f"cmd-{number}")
        drifts = await site.agent.drift(one, [config_map(str(number))])
        assert [drift.change for drift in drifts] == (["is gone"] if one == other else [])


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"apiVersion": "v1", "kind": "ConfigMap"},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "../secrets/x"}},
        {"apiVersion": "v1/../../x", "kind": "ConfigMap", "metadata": {"name": "a"}},
        {"kind": "ConfigMap", "metadata": {"name": "a"}},
        {"apiVersion": "v1", "metadata": {"name": "a"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": None},
    ],
)
async def test_what_is_no_object_is_refused(
    site: GitOpsSite, environment: EnvironmentHandle, wanted: dict[str, object]
) -> None:
    await site.commit(environment, [])
    await site.connect(environment)
    with pytest.raises(Rejected, match="can't be looked for"):
        await site.agent.drift(environment, [config_map("fast"), wanted])
