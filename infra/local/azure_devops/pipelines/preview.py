"""Preview runs: the expanded YAML, and nothing started."""

from __future__ import annotations

from typing import Any

from infra.local.azure_devops.errors import ApiError, invalid_argument
from infra.local.azure_devops.pipelines.expansion import expand
from infra.local.azure_devops.pipelines.model import PipelineInvalid
from infra.local.azure_devops.repositories import repository_by_id
from infra.local.azure_devops.routing import Answer, Call
from infra.local.azure_devops.state import Json


async def preview(call: Call, definition: Json, body: Json) -> Answer:
    override = body.get("yamlOverride")
    if override is not None and not isinstance(override, str):
        raise invalid_argument("yamlOverride must be a text.")
    parameters = body.get("templateParameters") or {}
    if not isinstance(parameters, dict):
        raise invalid_argument("templateParameters must be an object.")
    try:
        ref, version = await _source(call, definition, body)
        pipeline = await expand(
            call.emulator,
            definition,
            ref=ref,
            version=version,
            parameters=parameters,
            yaml_override=override or None,
        )
    except PipelineInvalid as error:
        raise ApiError(400, "PipelineValidationException", str(error)) from error
    return Answer(200, {"finalYaml": pipeline.final_yaml})


async def _source(call: Call, definition: Json, body: Json) -> tuple[str, str]:
    """The branch and the commit that `resources` ask for, or the tip of the default branch."""
    given: Any = body.get("resources") or {}
    for name in ("repositories", "self"):
        given = given.get(name) if isinstance(given, dict) else None
    asked = given if isinstance(given, dict) else {}
    repository = repository_by_id(call.emulator, definition["repositoryId"])
    ref = str(asked.get("refName") or repository.get("defaultBranch") or "refs/heads/main")
    if not ref.startswith("refs/"):
        ref = f"refs/heads/{ref}"
    version = str(asked.get("version") or "")
    commit = await call.emulator.git.commit_id(repository["id"], version or ref)
    if commit is None:
        raise PipelineInvalid(
            f"Could not get the latest source version for repository {repository['name']} hosted on "
            f"Azure Repos using ref {ref}" + (f" and version {version}." if version else ".")
        )
    return ref, commit
