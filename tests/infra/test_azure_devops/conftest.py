"""Emulators for all tests of this package."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.infra.test_azure_devops.client import ZERO, Project, Repository, Running
from tests.infra.test_azure_devops.receiver import Receiver
from tests.infra.test_azure_devops.run_ground import Definition, RunGround


@pytest_asyncio.fixture(scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """Quick: 40 ms of latency, and a day of hook retries in a second."""
    running = await Running.start(
        tmp_path_factory.mktemp("azure-devops"),
        *("--latency-ms", "40", "--hook-time-scale", "0.00001", "--bearer", "local-token"),
    )
    yield running
    assert await running.stop() == 0


@pytest.fixture
async def project(server: Running) -> AsyncIterator[Project]:
    yield await server.project()
    await server.local("DELETE", "faults")


@pytest.fixture
async def repository(project: Project) -> Repository:
    return await project.repository()


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Where git clones to."""
    made = tmp_path / "workspace"
    made.mkdir()
    return made


@pytest.fixture
async def base(repository: Repository) -> str:
    """main with a file, and feature one commit ahead of it."""
    commit = await repository.commit("main", ZERO, {"/a": "1\n"})
    await repository.commit("feature", commit, {"/b": "2\n"}, comment="feature work")
    return commit


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    await made.start()
    yield made
    await made.stop()


@pytest_asyncio.fixture(scope="session")
async def slower(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """A second of the retry ladder is 2 milliseconds, 20 minutes of probation are 2.4 seconds."""
    running = await Running.start(
        tmp_path_factory.mktemp("slower-hooks"), "--latency-ms", "20", "--hook-time-scale", "0.002"
    )
    yield running
    await running.stop()


@pytest_asyncio.fixture(scope="session")
async def ground(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunGround]:
    """Where pipelines run; the agent knows a password that no log may show."""
    made = await RunGround.open(
        tmp_path_factory.mktemp("runs"), agent_environment={"REGISTRY_PASSWORD": "hunter-22"}
    )
    yield made
    await made.close()


@pytest.fixture
async def definition(ground: RunGround) -> Definition:
    return await ground.pipeline()
