"""The Azure DevOps emulator for tests: started once a session, and the hands of its other users."""

import asyncio
import atexit
import functools
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from domain.kernel.work import Partition
from domain.provided import RepositoryHandle

_ROOT = Path(__file__).parents[1]
_START_SECONDS = 30.0
_STOP_SECONDS = 60
OUTSIDE = "outside@example.com"

type Json = dict[str, Any]


@dataclass
class AzureDevOpsEmulator:
    """One running emulator: its REST API without any of the adapter's code, and its fault switch."""

    url: str
    pat: str
    session: aiohttp.ClientSession = field(repr=False)

    @property
    def url_template(self) -> str:
        return f"{self.url}/{{tenantId}}/{{projectId}}"

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": aiohttp.encode_basic_auth("", self.pat)}

    async def request(
        self, method: str, path: str, body: Any = None, query: Mapping[str, str] | None = None
    ) -> Any:
        """`path` is below the emulator's URL; an answer that is not 2xx fails the test."""
        async with self.session.request(
            method,
            f"{self.url}/{path}",
            json=body,
            params={"api-version": "7.1-preview.1", **(query or {})},
            headers=self._headers,
        ) as response:
            text = await response.text()
            assert response.status < 300, f"{method} {path}: {response.status} {text}"
            return json.loads(text) if text else None

    async def values(self, path: str, query: Mapping[str, str] | None = None) -> list[Json]:
        return list((await self.request("GET", path, query=query))["value"])

    async def fault(self, mode: str, method: str, path_regex: str, **options: Any) -> None:
        """The next request that matches (`times=`, all of them with -1) goes wrong in this way."""
        rule = {"mode": mode, "match": {"method": method, "pathRegex": path_regex}, "times": 1, **options}
        await self.request("POST", "_local/faults", [rule])

    async def heal(self) -> None:
        await self.request("DELETE", "_local/faults")

    async def unspent_faults(self) -> list[Json]:
        rules = await self.values("_local/faults")
        return [rule for rule in rules if rule["fired"] == 0]

    async def count_requests(self, method: str, route_part: str) -> int:
        rows = await self.values("_local/requests")
        return sum(row["count"] for row in rows if row["method"] == method and route_part in row["route"])

    # What other people and systems do

    async def set_status(
        self, handle: RepositoryHandle, number: int, name: str, state: str, description: str = ""
    ) -> None:
        """On the latest iteration, as a build server would."""
        path = pull_request_path(handle, number)
        iterations = await self.values(f"{path}/iterations")
        genre, _, short = name.rpartition("/")
        body = {"state": state, "description": description, "context": {"genre": genre, "name": short}}
        await self.request("POST", f"{path}/iterations/{iterations[-1]['id']}/statuses", body)

    async def vote(self, handle: RepositoryHandle, number: int, reviewer: int, vote: int) -> None:
        path = f"{pull_request_path(handle, number)}/reviewers/{reviewer:08}-0000-4000-8000-000000000000"
        await self.request("PUT", path, {"vote": vote})

    async def comment(self, handle: RepositoryHandle, number: int, text: str) -> None:
        thread = {"comments": [{"content": text, "commentType": "text"}], "status": "active"}
        await self.request("POST", f"{pull_request_path(handle, number)}/threads", thread)

    async def push(
        self, handle: RepositoryHandle, branch: str, path: str, content: str, author: str = OUTSIDE
    ) -> str:
        """Adds the file, or changes it where it is there; the commit's sha."""
        root = repository_path(handle)
        refs = await self.values(f"{root}/refs", {"filter": f"heads/{branch}"})
        head = next((ref["objectId"] for ref in refs if ref["name"] == f"refs/heads/{branch}"), "0" * 40)
        change_type = "add"
        if head != "0" * 40:
            items = await self.values(f"{root}/items", _version(head) | {"recursionLevel": "full"})
            change_type = "edit" if any(item["path"] == path for item in items) else "add"
        change = {
            "changeType": change_type,
            "item": {"path": path},
            "newContent": {"content": content, "contentType": "rawtext"},
        }
        body = {
            "refUpdates": [{"name": f"refs/heads/{branch}", "oldObjectId": head}],
            "commits": [
                {"comment": "outside", "author": {"name": author, "email": author}, "changes": [change]}
            ],
        }
        return str((await self.request("POST", f"{root}/pushes", body))["refUpdates"][0]["newObjectId"])

    async def complete(self, handle: RepositoryHandle, number: int) -> None:
        path = pull_request_path(handle, number)
        source = (await self.request("GET", path))["lastMergeSourceCommit"]
        await self.request("PATCH", path, {"status": "completed", "lastMergeSourceCommit": source})
        async with asyncio.timeout(10):
            # The service tells nobody when it is done but by its hooks.
            while (await self.request("GET", path))["status"] != "completed":  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def abandon(self, handle: RepositoryHandle, number: int) -> None:
        await self.request("PATCH", pull_request_path(handle, number), {"status": "abandoned"})

    async def file(self, handle: RepositoryHandle, branch: str, path: str) -> bytes | None:
        """What the branch has at the path; None where it has nothing."""
        query = {
            "api-version": "7.1",
            "path": path,
            "versionDescriptor.version": branch,
            "versionDescriptor.versionType": "branch",
            "$format": "octetStream",
        }
        async with self.session.get(
            f"{self.url}/{repository_path(handle)}/items",
            params=query,
            headers={**self._headers, "Accept": "application/octet-stream"},
        ) as response:
            return await response.read() if response.status == 200 else None


