"""One cluster for all tests of this package, and a namespace for each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.infra.test_kubernetes.client import QUICK, Home, RunningCluster
from tests.infra.test_kubernetes.gitops import GitOps


@pytest_asyncio.fixture(scope="session")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningCluster]:
    """Quick: a step of a pod takes 20 ms, a minute of deadlines 600 ms."""
    running = await RunningCluster.start(tmp_path_factory.mktemp("kubernetes") / "state", *QUICK)
    yield running
    assert await running.stop() == 0


@pytest.fixture
async def home(cluster: RunningCluster) -> AsyncIterator[Home]:
    yield await cluster.home()
    await cluster.local("DELETE", "faults")


@pytest.fixture
async def gitops(home: Home, tmp_path: Path) -> GitOps:
    """A repository whose folder `env` Flux keeps the namespace like."""
    return await GitOps.connected(home, tmp_path)
