"""What every `HealthProbe` keeps to."""

import uuid
from collections.abc import AsyncIterator
from typing import Protocol

import pytest

from adapters.http_probe import HttpProbe
from adapters.kubernetes.kinds import DEPLOYMENT, Kind
from adapters.memory.health_probe import MemoryHealthProbe
from domain.kernel.errors import Rejected
from domain.kernel.work import Partition
from domain.ports import HealthProbe
from domain.provided import EnvironmentHandle
from tests import environments
from tests.environments import RunningCluster, deployment, namespace_of, service, until

running_cluster, cluster = environments.running_cluster, environments.cluster

_SERVICE = Kind("v1", "services", namespaced=True)
_NOBODY = "http://127.0.0.1:9/healthz"


class Site(Protocol):
    @property
    def port(self) -> HealthProbe: ...

    async def well(self) -> str:
        """The URL of an endpoint that says so."""

    async def ill(self) -> str:
        """The URL of an endpoint that says 500."""

    async def missing(self) -> str:
        """The URL of none at a host that answers."""


class MemorySite(Site):
    def __init__(self) -> None:
        self._memory = MemoryHealthProbe(["orders.example", "127.0.0.1:9"])
        self._memory.answers("http://orders.example/ill", 500)
        self._memory.answers("http://orders.example/missing", 404)
        self._memory.answers("http://127.0.0.1:9/", None, problem="no connection: nobody is there")

    @property
    def port(self) -> HealthProbe:
        return self._memory

    async def well(self) -> str:
        return "http://orders.example/healthz"

    async def ill(self) -> str:
        return "http://orders.example/ill"

    async def missing(self) -> str:
        return "http://orders.example/missing"


class HttpSite(Site):
    def __init__(self, cluster: RunningCluster) -> None:
        self._cluster = cluster
        self.adapter = HttpProbe([cluster.url.partition("//")[2], "127.0.0.1:9"])

    @property
    def port(self) -> HealthProbe:
        return self.adapter

    async def well(self) -> str:
        return await self._serve("orders:well")

    async def ill(self) -> str:
        await self._cluster.local("PUT", "images", {"match": "orders:ill", "unhealthy": True})
        return await self._serve("orders:ill")

    async def missing(self) -> str:
        return f"{self._cluster.url}/workloads/nowhere/orders/healthz"

    async def _serve(self, image: str) -> str:
        environment = EnvironmentHandle(Partition(f"tenant-{uuid.uuid4().hex[:12]}", "shop"), "staging")
        namespace = await self._cluster.create_namespace(environment)
        await self._cluster.apply(DEPLOYMENT.path(namespace, "orders"), deployment(image=image))
        await self._cluster.apply(_SERVICE.path(namespace, "orders"), service())

        async def endpoints() -> int:
            return len((await self._cluster.local("GET", f"endpoints/{namespace}/orders"))["value"])

        await until(endpoints, lambda count: count == 2)
        return f"{self._cluster.url}/workloads/{namespace_of(environment)}/orders/healthz"


@pytest.fixture
async def http_site(cluster: RunningCluster) -> AsyncIterator[HttpSite]:
    site = HttpSite(cluster)
    yield site
    await site.adapter.close()


@pytest.fixture(params=["memory", "http"])
def site(request: pytest.FixtureRequest) -> Site:
    """Each test that asks for it runs twice."""
    if request.param == "memory":
        return MemorySite()
    found: HttpSite = request.getfixturevalue("http_site")
    return found


async def test_an_endpoint_is_told_by_its_status(site: Site) -> None:
    for url, status in ((await site.well(), 200), (await site.ill(), 500), (await site.missing(), 404)):
        for _ in range(2):
            probe = await site.port.get(url, 5)
            assert (probe.status, probe.problem) == (status, None)
            assert 0 <= probe.milliseconds < 5000


async def test_no_answer_is_an_answer_of_the_probe(site: Site) -> None:
    for _ in range(2):
        probe = await site.port.get(_NOBODY, 5)
        assert probe.status is None
        assert probe.problem is not None and probe.problem.startswith("no connection: ")


@pytest.mark.parametrize(
    "url",
    [
        "http://payments.example/healthz",
        "http://127.0.0.1:10/healthz",
        "http://169.254.169.254/metadata",
        "file:///etc/passwd",
        "orders",
        "",
    ],
)
async def test_what_is_not_allowed_is_refused(site: Site, url: str) -> None:
    for _ in range(2):
        with pytest.raises(Rejected, match=r"HealthGates__hosts|is not the URL of a website"):
            await site.port.get(url, 5)
