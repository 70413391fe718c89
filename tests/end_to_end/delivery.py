"""A whole delivery, from repository to merge, by a client that repeats itself until it is answered."""

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from domain.kernel.values import derived_id
from tests.end_to_end.doors import Answer, Doors, Payload, Project, queue_of
from tests.end_to_end.provider import ProviderRepository

type Fact = dict[str, Any]

CHECK = "ci/build"
PATIENCE = 90.0
_PAUSE = 0.05


@dataclass
class Asked:
    """One command, however often it was sent."""

    name: str
    command_id: str
    over: str
    tries: int = 0
    answers: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Delivery:
    """One delivery in a project of its own, all in one trace; each command goes through a door by lot."""

    doors: Doors
    project: Project
    lot: random.Random = field(default_factory=lambda: random.Random(0))
    over: tuple[str, ...] = ("http", "queue")
    trace_id: str = field(default_factory=lambda: f"trace-{uuid.uuid4().hex[:8]}")
    asked: list[Asked] = field(default_factory=list)
    provisioned: Fact = field(default_factory=dict)
    external_id: str = ""
    number: int = 0
    pull_request_id: str = ""

    async def run(self) -> None:
        """From nothing to the merge."""
        fact = await self.open()
        await self.repository.report_check(self.number, CHECK, "succeeded")
        await self.until_mergeable()
        await self.command("MergePullRequest", {"pullRequestId": self.pull_request_id}, fact)

    async def open(self) -> Fact:
        """From nothing to the open pull request."""
        protection = {"requiredChecks": [CHECK]}
        name = self.project.unused("booking")
        self.provisioned = await self.command("ProvisionRepository", {"name": name, "protection": protection})
        repository = self.provisioned["payload"]
        repository_id = repository["repositoryId"]
        view = await self.answered(lambda: self.project.get(f"repositories/{repository_id}"))
        self.external_id = view["externalId"]
        branch = {"name": "feature/first", "fromCommitSha": repository["headCommitSha"]}
        fact = await self.command("CreateBranch", {"repositoryId": repository_id, **branch}, self.provisioned)
        for path in ("src/app.py", "src/model.py"):
            commit = {
                "repositoryId": repository_id,
                "branch": "feature/first",
                "message": f"Add {path}",
                "artifactId": "artifact-1",
                "files": [{"path": path, "content": f"# {path}\n"}],
            }
            fact = await self.command("CreateCommit", commit, fact)
        pull_request = {"sourceBranch": "feature/first", "targetBranch": "main", "title": "The first version"}
        fact = await self.command("OpenPullRequest", {"repositoryId": repository_id, **pull_request}, fact)
        self.number, self.pull_request_id = fact["payload"]["number"], fact["payload"]["pullRequestId"]
        return fact

    @property
    def repository(self) -> ProviderRepository:
        """As it is at the provider."""
        return self.doors.provider.repository(self.project.tenant, self.project.name, self.external_id)

    async def command(
        self, name: str, payload: Payload, cause: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Through one of the doors, until it is answered; its fact, or {} where somebody else recorded it."""
        key = f"{name}-{len(self.asked)}"
        over = self.lot.choice(self.over)
        command_id = derived_id("cmd", self.project.tenant, self.project.name, name, key)
        asked = Asked(name, command_id, over)
        self.asked.append(asked)
        causation = cause and cause["eventId"]
        if over == "queue":
            more = {"traceId": self.trace_id, "correlationId": "corr-1", "causationId": causation}
            body = self.project.message(name, payload, command_id, **more)
            await self.project.send(queue_of(name), body)
            reply = await self.answered(lambda: self.project.get(f"commands/{command_id}"), asked)
        else:
            headers = {"X-Trace-Id": self.trace_id, "X-Correlation-Id": "corr-1"}
            headers |= {"X-Causation-Id": causation} if causation else {}
            reply = await self.answered(
                lambda: self.project.post(name, payload, key=key, headers=headers), asked
            )
        assert reply["outcome"] == "accepted", f"{name}: {reply}"
        fact: Fact = reply["events"][0] if reply["events"] else {}
        return fact

    async def answered(
        self, ask: Callable[[], Awaitable[Answer]], asked: Asked | None = None
    ) -> dict[str, Any]:
        """Ask until there is an answer: a host that is away or is just dying answers nothing, or 503."""
        async with asyncio.timeout(PATIENCE):
            while True:
                if asked is not None:
                    asked.tries += 1
                try:
                    answer = await ask()
                except (aiohttp.ClientError, ConnectionError):
                    await asyncio.sleep(_PAUSE)
                    continue
                if answer.status == 200:
                    found: dict[str, Any] = answer.json
                    if asked is not None:
                        asked.answers.append(found)
                    return found
                # 404: a command that is still in its queue has no outcome yet.
                assert answer.status in (404, 503), f"{answer.status}: {answer.text}"
                await asyncio.sleep(_PAUSE)

    async def until_mergeable(self) -> None:
        """Wait until the platform has heard of the passed check: the hook may come several times in vain."""
        path = f"pull-requests/{self.pull_request_id}"
        async with asyncio.timeout(PATIENCE):
            while True:
                view = await self.answered(lambda: self.project.get(path))
                policies = {result["status"] for result in view["policyEvaluation"]["results"]}
                checks = {check["name"]: check["state"] for check in view["checks"]}
                if checks.get(CHECK) == "succeeded" and policies == {"approved"}:
                    return
                await asyncio.sleep(_PAUSE)
