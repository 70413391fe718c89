"""Pipelines: create or get by name and YAML, previews, and the published versions of the templates."""

import re
from urllib.parse import quote

from adapters.azure_devops.branches import head_of, ref_of
from adapters.azure_devops.client import Api
from adapters.azure_devops.errors import SERVICE, Kind, Refusal
from adapters.azure_devops.paging import Json, continuing
from adapters.pipeline_yaml import load, stages_of
from adapters.waiting import OutcomeUnknown
from domain.kernel.errors import Rejected, Unavailable
from domain.provided import ProvidedPreview

_ROOT = "\\"
_TAG = re.compile(r"refs/tags/v((?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*))")


async def ensure_pipeline(api: Api, repository_id: str, name: str, path: str, default_branch: str) -> str:
    """Its id, whether it was created now or before."""
    repository = await api.get(f"git/repositories/{repository_id}")
    body = {
        "name": name,
        "folder": _ROOT,
        "configuration": {
            "type": "yaml",
            "path": _absolute(path),
            "repository": {
                "id": repository["id"],
                "name": repository["name"],
                "type": "azureReposGit",
                "defaultBranch": ref_of(default_branch),
            },
        },
    }
    while True:
        found = await _named(api, name)
        if found is not None:
            _require_same(found, name, str(repository["id"]), _absolute(path))
            return str(found["id"])
        try:
            return str((await api.send("POST", "pipelines", body))["id"])
        except OutcomeUnknown:
            pass
        except Refusal as refusal:
            if refusal.status != 409:
                raise
        # Names are unique in a folder, so asking again can't make a second one; the listing may lag.
        api.trouble(f"its list of pipelines does not show {name} yet")
        await api.pause()


async def _named(api: Api, name: str) -> Json | None:
    """The definition as a whole; listings show a part of it only."""
    for listed in await continuing(api, "build/definitions", {"name": name, "path": _ROOT, "$top": "100"}):
        same_folder = str(listed.get("path") or _ROOT) == _ROOT
        if same_folder and str(listed["name"]).casefold() == name.casefold():
            whole: Json | None = await api.find(f"build/definitions/{listed['id']}")
            return whole
    return None


def _require_same(found: Json, name: str, repository_id: str, path: str) -> None:
    repository = str((found.get("repository") or {}).get("id") or "")
    theirs = _absolute(str((found.get("process") or {}).get("yamlFilename") or ""))
    if repository.casefold() != repository_id.casefold() or theirs != path:
        raise Rejected(f"the pipeline name {name} is taken by another YAML, {theirs}")


def _absolute(path: str) -> str:
    return "/" + path.lstrip("/")


async def preview(api: Api, repository_id: str, pipeline_id: str, branch: str, yaml: str) -> ProvidedPreview:
    body = {
        "previewRun": True,
        "yamlOverride": yaml,
        "resources": {"repositories": {"self": {"refName": ref_of(branch)}}},
    }
    try:
        # It starts nothing, although it is a POST: it may be repeated.
        answer = await api.request("POST", f"{path_of(pipeline_id)}/preview", body=body, safe=True)
    except Refusal as refusal:
        raise await explained(api, refusal, repository_id, pipeline_id, branch) from refusal
    final_yaml = str((answer.body or {}).get("finalYaml") or "")
    if not final_yaml:
        raise Unavailable(SERVICE, "its answer to a preview holds no YAML")
    return ProvidedPreview(final_yaml, stages_of(load(final_yaml)))


async def explained(
    api: Api, refusal: Refusal, repository_id: str, pipeline_id: str, branch: str
) -> Exception:
    """What the caller raises: that something is not there, where the service says so in many words."""
    if refusal.status == 404 and refusal.kind is not Kind.REPOSITORY_MISSING:
        return Rejected(f"pipeline {pipeline_id} does not exist")
    if refusal.status == 400 and await head_of(api, repository_id, branch) is None:
        return Rejected(f"branch {branch} does not exist")
    return refusal


def path_of(pipeline_id: str) -> str:
    return f"pipelines/{quote(pipeline_id, safe='')}"


async def template_versions(api: Api, repository: str) -> list[str]:
    """The tags `vX.Y.Z` of the templates' repository without the v, in the order of semantic versions."""
    path = f"git/repositories/{quote(repository, safe='')}/refs"
    refs = await continuing(api, path, {"filter": "tags/v", "$top": "100"})
    found = [match[1] for ref in refs if (match := _TAG.fullmatch(str(ref["name"])))]
    return sorted(found, key=lambda version: [int(part) for part in version.split(".")])
