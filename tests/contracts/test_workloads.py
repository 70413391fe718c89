"""What every `Workloads` keeps to."""

from collections.abc import AsyncIterator
from typing import Protocol

import pytest

from adapters.kubernetes.client import KubernetesApi
from adapters.kubernetes.kinds import DEPLOYMENT
from adapters.kubernetes.rollouts import KubernetesWorkloads
from adapters.memory.workloads import MemoryWorkloads
from domain.kernel.work import Partition
from domain.ports import Workloads
from domain.provided import EnvironmentHandle, ProvidedRollout
from tests import environments
from tests.environments import RunningCluster, deployment, namespace_of, until

running_cluster, cluster = environments.running_cluster, environments.cluster


class Site(Protocol):
    """Workloads, and who brings them there. `orders` is the only Deployment of an environment."""

    @property
    def port(self) -> Workloads: ...

    async def nothing(self, environment: EnvironmentHandle) -> None:
        """No Deployment of any name in the tests is there."""

    async def roll_out(self, environment: EnvironmentHandle, *, image: str) -> None: ...
    async def begin(self, environment: EnvironmentHandle, *, image: str) -> None:
        """Bring it there, and keep it from getting on."""

    async def break_(self, environment: EnvironmentHandle, *, image: str) -> None:
        """Bring there what never becomes ready."""


NAMES = ("orders", "payments", "../../secrets", "", "a/b", "orders?watch=1")


class MemorySite(Site):
    def __init__(self) -> None:
        self._memory = MemoryWorkloads()

    @property
    def port(self) -> Workloads:
        return self._memory

    async def nothing(self, environment: EnvironmentHandle) -> None:
        for name in NAMES:
            self._memory.unknown(environment, name)

    async def roll_out(self, environment: EnvironmentHandle, *, image: str) -> None:
        self._memory.becomes(environment, "orders", "complete")

    async def begin(self, environment: EnvironmentHandle, *, image: str) -> None:
        self._memory.becomes(environment, "orders", "progressing")

    async def break_(self, environment: EnvironmentHandle, *, image: str) -> None:
        self._memory.becomes(environment, "orders", "failed", f"{image} is in CrashLoopBackOff")


class KubernetesSite(Site):
    def __init__(self, cluster: RunningCluster, api: KubernetesApi) -> None:
        self._cluster, self._workloads = cluster, KubernetesWorkloads(api)

    @property
    def port(self) -> Workloads:
        return self._workloads

    async def nothing(self, environment: EnvironmentHandle) -> None:
        await self._cluster.create_namespace(environment)

    async def roll_out(self, environment: EnvironmentHandle, *, image: str) -> None:
        await self._cluster.resume()
        path = DEPLOYMENT.path(namespace_of(environment), "orders")
        await self._cluster.apply(path, deployment(image=image))

    async def begin(self, environment: EnvironmentHandle, *, image: str) -> None:
        await self.roll_out(environment, image=image)
        await self._cluster.pause("pods")

    async def break_(self, environment: EnvironmentHandle, *, image: str) -> None:
        await self._cluster.local("PUT", "images", {"match": image, "broken": True})
        await self.roll_out(environment, image=image)


@pytest.fixture
async def kubernetes_site(cluster: RunningCluster) -> AsyncIterator[KubernetesSite]:
    api = cluster.api()
    yield KubernetesSite(cluster, api)
    await api.close()


@pytest.fixture(params=["memory", "kubernetes"])
def site(request: pytest.FixtureRequest) -> Site:
    """Each test that asks for it runs twice."""
    if request.param == "memory":
        return MemorySite()
    found: KubernetesSite = request.getfixturevalue("kubernetes_site")
    return found


@pytest.fixture
async def environment(site: Site, partition: Partition) -> EnvironmentHandle:
    made = EnvironmentHandle(partition, "staging")
    await site.nothing(made)
    return made


async def comes_to(site: Site, environment: EnvironmentHandle, state: str) -> ProvidedRollout:
    async def read() -> ProvidedRollout | None:
        return await site.port.rollout(environment, "orders")

    found = await until(read, lambda rollout: rollout is not None and rollout.state == state)
    assert found is not None and "orders" in found.message
    assert await read() == found
    return found


@pytest.mark.parametrize("name", NAMES)
async def test_what_is_not_there_is_none(site: Site, environment: EnvironmentHandle, name: str) -> None:
    for _ in range(2):
        assert await site.port.rollout(environment, name) is None


async def test_a_rollout_comes_to_its_end(site: Site, environment: EnvironmentHandle) -> None:
    await site.roll_out(environment, image="orders:1")
    await comes_to(site, environment, "complete")


async def test_a_rollout_on_its_way_is_not_complete_though_the_old_one_was(
    site: Site, environment: EnvironmentHandle
) -> None:
    await site.roll_out(environment, image="orders:1")
    await comes_to(site, environment, "complete")
    await site.begin(environment, image="orders:2")
    await comes_to(site, environment, "progressing")
    await site.roll_out(environment, image="orders:2")
    await comes_to(site, environment, "complete")


async def test_a_rollout_that_gets_no_further_has_failed_and_says_why(
    site: Site, environment: EnvironmentHandle
) -> None:
    await site.roll_out(environment, image="orders:1")
    await comes_to(site, environment, "complete")
    await site.break_(environment, image="orders:bad")
    failed = await comes_to(site, environment, "failed")
    assert "orders:bad is in CrashLoopBackOff" in failed.message
    await site.roll_out(environment, image="orders:1")
    await comes_to(site, environment, "complete")


async def test_another_environments_rollout_is_not_this_ones(
    site: Site, environment: EnvironmentHandle
) -> None:
    other = EnvironmentHandle(environment.partition, "production")
    await site.nothing(other)
    await site.roll_out(environment, image="orders:1")
    await comes_to(site, environment, "complete")
    assert await site.port.rollout(other, "orders") is None
