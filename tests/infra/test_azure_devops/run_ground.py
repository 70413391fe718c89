"""Where runs are tested: a server in this process, so that pipelines can be given to it already expanded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp

from infra.local.azure_devops.emulator import Options
from infra.local.azure_devops.identities import LOCAL_USER
from infra.local.azure_devops.pipelines.model import Job, Pipeline, Repository, Stage, Step, Trigger
from infra.local.azure_devops.pipelines.runs import queue_run
from infra.local.azure_devops.server import Server
from tests.infra.test_azure_devops import client
from tests.infra.test_azure_devops.client import ORG, ZERO, Json, Project, Reply, eventually


class RunGround(client.Running):
    """The server with its options; calls go over HTTP as everywhere."""

    def __init__(self, server: Server, url: str) -> None:
        self.server, self.url, self.pat = server, url, server.emulator.options.pat
        self.session = aiohttp.ClientSession()

    @classmethod
    async def open(cls, data: Path, **options: Any) -> RunGround:
        given = {"latency_ms": 10.0, "run_latency_ms": 0.0, "hook_time_scale": 0.00001, **options}
        server = Server(Options(data=data, **given))
        return cls(server, await server.start(0))

    async def close(self) -> None:
        await self.session.close()
        await self.server.stop()

    async def pipeline(self, files: Mapping[str, str] | None = None, name: str = "api") -> Definition:
        """A repository with these files, and a definition for it."""
        project = await self.project()
        repository = await project.repository(name)
        commit = await repository.commit("main", ZERO, files or {"/hello.txt": "hello\n"})
        return self.definition(repository, commit)

    def definition(self, repository: client.Repository, commit: str) -> Definition:
        number = self.server.emulator.state.next_number(f"pipeline/{repository.project.id}")
        body: Json = {
            "id": number,
            "org": ORG,
            "projectId": repository.project.id,
            "name": f"pipeline-{number}",
            "folder": "\\",
            "path": "/azure-pipelines.yml",
            "repositoryId": repository.id,
            "repositoryName": repository.body["name"],
            "revision": 1,
            "createdDate": "2026-01-01T00:00:00Z",
            "queueStatus": "enabled",
        }
        self.server.emulator.state.put("pipeline", repository.project.id, str(number), body)
        return Definition(self, repository, commit, body)


class Definition:
    def __init__(self, ground: RunGround, repository: client.Repository, commit: str, body: Json) -> None:
        self.ground, self.repository, self.commit, self.body = ground, repository, commit, body
        self.project: Project = repository.project
        self.id: int = body["id"]

    def start(self, plan: Pipeline, **options: Any) -> int:
        """Queue a run; its id."""
        run = queue_run(
            self.ground.server.emulator,
            self.body,
            plan,
            ref="refs/heads/main",
            version=self.commit,
            reason="manual",
            identity=LOCAL_USER,
            **options,
        )
        return int(run["id"])

    async def build(self, number: int) -> Json:
        found: Json = (await self.project.call("GET", f"build/builds/{number}")).body
        return found

    async def done(self, number: int) -> Json:
        """The build, once it is completed."""
        return await eventually(lambda: self.build(number), lambda build: build["status"] == "completed")

    async def ran(self, plan: Pipeline, **options: Any) -> Ran:
        number = self.start(plan, **options)
        return Ran(self, await self.done(number), await self.records(number))

    async def records(self, number: int) -> list[Json]:
        found: list[Json] = (await self.project.call("GET", f"build/builds/{number}/timeline")).body[
            "records"
        ]
        return found

    async def until(self, number: int, holds: Callable[[list[Json]], bool]) -> list[Json]:
        return await eventually(lambda: self.records(number), holds)

    async def call(self, method: str, path: str, body: Any = None, **options: Any) -> Reply:
        return await self.project.call(method, path, body, **options)


class Ran:
    """A completed build with what it left."""

    def __init__(self, definition: Definition, build: Json, records: list[Json]) -> None:
        self.definition, self.build, self.records = definition, build, records
        self.id: int = build["id"]
        self.result: str = build["result"]

    def record(self, record_type: str, name: str) -> Json:
        return next(r for r in self.records if r["type"] == record_type and r["name"] == name)

    def results(self, record_type: str) -> dict[str, str]:
        return {r["name"]: r["result"] for r in self.records if r["type"] == record_type}

    async def log(self, name: str) -> str:
        """The text of a task's log, without the moments at the beginning of its lines."""
        number = self.record("Task", name)["log"]["id"]
        found = await self.definition.call("GET", f"build/builds/{self.id}/logs/{number}")
        return "\n".join(line.partition(" ")[2] for line in found.body["value"])


def bash(text: str, title: str = "bash", **fields: Any) -> Step:
    return Step("bash", text, title, **fields)


def task(target: str, title: str = "task", **fields: Any) -> Step:
    inputs = {key.lower(): value for key, value in fields.pop("inputs", {}).items()}
    return Step("task", target, title, inputs=inputs, **fields)


def job(name: str, *steps: Step, **fields: Any) -> Job:
    return Job(name, name, steps, **fields)


def stage(name: str, *jobs: Job, **fields: Any) -> Stage:
    return Stage(name, name, jobs, **fields)


def pipeline(*stages: Stage, **fields: Any) -> Pipeline:
    given: dict[str, Any] = {
        "name": None,
        "variables": {},
        "parameters": {},
        "trigger": Trigger(),
        "repositories": list[Repository](),
        "final_yaml": "stages: []\n",
    }
    return Pipeline(stages, **{**given, **fields})


def one_job(*steps: Step, **fields: Any) -> Pipeline:
    return pipeline(stage("build", job("job", *steps)), **fields)
