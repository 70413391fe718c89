"""One scenario per public command, in wire terms only, so that any door can play it.

A `Stage` is whatever can send a command and answer its reply with the reactions done: `World` in memory, a
queue, HTTP. `SCENARIOS["CreateBranch"].prepare(stage)` sends the commands that must come first and answers
a valid payload; the rest of the scenario says what one handling of that payload comes to.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

type Payload = dict[str, Any]
type Reply = dict[str, Any]


class Stage(Protocol):
    """Where a scenario is played: one project of one tenant."""

    async def send(self, command: str, payload: Payload) -> Reply:
        """Have a command handled under an id of its own, and the reactions to its facts as well."""

    def name(self, stem: str) -> str:
        """A name beginning with `stem` that nothing in this project has yet."""


type Preparation = Callable[[Stage], Awaitable[Payload]]


@dataclass(frozen=True)
class Scenario:
    """`effects`: what the command makes the provider do, as `MemoryGitProvider.effects` counts it."""

    command: str
    prepare: Preparation
    aggregate: str
    events: tuple[str, ...]
    effects: Mapping[str, int]


SCENARIOS: dict[str, Scenario] = {}


def scenario(
    aggregate: str, *events: str, effects: Mapping[str, int]
) -> Callable[[Preparation], Preparation]:
    """Register the preparation of the command that the function's name spells: `create_branch`."""

    def register(prepare: Preparation) -> Preparation:
        command = "".join(part.title() for part in prepare.__name__.split("_"))
        SCENARIOS[command] = Scenario(command, prepare, aggregate, events, effects)
        return prepare

    return register


async def fact(stage: Stage, command: str, payload: Payload) -> Payload:
    """Send a prerequisite that must be accepted; the payload of its only fact."""
    reply = await stage.send(command, payload)
    assert reply["outcome"] == "accepted", f"{command}: {reply}"
    (event,) = reply["events"]
    result: Payload = event["payload"]
    return result


async def prepared(stage: Stage, command: str) -> Payload:
    """Play another command's scenario to its end; the payload of its fact."""
    return await fact(stage, command, await SCENARIOS[command].prepare(stage))


@scenario(
    "Repository", "RepositoryProvisioned", effects={"repository": 1, "commit": 1, "hook": 4, "policy": 2}
)
async def provision_repository(stage: Stage) -> Payload:
    return {
        "name": stage.name("booking"),
        "provider": "AzureDevOps",
        "defaultBranch": "main",
        "visibility": "Private",
        "initialize": True,
        "protection": {"requiredChecks": ["build/validate"], "requiredApprovers": 1},
    }


async def unprotected_repository(stage: Stage) -> Payload:
    """A repository that takes direct commits; the fact of its provisioning."""
    return await fact(stage, "ProvisionRepository", {"name": stage.name("booking")})


@scenario("Branch", "BranchCreated", effects={"branch": 1, "policy": 1})
async def create_branch(stage: Stage) -> Payload:
    repository = await unprotected_repository(stage)
    return {
        "repositoryId": repository["repositoryId"],
        "name": "release/1.4",
        "fromCommitSha": repository["headCommitSha"],
        "protection": {"requiredChecks": ["build/validate"], "requiredApprovers": 0},
    }


@scenario("Commit", "CommitCreated", effects={"commit": 1})
async def create_commit(stage: Stage) -> Payload:
    repository = await unprotected_repository(stage)
    return commit_to(repository["repositoryId"], "main")


def commit_to(repository_id: str, branch: str) -> Payload:
    return {
        "repositoryId": repository_id,
        "branch": branch,
        "message": "Generate the reservations API",
        "artifactId": "artifact://reservations-api/7",
        "files": [
            {"path": "src/app.py", "operation": "add", "content": "print('héllo')\n", "encoding": "utf-8"},
            {"path": "logo.bin", "operation": "add", "content": "AAECAw==", "encoding": "base64"},
            {"path": "docs/readme.md", "operation": "rename", "previousPath": "README.md"},
        ],
    }


@scenario("PullRequest", "PullRequestOpened", effects={"pull_request": 1})
async def open_pull_request(stage: Stage) -> Payload:
    repository = await unprotected_repository(stage)
    repository_id = repository["repositoryId"]
    branch = {"repositoryId": repository_id, "name": "feature/reservations"}
    await fact(stage, "CreateBranch", branch | {"fromCommitSha": repository["headCommitSha"]})
    await fact(stage, "CreateCommit", commit_to(repository_id, "feature/reservations"))
    return {
        "repositoryId": repository_id,
        "sourceBranch": "feature/reservations",
        "targetBranch": "main",
        "title": "Reservations API",
        "description": "Generated from the blueprint.",
    }


@scenario("PullRequest", "PullRequestMerged", effects={"merge": 1})
async def merge_pull_request(stage: Stage) -> Payload:
    opened = await prepared(stage, "OpenPullRequest")
    return {"pullRequestId": opened["pullRequestId"], "mergeStrategy": "noFastForward"}
