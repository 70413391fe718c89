"""The services behind real infrastructure engines, each started once, and a stack for each test."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.infra.test_pulumi.client import PACE, Programs
from tests.infra.test_pulumi.client import Running as RunningPulumi
from tests.infra.test_resource_manager.client import Running as RunningResourceManager
from tests.infrastructure_engines import PulumiSite, ResourceManagerSite


@pytest_asyncio.fixture(scope="session")
async def pulumi(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningPulumi]:
    running = await RunningPulumi.start(tmp_path_factory.mktemp("pulumi"), "--pace", str(PACE))
    yield running
    assert await running.stop() == 0


@pytest_asyncio.fixture(scope="session")
async def programs(tmp_path_factory: pytest.TempPathFactory) -> Programs:
    return await Programs.create(tmp_path_factory.mktemp("programs") / "infrastructure.git")


@pytest_asyncio.fixture(scope="session")
async def resource_manager(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningResourceManager]:
    state = tmp_path_factory.mktemp("resource-manager")
    running = await RunningResourceManager.start(state, "--pace", str(PACE))
    yield running
    assert await running.stop() == 0


@pytest.fixture
async def pulumi_site(pulumi: RunningPulumi, programs: Programs) -> AsyncIterator[PulumiSite]:
    site = PulumiSite(pulumi, programs)
    yield site
    await site.close()


@pytest.fixture
async def resource_manager_site(
    resource_manager: RunningResourceManager,
) -> AsyncIterator[ResourceManagerSite]:
    site = ResourceManagerSite(resource_manager)
    await site.prepare()
    yield site
    await site.close()
