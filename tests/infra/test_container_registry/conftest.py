"""One registry for all tests of this package, and a repository for each."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from tests.infra.container_registry_fixture import RunningRegistry, registry
from tests.infra.oci_client import OciClient
from tests.infra.test_azure_devops.receiver import Receiver

__all__ = ["registry"]


@pytest.fixture
async def client(registry: RunningRegistry) -> AsyncIterator[OciClient]:
    async with OciClient(registry, registry.repository()) as made:
        yield made
    await registry.reset()


class Hook(Receiver):
    """A receiver that also keeps the paths it was called at."""

    def __init__(self) -> None:
        super().__init__()
        self.paths: list[str] = []

    async def _take(self, request: web.Request) -> web.Response:
        self.paths.append(request.path)
        return await super()._take(request)


@pytest.fixture
async def receiver() -> AsyncIterator[Hook]:
    made = Hook()
    await made.start()
    yield made
    await made.stop()
