"""What the body of a request for a run, or for its preview, asks for."""

from __future__ import annotations

from infra.local.azure_devops.errors import ApiError, invalid_argument
from infra.local.azure_devops.pipelines.model import PipelineInvalid
from infra.local.azure_devops.repositories import repository_by_id
from infra.local.azure_devops.routing import Call
from infra.local.emulation.state import Json


def invalid_pipeline(error: PipelineInvalid) -> ApiError:
    return ApiError(400, "PipelineValidationException", str(error))


def object_in(body: Json, name: str) -> Json:
    found = body.get(name) or {}
    if not isinstance(found, dict):
        raise invalid_argument(f"{name} must be an object.")
    return found


async def asked_source(call: Call, definition: Json, body: Json) -> tuple[str, str]:
    """The branch and the commit to run: the branch's tip unless a commit is given.

    Raises `PipelineInvalid` where there is no such commit.
    """
    given = object_in(object_in(object_in(body, "resources"), "repositories"), "self")
    repository = repository_by_id(call.emulator, definition["repositoryId"])
    ref = str(given.get("refName") or repository.get("defaultBranch") or "refs/heads/main")
    if not ref.startswith("refs/"):
        ref = f"refs/heads/{ref}"
    version = str(given.get("version") or "")
    commit = await call.emulator.git.commit_id(repository["id"], version or ref)
    if commit is None:
        raise PipelineInvalid(
            f"Could not get the latest source version for repository {repository['name']} hosted on "
            f"Azure Repos using ref {ref}" + (f" and version {version}." if version else ".")
        )
    return ref, commit
