"""From an approved release to what runs: promotions, infrastructure, GitOps, and who stops them."""

from tests.deployment import sources
from tests.domain.scenarios.stage import GRACE, Payload, Reply, Stage, accepted, fact, scenario

ENVIRONMENT = "dev"
STACK = "shop/dev"
FOLDER = "infrastructure"

# Everything else happens because somebody says so.
_SWITCHED_OFF = ("runPipeline", "planRelease", "provisionInfrastructure", "promoteDeployment", "syncGitOps")


async def _repository(stage: Stage, stem: str, files: dict[str, str]) -> Payload:
    """One whose default branch holds these; the fact of its provisioning."""
    repository = await fact(stage, "ProvisionRepository", {"name": stage.name(stem)})
    if files:
        await fact(stage, "CreateCommit", _commit(repository["repositoryId"], "main", files))
    return repository


def _commit(repository_id: str, branch: str, files: dict[str, str]) -> Payload:
    return {
        "repositoryId": repository_id,
        "branch": branch,
        "message": "Generate what is to run",
        "artifactId": "artifact://reservations-api/7",
        "files": [{"path": path, "content": content} for path, content in files.items()],
    }


async def configure(stage: Stage, **changes: object) -> None:
    """The project's own commands are all that happens, besides what is changed here."""
    settings = {"switchedOff": list(_SWITCHED_OFF), "environments": [{"name": ENVIRONMENT}], **changes}
    await accepted(stage, "ConfigureDelivery", settings)


async def approved_release(stage: Stage, **changes: object) -> Payload:
    """In a project with a GitOps repository, whose environments' agents follow it; the fact of its planning,
    and the pipeline of its module. `changes` are to the delivery's settings."""
    gitops = await _repository(stage, "environments", {})
    name = stage.name("reservations")
    module = await fact(stage, "ProvisionRepository", {"name": name})
    written = _commit(module["repositoryId"], "main", sources(ENVIRONMENT, "test", image=name))
    await fact(stage, "CreateCommit", written)
    await configure(stage, gitopsRepositoryId=gitops["repositoryId"], **changes)
    await stage.connect(ENVIRONMENT)
    generated = await fact(
        stage, "GeneratePipeline", {"repositoryId": module["repositoryId"], "moduleType": "PythonService"}
    )
    released = await another_release(stage, generated["pipelineId"])
    return released | {"pipelineId": generated["pipelineId"]}


async def another_release(stage: Stage, pipeline_id: str) -> Payload:
    """Of the next build, approved; the fact of its planning."""
    started = await fact(stage, "RunPipeline", {"pipelineId": pipeline_id})
    build = await stage.built(started["runId"])
    planned = await fact(stage, "PlanRelease", {"buildResultId": build["buildResultId"]})
    decision = {"releaseId": planned["releaseId"], "decision": "Approved"}
    await fact(stage, "ApproveRelease", decision, by=GRACE)
    return planned


@scenario(
    "EnvironmentPromotion",
    effects={},
    later=("DeploymentManifestRendered", "DeploymentPromoted"),
)
async def promote_deployment(stage: Stage) -> Payload:
    planned = await approved_release(stage)
    return {
        "releaseId": planned["releaseId"],
        "toEnvironment": ENVIRONMENT,
        "strategy": "RollingUpdate",
        "automatic": False,
    }


async def _promotion(stage: Stage, planned: Payload) -> str:
    reply: Reply = await accepted(stage, "PromoteDeployment", {"releaseId": planned["releaseId"]})
    id: str = reply["aggregate"]["id"]
    return id


@scenario("DeliveryLine", effects={})
async def stop_the_line(stage: Stage) -> Payload:
    return {"environment": ENVIRONMENT, "reason": "the database of bookings is being repaired"}


@scenario("DeliveryLine", effects={})
async def resume_the_line(stage: Stage) -> Payload:
    await accepted(stage, "StopTheLine", await stop_the_line(stage))
    return {"environment": ENVIRONMENT, "reason": "it is repaired"}


@scenario("DeploymentTarget", effects={})
async def hold_deployment(stage: Stage) -> Payload:
    return {
        "moduleId": "module-reservations-api",
        "environment": ENVIRONMENT,
        "reason": "customers are being shown this version",
    }


@scenario("DeploymentTarget", effects={})
async def lift_hold(stage: Stage) -> Payload:
    held = await hold_deployment(stage)
    await accepted(stage, "HoldDeployment", held)
    return held | {"reason": "they have seen it"}


@scenario("EnvironmentPromotion", effects={})
async def cancel_promotion(stage: Stage) -> Payload:
    """Of one that waits: nobody goes on while the line is stopped."""
    planned = await approved_release(stage)
    await accepted(stage, "StopTheLine", await stop_the_line(stage))
    return {"promotionId": await _promotion(stage, planned), "reason": "the next version comes instead"}


@scenario("EnvironmentPromotion", effects={}, by=GRACE)
async def bypass_freeze(stage: Stage) -> Payload:
    planned = await approved_release(stage)
    await accepted(stage, "StopTheLine", await stop_the_line(stage))
    return {"promotionId": await _promotion(stage, planned), "reason": "it mends what stopped the line"}


PROGRAM = f"""\
name: {STACK.partition("/")[0]}
runtime: yaml
resources:
  group:
    type: azure-native:resources:ResourceGroup
    properties:
      location: westeurope
      resourceGroupName: shop-rg
outputs:
  groupId: ${{group.id}}
"""


async def with_infrastructure(stage: Stage, **changes: object) -> Payload:
    """The environment's settings, with a program in a repository of its own that nobody has applied yet."""
    repository = await _repository(stage, "infrastructure", {f"{FOLDER}/Pulumi.yaml": PROGRAM})
    source = {
        "engine": "Pulumi",
        "stack": STACK,
        "repositoryId": repository["repositoryId"],
        "directory": FOLDER,
    }
    return {"name": ENVIRONMENT, "infrastructure": source, **changes}


@scenario(
    "InfrastructurePlan",
    effects={},
    refused_with={"environment": "nowhere"},
    later=("InfrastructureProvisioned",),
)
async def provision_infrastructure(stage: Stage) -> Payload:
    await configure(stage, environments=[await with_infrastructure(stage)])
    return {"environment": ENVIRONMENT, "previewOnly": False, "automatic": False}


KUSTOMIZATION = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - greeting.yaml
"""

GREETING = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: greeting
data:
  text: hello
"""


async def environment_with_a_branch(stage: Stage) -> Payload:
    """Somebody has committed to it, and its agent follows it; the fact of the branch's creation."""
    repository = await _repository(stage, "environments", {})
    branch = {"repositoryId": repository["repositoryId"], "name": f"env/{ENVIRONMENT}"}
    created = await fact(stage, "CreateBranch", branch | {"fromCommitSha": repository["headCommitSha"]})
    files = {"kustomization.yaml": KUSTOMIZATION, "greeting.yaml": GREETING}
    await fact(stage, "CreateCommit", _commit(repository["repositoryId"], branch["name"], files))
    await configure(stage, gitopsRepositoryId=repository["repositoryId"])
    await stage.connect(ENVIRONMENT)
    return created


@scenario(
    "GitOpsSyncState", "GitOpsSynced", effects={"reconcile": 1}, refused_with={"environment": "nowhere"}
)
async def sync_git_ops(stage: Stage) -> Payload:
    await environment_with_a_branch(stage)
    return {"environment": ENVIRONMENT, "automatic": False}
