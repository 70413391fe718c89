"""What the tests share: the service as a process, a stack of it, and programs in a real Git repository."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.infra.test_azure_devops.git_client import git

ROOT = Path(__file__).parents[3]
ENDED = ("succeeded", "failed", "skipped")
PACE = 0.01
GIT_PASSWORD = "git-password"

type Json = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    status: int
    body: Any
    headers: Mapping[str, str]


class Running:
    """One process of the service; keeps its port and its state through `restart`."""

    def __init__(self, state: Path, options: tuple[str, ...]) -> None:
        self.state = state
        self.url = self.token = ""
        self._options = options
        self._port = 0
        self._process: asyncio.subprocess.Process | None = None
        self.session = aiohttp.ClientSession()

    @classmethod
    async def start(cls, state: Path, *options: str) -> Running:
        running = cls(state, options)
        await running._start()
        return running

    async def _start(self) -> None:
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "infra.local.pulumi", "--state", str(self.state), "--token", "pul-test"),
            *("--port", str(self._port), "--parent-pid", str(os.getpid()), *self._options),
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
        )
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
        assert line.startswith("READY "), f"the service did not start: {line!r}"
        ready = json.loads(line.removeprefix("READY "))
        self.url, self.token = ready["url"], ready["token"]
        self._port = int(self.url.rpartition(":")[2])

    async def stop(self) -> int:
        await self.session.close()
        assert self._process is not None
        self._process.terminate()
        return await asyncio.wait_for(self._process.wait(), 10)

    async def restart(self) -> None:
        """As after a crash: killed, and started again over the same state."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()
        await self._start()

    async def call(self, method: str, path: str, body: Any = None, authorization: str | None = "") -> Reply:
        """One request; authorization None sends none, empty sends the token."""
        headers = {"Accept": "application/vnd.pulumi+8"}
        if authorization is not None:
            headers["Authorization"] = authorization or f"token {self.token}"
        async with self.session.request(method, self.url + path, json=body, headers=headers) as response:
            raw = await response.read()
            return Reply(response.status, json.loads(raw) if raw else None, response.headers)

    async def stack(self, project: str = "shop", name: str = "dev") -> Stack:
        org = f"org-{uuid.uuid4().hex[:8]}"
        made = await self.call("POST", f"/api/stacks/{org}/{project}", {"stackName": name})
        assert made.status == 200, made.body
        return Stack(self, f"{org}/{project}/{name}")


class Programs:
    """A repository on this machine, one commit for every program."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    async def create(cls, path: Path) -> Programs:
        path.mkdir()
        code, out = await git("init", "-q", "--bare", "-b", "main", cwd=path)
        assert code == 0, out
        return cls(path)

    async def commit(self, program: str, stack_file: str | None = None) -> str:
        """Make this the program of the folder `infra` on main; returns the commit."""
        files = {"infra/Pulumi.yaml": program, "infra/Pulumi.dev.yaml": stack_file}
        lines = ["commit refs/heads/main", "mark :1", "committer Dev <dev@example.com> now", _data("program")]
        lines += ["deleteall"]
        lines += [
            f"M 100644 inline {path}\n{_data(text)}" for path, text in files.items() if text is not None
        ]
        lines += ["get-mark :1", "done", ""]
        process = await asyncio.create_subprocess_exec(
            *("git", "fast-import", "--quiet", "--force", "--done", "--date-format=now"),
            cwd=self.path,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate("\n".join(lines).encode())
        assert process.returncode == 0
        return out.decode().strip()


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}"


@dataclass
class Stack:
    server: Running
    key: str
    repository: str = ""

    async def call(self, method: str, path: str = "", body: Any = None) -> Reply:
        return await self.server.call(method, f"/api/stacks/{self.key}{path}", body)

    async def local(self, method: str, path: str, body: Any = None) -> Any:
        reply = await self.server.call(method, f"/_local/stacks/{self.key}/{path}", body, None)
        assert reply.status < 300, reply.body
        return reply.body

    def request(self, operation: str, commit: str, **context: Any) -> Json:
        git_source = {"repoURL": self.repository, "commit": commit, "repoDir": "infra"}
        return {
            "operation": operation,
            "inheritSettings": True,
            "sourceContext": {"git": git_source},
            "operationContext": context,
        }

    async def ask(self, operation: str, commit: str, **context: Any) -> Json:
        """A deployment, accepted."""
        reply = await self.call("POST", "/deployments", self.request(operation, commit, **context))
        assert reply.status == 202, reply.body
        body: Json = reply.body
        return body

    async def until(self, deployment_id: str, wanted: Callable[[Json], bool]) -> Json:
        async with asyncio.timeout(10):
            while True:
                body: Json = (await self.call("GET", f"/deployments/{deployment_id}")).body
                if wanted(body):
                    return body
                await asyncio.sleep(0.01)

    async def ended(self, deployment_id: str) -> Json:
        return await self.until(deployment_id, lambda body: body["status"] in ENDED)

    async def deploy(self, operation: str, commit: str, **context: Any) -> Ended:
        asked = await self.ask(operation, commit, **context)
        return Ended(self, await self.ended(asked["id"]))

    async def resources(self) -> dict[str, Json]:
        """The exported state by the names of the program, the stack itself as ''."""
        found = (await self.call("GET", "/export")).body["deployment"]["resources"]
        return {"" if r["type"] == "pulumi:pulumi:Stack" else r["urn"].rpartition("::")[2]: r for r in found}

    async def until_made(self, name: str) -> None:
        async with asyncio.timeout(10):
            while True:
                if name in await self.resources():
                    return
                await asyncio.sleep(0.01)

    async def version(self) -> int:
        return int((await self.call("GET")).body["version"])


@dataclass
class Ended:
    """A deployment that has ended, and what it tells."""

    stack: Stack
    body: Json

    @property
    def status(self) -> str:
        return str(self.body["status"])

    async def update(self) -> Json:
        """Its only update."""
        [update] = (await self.stack.call("GET", f"/deployments/{self.body['id']}/updates")).body
        body: Json = update
        return body

    async def changes(self) -> dict[str, int]:
        counts: dict[str, int] = (await self.update())["info"]["resourceChanges"]
        return counts

    async def events(self) -> list[Json]:
        update = await self.update()
        kind = "preview" if update["info"]["kind"] in ("preview", "Prefresh") else "update"
        found: list[Json] = (await self.stack.call("GET", f"/{kind}/{update['updateID']}/events")).body[
            "events"
        ]
        return found

    async def steps(self) -> list[tuple[str, str]]:
        """(op, name) of every step that ended well, in order."""
        metadata = [e["resOutputsEvent"]["metadata"] for e in await self.events() if "resOutputsEvent" in e]
        return [
            (m["op"], m["urn"].rpartition("::")[2]) for m in metadata if m["type"] != "pulumi:pulumi:Stack"
        ]

    async def log(self) -> str:
        lines = (await self.stack.call("GET", f"/deployments/{self.body['id']}/logs")).body["lines"]
        return "".join(line.get("line", "") for line in lines)
