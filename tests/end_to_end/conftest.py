"""One laptop cloud for the whole directory; each test has a tenant of its own."""

from collections import Counter
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from tests import report
from tests.end_to_end.consumer import Consumer
from tests.end_to_end.doors import Doors, Project
from tests.end_to_end.laptop import AuditedCloud


@pytest_asyncio.fixture(scope="session")
async def cloud(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[AuditedCloud]:
    async with AuditedCloud(tmp_path_factory.mktemp("cloud")) as cloud:
        yield cloud


@pytest_asyncio.fixture(scope="session")
async def doors(cloud: AuditedCloud) -> AsyncIterator[Doors]:
    # A connection of its own for each request: some tests kill the host at the other end.
    connector = aiohttp.TCPConnector(force_close=True, limit=0)
    async with (
        aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(60)) as session,
        Consumer(cloud.service_bus.ready["connectionString"]) as consumer,
    ):
        doors = Doors(cloud, session, consumer)
        yield doors
        await doors.close()


@pytest.fixture
def project(doors: Doors) -> Project:
    return doors.project()


@pytest_asyncio.fixture(scope="module")
async def tried(request: pytest.FixtureRequest, doors: Doors) -> AsyncIterator[Counter[str]]:
    """Bad cases by door. Whatever a module asks, nothing is answered with a 5xx."""
    before = Counter(doors.statuses)
    counts: Counter[str] = Counter()
    yield counts
    statuses = doors.statuses - before
    cases = ", ".join(f"{door} {count}" for door, count in sorted(counts.items()))
    module = request.module.__name__.rpartition(".")[2]
    report.say(f"{module}: cases by door: {cases}; HTTP answers {dict(sorted(statuses.items()))}")
    assert not [status for status in statuses if status >= 500], statuses
