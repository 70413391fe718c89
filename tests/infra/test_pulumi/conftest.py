"""One service for all tests of this package; a stack and a repository for each."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.infra.test_pulumi.client import GIT_PASSWORD, PACE, Programs, Running, Stack


@pytest_asyncio.fixture(scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    git = ("--git-username", "build", "--git-password", GIT_PASSWORD)
    running = await Running.start(tmp_path_factory.mktemp("pulumi"), "--pace", str(PACE), *git)
    yield running
    assert await running.stop() == 0


@pytest_asyncio.fixture(scope="session")
async def programs(tmp_path_factory: pytest.TempPathFactory) -> Programs:
    return await Programs.create(tmp_path_factory.mktemp("programs") / "infrastructure.git")


@pytest.fixture
async def stack(server: Running, programs: Programs) -> AsyncIterator[Stack]:
    made = await server.stack()
    made.repository = str(programs.path)
    yield made
    for control in ("faults", "failures"):
        await server.call("DELETE", f"/_local/{control}")
    await server.call("PUT", "/_local/pace", {"seconds": PACE})
