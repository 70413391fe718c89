"""What every `MetricSource` keeps to."""

from collections.abc import AsyncIterator
from typing import Protocol

import pytest

from adapters.kubernetes.kinds import DEPLOYMENT, Kind
from adapters.memory.metric_source import MemoryMetricSource
from adapters.prometheus import PrometheusMetrics
from domain.kernel.errors import Rejected
from domain.kernel.work import Partition
from domain.ports import MetricSource
from domain.provided import EnvironmentHandle
from tests import environments
from tests.environments import RunningCluster, deployment, namespace_of, service, until

running_cluster, cluster = environments.running_cluster, environments.cluster

_SERVICE = Kind("v1", "services", namespaced=True)
_MALFORMED = 'error_rate{namespace="'


class Site(Protocol):
    @property
    def port(self) -> MetricSource: ...

    async def errors(self, environment: EnvironmentHandle, rate: float) -> str:
        """A query for the errors of what has this rate of them."""

    async def nothing(self, environment: EnvironmentHandle) -> str:
        """A query for which there is no data."""


def _query(environment: EnvironmentHandle, name: str) -> str:
    return f'error_rate{{namespace="{namespace_of(environment)}",service="{name}"}}'


class MemorySite(Site):
    def __init__(self) -> None:
        self._memory = MemoryMetricSource()
        self._memory.refuses(_MALFORMED, f"Prometheus does not understand {_MALFORMED}")

    @property
    def port(self) -> MetricSource:
        return self._memory

    async def errors(self, environment: EnvironmentHandle, rate: float) -> str:
        self._memory.gives(_query(environment, "orders"), rate)
        return _query(environment, "orders")

    async def nothing(self, environment: EnvironmentHandle) -> str:
        self._memory.gives(_query(environment, "nobody"), None)
        return _query(environment, "nobody")


class PrometheusSite(Site):
    def __init__(self, cluster: RunningCluster) -> None:
        self._cluster = cluster
        self.adapter = PrometheusMetrics(f"{cluster.url}/prometheus")

    @property
    def port(self) -> MetricSource:
        return self.adapter

    async def errors(self, environment: EnvironmentHandle, rate: float) -> str:
        namespace = await self._cluster.create_namespace(environment)
        image = f"orders:{rate}"
        await self._cluster.local("PUT", "images", {"match": image, "errorRate": rate})
        await self._cluster.apply(DEPLOYMENT.path(namespace, "orders"), deployment(image=image))
        await self._cluster.apply(_SERVICE.path(namespace, "orders"), service())

        async def endpoints() -> int:
            return len((await self._cluster.local("GET", f"endpoints/{namespace}/orders"))["value"])

        await until(endpoints, lambda count: count == 2)
        return _query(environment, "orders")

    async def nothing(self, environment: EnvironmentHandle) -> str:
        return _query(environment, "nobody")


@pytest.fixture
async def prometheus_site(cluster: RunningCluster) -> AsyncIterator[PrometheusSite]:
    site = PrometheusSite(cluster)
    yield site
    await site.adapter.close()


@pytest.fixture(params=["memory", "prometheus"])
def site(request: pytest.FixtureRequest) -> Site:
    """Each test that asks for it runs twice."""
    if request.param == "memory":
        return MemorySite()
    found: PrometheusSite = request.getfixturevalue("prometheus_site")
    return found


@pytest.fixture
def environment(partition: Partition) -> EnvironmentHandle:
    return EnvironmentHandle(partition, "staging")


@pytest.mark.parametrize("rate", [0.0, 0.25])
async def test_a_query_gives_its_value(site: Site, environment: EnvironmentHandle, rate: float) -> None:
    query = await site.errors(environment, rate)
    for _ in range(2):
        assert await site.port.query(environment.partition, query) == rate


async def test_no_data_is_no_value(site: Site, environment: EnvironmentHandle) -> None:
    query = await site.nothing(environment)
    for _ in range(2):
        assert await site.port.query(environment.partition, query) is None


async def test_what_is_no_query_is_refused(site: Site, environment: EnvironmentHandle) -> None:
    for _ in range(2):
        with pytest.raises(Rejected, match="Prometheus does not understand error_rate"):
            await site.port.query(environment.partition, _MALFORMED)