def project_path(partition: Partition) -> str:
    return f"{partition.tenant_id}/{partition.project_id}/_apis"


def repository_path(handle: RepositoryHandle) -> str:
    return f"{project_path(handle.partition)}/git/repositories/{handle.external_id}"


def pull_request_path(handle: RepositoryHandle, number: int) -> str:
    return f"{repository_path(handle)}/pullRequests/{number}"


def _version(sha: str) -> dict[str, str]:
    return {"versionDescriptor.version": sha, "versionDescriptor.versionType": "commit"}


def start(*arguments: str) -> tuple[subprocess.Popen[str], str, str]:
    """One emulator of its own: its process, URL and PAT. It ends with this process at the latest."""
    log = tempfile.TemporaryFile("w+", prefix="azure-devops-")  # noqa: SIM115 - the process keeps it
    process = subprocess.Popen(
        [sys.executable, "-m", "infra.local.azure_devops", "--parent-pid", str(os.getpid()), *arguments],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        stderr=log,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    # A start that hangs fails with what it said, not with a test's timeout.
    watchdog = threading.Timer(_START_SECONDS, process.kill)
    watchdog.start()
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
    finally:
        watchdog.cancel()
    if not line.startswith("READY "):
        process.kill()
        log.seek(0)
        raise RuntimeError(f"the Azure DevOps emulator did not start: {line}{log.read()}")
    ready = json.loads(line.removeprefix("READY "))
    return process, str(ready["url"]), str(ready["pat"])


@functools.cache
def shared(*more: str) -> tuple[str, str]:
    """URL and PAT of the session's one of these options, however many fixtures ask for it."""
    options = ("--latency-ms", "30", "--hook-time-scale", "0.01", "--bearer", "local-bearer")
    process, url, pat = start(*options, *more)

    def stop() -> None:
        process.terminate()
        process.wait(_STOP_SECONDS)

    atexit.register(stop)
    return url, pat


@pytest.fixture
async def azure_devops() -> AsyncIterator[AzureDevOpsEmulator]:
    """The running emulator, without faults before and after."""
    async with aiohttp.ClientSession() as session:
        emulator = AzureDevOpsEmulator(*shared(), session)
        await emulator.heal()
        yield emulator
        await emulator.heal()


@pytest.fixture
async def idle_azure_devops() -> AsyncIterator[AzureDevOpsEmulator]:
    """One without agents: its runs wait for ever."""
    async with aiohttp.ClientSession() as session:
        yield AzureDevOpsEmulator(*shared("--agents", "0"), session)
