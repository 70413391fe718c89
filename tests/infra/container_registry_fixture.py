"""The container registry as a process of its own; import the fixture `registry` to use it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

ROOT = Path(__file__).parents[2]


class RunningRegistry:
    """Keeps its port and its data through `restart`."""

    def __init__(self, data: Path, options: tuple[str, ...]) -> None:
        self.data = data
        self.url = self.user = self.password = ""
        self._options = options
        self._port = 0
        self._process: asyncio.subprocess.Process | None = None

    @classmethod
    async def start(cls, data: Path, *options: str) -> RunningRegistry:
        running = cls(data, options)
        await running._start()
        return running

    async def _start(self) -> None:
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "infra.local.container_registry", "--data", str(self.data)),
            *("--port", str(self._port), "--parent-pid", str(os.getpid()), *self._options),
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
        )
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
        assert line.startswith("READY "), f"the registry did not start: {line!r}"
        ready = json.loads(line.removeprefix("READY "))
        self.url, self.user, self.password = ready["url"], ready["user"], ready["password"]
        self._port = int(self.url.rpartition(":")[2])

    async def stop(self) -> int:
        assert self._process is not None
        self._process.terminate()
        return await asyncio.wait_for(self._process.wait(), 10)

    async def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def restart(self) -> None:
        """As after a crash: killed, and started again over the same data."""
        await self.kill()
        await self._start()

    @property
    def authorization(self) -> str:
        return aiohttp.encode_basic_auth(self.user, self.password)

    async def local(self, method: str, path: str, body: Any = None) -> Any:
        """A request to `/_local/`, and the JSON that it answers."""
        async with aiohttp.request(method, f"{self.url}/_local/{path}", json=body) as response:
            text = await response.text()
            assert response.status < 300, text
            return json.loads(text) if text else None

    async def reset(self) -> None:
        """Back to no faults, no webhook and clean scans; images stay."""
        await self.local("DELETE", "faults")
        await self.local("DELETE", "scans")
        await self.local("PUT", "webhook", {})

    def repository(self, tenant: str = "acme", project: str = "shop") -> str:
        """The name of a repository that nobody else uses."""
        return f"{tenant}/{project}/app-{uuid.uuid4().hex[:12]}"


@pytest_asyncio.fixture(scope="session")
async def registry(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningRegistry]:
    """Quick: a scan takes 20 ms, the first retry of a webhook waits 5 ms."""
    running = await RunningRegistry.start(
        tmp_path_factory.mktemp("container-registry"), "--scan-delay-ms", "20", "--webhook-retry-ms", "5"
    )
    yield running
    assert await running.stop() == 0
