"""From a repository to an approved release."""

from tests.domain.scenarios.stage import GRACE, Payload, Stage, accepted, fact, prepared, scenario


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
    await accepted(stage, "ConfigureDelivery", {"switchedOff": list(switches)})


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
