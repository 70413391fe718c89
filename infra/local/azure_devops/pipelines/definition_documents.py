"""A definition as the service shows it: as a pipeline, and as a build definition."""

from __future__ import annotations

from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.errors import ApiError
from infra.local.azure_devops.identities import LOCAL_SERVICE
from infra.local.azure_devops.projects import project_by_id, render_project
from infra.local.azure_devops.repositories import render_repository, repository_by_id
from infra.local.emulation.state import Json


def _base(emulator: Emulator, definition: Json) -> str:
    return f"{emulator.base_url}/{definition['org']}/{definition['projectId']}"


def _web(emulator: Emulator, definition: Json) -> Json:
    return {"href": f"{_base(emulator, definition)}/_build/definition?definitionId={definition['id']}"}


def render_pipeline(emulator: Emulator, definition: Json, *, whole: bool) -> Json:
    """Listings leave out the configuration."""
    number, revision = definition["id"], definition["revision"]
    url = f"{_base(emulator, definition)}/_apis/pipelines/{number}?revision={revision}"
    body: Json = {
        "_links": {"self": {"href": url}, "web": _web(emulator, definition)},
        "url": url,
        "id": number,
        "revision": revision,
        "name": definition["name"],
        "folder": definition["folder"],
    }
    if whole:
        body["configuration"] = {
            "path": definition["path"],
            "repository": {"id": definition["repositoryId"], "type": "azureReposGit"},
            "type": "yaml",
        }
    return body


def render_definition(emulator: Emulator, definition: Json, *, whole: bool) -> Json:
    """Listings leave out the repository and the process, unless they are asked for all properties."""
    number, revision = definition["id"], definition["revision"]
    url = f"{_base(emulator, definition)}/_apis/build/Definitions/{number}?revision={revision}"
    project = project_by_id(emulator, definition["org"], definition["projectId"])
    body: Json = {
        "_links": {"self": {"href": url}, "web": _web(emulator, definition)},
        "quality": "definition",
        "authoredBy": LOCAL_SERVICE.render(),
        "drafts": [],
        "queue": {"id": 1, "name": "Azure Pipelines", "pool": {"id": 1, "name": "Azure Pipelines"}},
        "id": number,
        "name": definition["name"],
        "url": url,
        "uri": f"vstfs:///Build/Definition/{number}",
        "path": definition["folder"],
        "type": "build",
        "queueStatus": definition["queueStatus"],
        "revision": revision,
        "createdDate": definition["createdDate"],
        "project": render_project(emulator, project),
    }
    if whole:
        body["process"] = {"yamlFilename": definition["path"], "type": 2}
        body["repository"] = _repository(emulator, definition)
        body["triggers"] = [{"settingsSourceType": 2, "triggerType": "continuousIntegration"}]
        body["jobAuthorizationScope"] = "project"
    return body


def _repository(emulator: Emulator, definition: Json) -> Json:
    body: Json = {
        "id": definition["repositoryId"],
        "name": definition["repositoryName"],
        "type": "TfsGit",
        "clean": None,
        "checkoutSubmodules": False,
        "properties": {},
    }
    try:
        found = render_repository(emulator, repository_by_id(emulator, definition["repositoryId"]))
    except ApiError:
        return body
    default = found.get("defaultBranch", "refs/heads/main")
    return {**body, "name": found["name"], "url": found["remoteUrl"], "defaultBranch": default}
