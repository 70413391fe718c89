"""Runs that were going on when the emulator was killed: an agent is lost, what only waited waits on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.infra.test_azure_devops.client import ORG, ZERO, Json, Project, Repository, Running, eventually
from tests.infra.test_azure_devops.receiver import Receiver, subscribe

# Writes the id of its process, then takes a minute; one job cleans up after it.
LONG = """
stages:
- stage: build
  jobs:
  - job: long
    steps:
    - bash: (echo $BASHPID > $MARK.new; mv $MARK.new $MARK; exec sleep 60) & wait
      displayName: long
    - bash: "true"
      displayName: next
  - job: clean
    dependsOn: long
    condition: always()
    steps:
    - bash: "true"
      displayName: clean
- stage: deploy
  jobs:
  - job: go
    steps:
    - bash: "true"
"""
WAITING = """
jobs:
- deployment: go
  environment: prod
  strategy:
    runOnce:
      deploy:
        steps:
        - bash: "true"
"""


@dataclass(frozen=True)
class Killed:
    """The project as the next emulator has it."""

    project: Project
    receiver: Receiver
    lost: int
    waiting: int
    process: int

    async def done(self, number: int) -> Json:
        return await eventually(lambda: self.build(number), lambda build: build["status"] == "completed")

    async def build(self, number: int) -> Json:
        found: Json = (await self.project.call("GET", f"build/builds/{number}")).body
        return found

    async def records(self, number: int) -> list[Json]:
        found: list[Json] = (await self.project.call("GET", f"build/builds/{number}/timeline")).body[
            "records"
        ]
        return found


def _lives(process: int) -> bool:
    """A dead process keeps its id until somebody asks how it ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def _start(repository: Repository, path: str) -> int:
    project = repository.project
    where = {"id": repository.id, "name": repository.body["name"], "type": "azureReposGit"}
    configuration = {"type": "yaml", "path": path, "repository": where}
    made = await project.call("POST", "pipelines", {"name": path[1:], "configuration": configuration})
    run = await project.call("POST", f"pipelines/{made.body['id']}/runs", {})
    assert run.status == 200, run
    return int(run.body["id"])


async def _pending(project: Project) -> list[Json]:
    return (await project.call("GET", "pipelines/approvals?state=pending")).value


@pytest_asyncio.fixture(scope="module")
async def killed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Killed]:
    """One run was in the middle of a step, another waited for an approval."""
    root = tmp_path_factory.mktemp("killed")
    mark, data = root / "mark", root / "data"
    receiver = Receiver()
    await receiver.start()
    server = await Running.start(data, "--agents", "2", "--agent-environment", f"MARK={mark}")
    project = await server.project()
    await server.local("PUT", f"environments/{ORG}/{project.name}/prod", {"approvers": ["ops"]})
    repository = await project.repository()
    await repository.commit("main", ZERO, {"/long.yml": LONG, "/waiting.yml": WAITING})
    everywhere = {"publisher": {"repository": ""}, "resourceVersion": "2.0"}
    await subscribe(repository, receiver, "build.complete", **everywhere)
    waiting, lost = await _start(repository, "/waiting.yml"), await _start(repository, "/long.yml")
    await eventually(lambda: _pending(project), bool)
    async with asyncio.timeout(20):
        while not mark.exists():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    await server.kill()
    process = int(mark.read_text())
    assert _lives(process), "the step outlives the emulator"
    server = await Running.start(data)
    yield Killed(Project(server, project.name, project.id), receiver, lost, waiting, process)
    assert await server.stop() == 0
    await receiver.stop()


async def test_a_lost_agent_fails_its_job_and_the_run_goes_on_to_its_end(killed: Killed) -> None:
    assert not _lives(killed.process), "what the step left running is ended"
    assert (await killed.done(killed.lost))["result"] == "failed"
    records = await killed.records(killed.lost)
    job = next(r for r in records if r["identifier"] == "build.long.__default")
    assert (job["result"], job["issues"][0]["message"]) == (
        "failed",
        "The agent lost contact: it stopped while the job was running.",
    )
    results = {r["name"]: r["result"] for r in records if r["type"] == "Task"}
    assert (results["long"], results["next"], results["clean"]) == ("canceled", "skipped", "succeeded")
    assert next(r for r in records if r["identifier"] == "deploy")["result"] == "skipped"


async def test_an_approval_that_was_pending_still_is(killed: Killed) -> None:
    await killed.done(killed.lost)
    assert (await killed.build(killed.waiting))["status"] == "inProgress"
    approval = (await _pending(killed.project))[0]
    decision = [{"approvalId": approval["id"], "status": "approved"}]
    assert (await killed.project.call("PATCH", "pipelines/approvals", decision)).status == 200
    assert (await killed.done(killed.waiting))["result"] == "succeeded"
    told = [one.body["resource"] for one in await killed.receiver.take(2)]
    assert [(one["id"], one["result"]) for one in told] == [
        (killed.lost, "failed"),
        (killed.waiting, "succeeded"),
    ]
