"""One scenario per public command, in wire terms only, so that any door can play it.

A `Stage` is whatever can send a command and answer its reply with the reactions done: `World` in memory, a
queue, HTTP. `SCENARIOS["CreateBranch"].prepare(stage)` sends the commands that must come first and answers
a valid payload; the rest of the scenario says what one handling of that payload comes to.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tests.domain.builds import GOOD, Build

type Payload = dict[str, Any]
type Reply = dict[str, Any]

# Who sends: whoever plans a release can't approve it.
ADA, GRACE = "ada", "grace"


class Stage(Protocol):
    """Where a scenario is played: one project of one tenant."""

    async def send(self, command: str, payload: Payload, *, by: str = ADA) -> Reply:
        """Have a command handled under an id of its own, and the reactions to its facts as well."""

    async def built(self, run_id: int, build: Build = GOOD) -> Payload:
        """Have a run come to a build; the payload of its BuildCompleted, with the reactions done."""

    def name(self, stem: str) -> str:
        """A name beginning with `stem` that nothing in this project has yet."""


type Preparation = Callable[[Stage], Awaitable[Payload]]


@dataclass(frozen=True)
class Scenario:
    """`effects`: what the command makes the outside do, as the memory adapters count it; `by`: who sends."""

    command: str
    prepare: Preparation
    aggregate: str
    events: tuple[str, ...]
    effects: Mapping[str, int]
    by: str = ADA
    refused_with: Payload | None = None
    """What to change in the payload so that it is refused; None: to send it once more is enough."""


SCENARIOS: dict[str, Scenario] = {}


def scenario(
    aggregate: str,
    *events: str,
    effects: Mapping[str, int],
    by: str = ADA,
    refused_with: Payload | None = None,
) -> Callable[[Preparation], Preparation]:
    """Register the preparation of the command that the function's name spells: `create_branch`."""

    def register(prepare: Preparation) -> Preparation:
        command = "".join(part.title() for part in prepare.__name__.split("_"))
        SCENARIOS[command] = Scenario(command, prepare, aggregate, events, effects, by, refused_with)
        return prepare

    return register


async def fact(stage: Stage, command: str, payload: Payload, *, by: str = ADA) -> Payload:
    """Send a prerequisite that must be accepted; the payload of its only fact."""
    reply = await stage.send(command, payload, by=by)
    assert reply["outcome"] == "accepted", f"{command}: {reply}"
    (event,) = reply["events"]
    result: Payload = event["payload"]
    return result


async def prepared(stage: Stage, command: str) -> Payload:
    """Play another command's scenario to its end; the payload of its fact."""
    scenario = SCENARIOS[command]
    return await fact(stage, command, await scenario.prepare(stage), by=scenario.by)


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


async def configure_without(stage: Stage, *switches: str) -> None:
    """The project's own commands are all that happens."""
    reply = await stage.send("ConfigureDelivery", {"switchedOff": list(switches)})
    assert reply["outcome"] == "accepted", reply


@scenario("DeliveryPolicy", effects={})
async def configure_delivery(stage: Stage) -> Payload:
    return {
        "switchedOff": ["planRelease"],
        "targetFeed": "factory",
        "environments": [
            {
                "name": "dev",
                "strategies": ["RollingUpdate"],
                "defaultStrategy": "RollingUpdate",
                "approvals": {
                    "requiredApprovals": 1,
                    "groups": [{"group": "owners", "quorum": 1}],
                    "requiredApprovers": ["grace@connectsoft.example"],
                    "expiresAfterHours": 24,
                },
            }
        ],
        "groups": [{"name": "owners", "members": ["grace@connectsoft.example", "alan@connectsoft.example"]}],
        "identities": [{"name": "grace@connectsoft.example", "aliases": ["ghopper"]}],
        "delegations": [
            {
                "from": "grace@connectsoft.example",
                "to": "alan@connectsoft.example",
                "startsAt": "2026-06-01T00:00:00Z",
                "endsAt": "2026-06-30T00:00:00Z",
            }
        ],
        "failingSeverity": "Critical",
        "expectedRevision": 0,
    }


@scenario(
    "PipelineDefinition",
    "PipelineGenerated",
    effects={"pipeline": 1, "commit": 1, "pipeline_hook": 4},
    refused_with={"templateVersion": "9.9.9"},
)
async def generate_pipeline(stage: Stage) -> Payload:
    repository = await unprotected_repository(stage)
    return {
        "repositoryId": repository["repositoryId"],
        "moduleType": "PythonService",
        "templateVersion": "1.0.0",
        "targetFeed": "packages",
        "versionPrefix": "1.4",
        "mergedInto": "main",
    }


@scenario("PipelineRun", "PipelineRunStarted", effects={"run": 1}, refused_with={"branch": "nowhere"})
async def run_pipeline(stage: Stage) -> Payload:
    await configure_without(stage, "runPipeline")
    generated = await prepared(stage, "GeneratePipeline")
    return {"pipelineId": generated["pipelineId"], "branch": "main", "reason": "manual"}


async def successful_build(stage: Stage) -> Payload:
    """The payload of its BuildCompleted; nothing was planned by itself."""
    await configure_without(stage, "runPipeline", "planRelease")
    generated = await prepared(stage, "GeneratePipeline")
    started = await fact(stage, "RunPipeline", {"pipelineId": generated["pipelineId"]})
    return await stage.built(started["runId"])


@scenario("ReleasePlan", "ReleasePlanned", effects={})
async def plan_release(stage: Stage) -> Payload:
    build = await successful_build(stage)
    return {
        "buildResultId": build["buildResultId"],
        "version": f"1.4.{stage.name('patch').rpartition('-')[2]}",
        "targetEnvironment": "dev",
        "strategy": "RollingUpdate",
    }


@scenario("ReleaseApproval", "ReleaseApproved", effects={}, by=GRACE)
async def approve_release(stage: Stage) -> Payload:
    planned = await prepared(stage, "PlanRelease")
    return {
        "releaseId": planned["releaseId"],
        "decision": "Approved",
        "comment": "Looks good.",
        "onBehalfOf": None,
    }
