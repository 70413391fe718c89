"""One host for the tests that do not stop it, over the session's Azurite."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.azurite import AzuriteServer, azurite
from tests.infra.sample_app.processes import Server, running
from tests.infra.test_durable.driving import Driver, driving, start_host

__all__ = ["azurite"]


@dataclass(frozen=True)
class Shared:
    server: Server
    hub: str
    storage: str


@pytest.fixture
def hub() -> str:
    """A task hub of the test's own."""
    return f"Hub{uuid.uuid4().hex[:12]}"


@pytest_asyncio.fixture(scope="module")
async def host(azurite: AzuriteServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shared]:
    name = f"Hub{uuid.uuid4().hex[:12]}"
    directory: Path = tmp_path_factory.mktemp("durable")
    server = await start_host(azurite.connection_string, name, directory)
    async with running(server):
        yield Shared(server, name, azurite.connection_string)


@pytest_asyncio.fixture(scope="module")
async def driver(host: Shared) -> AsyncIterator[Driver]:
    async with driving(host.server) as driver:
        yield driver
