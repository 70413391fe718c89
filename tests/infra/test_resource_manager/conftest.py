"""One service for all tests of this package, a resource group for each."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.infra.test_resource_manager.client import PACE, Group, Running


@pytest_asyncio.fixture(scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    running = await Running.start(tmp_path_factory.mktemp("resource-manager"), "--pace", str(PACE))
    yield running
    assert await running.stop() == 0


@pytest.fixture
async def group(server: Running) -> AsyncIterator[Group]:
    yield await server.group()
    for control in ("faults", "failures"):
        await server.call("DELETE", f"/_local/{control}")
    await server.call("PUT", "/_local/pace", {"seconds": PACE})
