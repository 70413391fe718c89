"""What the tests share: the emulator as a process, a small REST client, and git itself."""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

ZERO = "0" * 40
ROOT = Path(__file__).parents[3]
ORG = "acme"

type Json = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def type_key(self) -> str:
        return str(self.body["typeKey"])

    @property
    def value(self) -> list[Json]:
        found: list[Json] = self.body["value"]
        return found


class Running:
    """One emulator process."""

    def __init__(self, process: asyncio.subprocess.Process, url: str, pat: str) -> None:
        self.process = process
        self.url = url
        self.pat = pat
        self.session = aiohttp.ClientSession()

    @classmethod
    async def start(cls, data: Path, *options: str) -> Running:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "infra.local.azure_devops",
            "--data",
            str(data),
            *options,
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
        )
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
        assert line.startswith("READY "), f"the emulator did not start: {line!r}"
        ready = json.loads(line.removeprefix("READY "))
        return cls(process, ready["url"], ready["pat"])

    async def stop(self) -> int:
        await self.session.close()
        if self.process.returncode is None:
            self.process.terminate()
        return await asyncio.wait_for(self.process.wait(), 10)

    async def kill(self) -> None:
        await self.session.close()
        self.process.kill()
        await self.process.wait()

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        version: str | None = "7.1",
        authorization: str | None = "",
        accept: str = "application/json",
    ) -> Reply:
        """One request; authorization None sends none, empty sends the PAT."""
        headers = {"Accept": accept}
        if authorization is not None:
            headers["Authorization"] = authorization or aiohttp.encode_basic_auth("", self.pat)
        joint = "&" if "?" in path else "?"
        url = self.url + path + (f"{joint}api-version={version}" if version else "")
        async with self.session.request(method, url, json=body, headers=headers) as response:
            raw = await response.read()
            is_json = response.content_type == "application/json"
            return Reply(response.status, json.loads(raw) if is_json and raw else raw, response.headers)

    async def local(self, method: str, path: str, body: Any = None) -> Any:
        return (await self.call(method, f"/_local/{path}", body, version=None)).body

    async def project(self) -> Project:
        name = f"project-{uuid.uuid4().hex[:8]}"
        found = await self.call("GET", f"/{ORG}/_apis/projects/{name}")
        return Project(self, name, found.body["id"])


class Project:
    """A project of its own for one test."""

    def __init__(self, server: Running, name: str, project_id: str) -> None:
        self.server = server
        self.name = name
        self.id = project_id

    async def call(self, method: str, path: str, body: Any = None, **options: Any) -> Reply:
        return await self.server.call(method, f"/{ORG}/{self.name}/_apis/{path}", body, **options)

    async def repository(self, name: str = "api") -> Repository:
        made = await self.call("POST", "git/repositories", {"name": name})
        assert made.status == 201, made
        return Repository(self, made.body)

    async def policy(self, repository: Repository, type_id: str, settings: Json) -> Json:
        scope = [{"repositoryId": repository.id, "refName": "refs/heads/main", "matchKind": "exact"}]
        body = {
            "isEnabled": True,
            "isBlocking": True,
            "type": {"id": type_id},
            "settings": {**settings, "scope": scope},
        }
        made = await self.call("POST", "policy/configurations", body)
        assert made.status == 200, made
        policy: Json = made.body
        return policy


class Repository:
    def __init__(self, project: Project, body: Json) -> None:
        self.project = project
        self.server = project.server
        self.id: str = body["id"]
        self.body = body

    async def call(self, method: str, path: str, body: Any = None, **options: Any) -> Reply:
        separator = "" if path.startswith("?") or not path else "/"
        return await self.project.call(
            method, f"git/repositories/{self.id}{separator}{path}", body, **options
        )

    async def push(self, branch: str, old: str, *changes: Json, comment: str = "change") -> Reply:
        return await self.call("POST", "pushes", push_body(branch, old, *changes, comment=comment))

    async def commit(self, branch: str, old: str, files: Mapping[str, str], comment: str = "change") -> str:
        """Push added files; the new commit's id."""
        made = await self.push(branch, old, *(add(p, c) for p, c in files.items()), comment=comment)
        assert made.status == 201, made
        return str(made.body["refUpdates"][0]["newObjectId"])

    async def tip(self, branch: str) -> str | None:
        found = await self.call("GET", f"refs?filter=heads/{branch}")
        names = {ref["name"]: str(ref["objectId"]) for ref in found.value}
        return names.get(f"refs/heads/{branch}")

    async def file(self, path: str, branch: str = "main") -> bytes:
        found = await self.call(
            "GET", f"items?path={path}&versionDescriptor.version={branch}", accept="text/plain"
        )
        assert found.status == 200, found
        content: bytes = found.body
        return content

    async def pull_request(self, source: str = "feature", target: str = "main", **fields: Any) -> Json:
        made = await self.call("POST", "pullrequests", pull_request_body(source, target, **fields))
        assert made.status == 201, made
        pull_request: Json = made.body
        return pull_request

    async def get_pull_request(self, number: int) -> Json:
        found: Json = (await self.call("GET", f"pullRequests/{number}")).body
        return found

    async def complete(self, pull_request: Json, strategy: str = "squash", **fields: Any) -> Reply:
        body = {
            "status": "completed",
            "lastMergeSourceCommit": pull_request["lastMergeSourceCommit"],
            "completionOptions": {"mergeStrategy": strategy},
            **fields,
        }
        return await self.call("PATCH", f"pullRequests/{pull_request['pullRequestId']}", body)

    async def until(self, number: int, holds: Callable[[Json], bool]) -> Json:
        """The pull request, once it holds."""
        return await eventually(lambda: self.get_pull_request(number), holds)

    async def evaluations(self, number: int) -> list[str]:
        artifact = f"vstfs:///CodeReview/CodeReviewId/{self.project.id}/{number}"
        found = await self.project.call(
            "GET", f"policy/evaluations?artifactId={artifact}", version="7.1-preview.1"
        )
        return [record["status"] for record in found.value]


def add(path: str, content: str) -> Json:
    return {
        "changeType": "add",
        "item": {"path": path},
        "newContent": {"content": content, "contentType": "rawtext"},
    }


def edit(path: str, content: str) -> Json:
    return {**add(path, content), "changeType": "edit"}


def push_body(branch: str, old: str, *changes: Json, comment: str = "change") -> Json:
    return {
        "refUpdates": [{"name": f"refs/heads/{branch}", "oldObjectId": old}],
        "commits": [{"comment": comment, "changes": list(changes)}],
    }


def pull_request_body(source: str = "feature", target: str = "main", **fields: Any) -> Json:
    return {
        "sourceRefName": f"refs/heads/{source}",
        "targetRefName": f"refs/heads/{target}",
        "title": "A change",
        **fields,
    }


async def eventually[T](read: Callable[[], Awaitable[T]], holds: Callable[[T], bool]) -> T:
    """Read again until it holds: the service offers nothing to wait on, so its clients poll."""
    async with asyncio.timeout(10):
        while not holds(found := await read()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return found
