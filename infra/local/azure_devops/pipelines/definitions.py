"""Definitions of pipelines over REST: created as pipelines, read and changed as build definitions too."""

from __future__ import annotations

import fnmatch
import re

from infra.local.azure_devops import clock
from infra.local.azure_devops.errors import ApiError, invalid_argument, not_found
from infra.local.azure_devops.pipelines.definition_documents import render_definition, render_pipeline
from infra.local.azure_devops.pipelines.preview import preview
from infra.local.azure_devops.pipelines.run_store import definition_of
from infra.local.azure_devops.projects import project_of
from infra.local.azure_devops.repositories import find_repository, repository_by_id
from infra.local.azure_devops.routing import Answer, Call, Route, listing
from infra.local.emulation.state import Json

KIND = "pipeline"
_QUEUE_STATUSES = ("enabled", "paused", "disabled")
_BAD_NAME = re.compile(r'["/:<>\\|?@*\x00-\x1f]|\.$')
_MOST_LISTED = 10_000


def _folder(value: object) -> str:
    path = str(value or "").replace("/", "\\").strip("\\")
    return f"\\{path}"


def _file(value: object) -> str:
    path = str(value or "").strip().replace("\\", "/").strip("/")
    if not path:
        raise invalid_argument("The path of the YAML file is required.")
    return f"/{path}"


def _name(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > 260 or _BAD_NAME.search(value):
        raise invalid_argument(f"The pipeline name '{value}' is not valid.")
    return value


def _of_project(call: Call, lag: float = 0.0) -> list[Json]:
    return call.emulator.state.list(KIND, project_of(call)["id"], lag)


def _require_free(call: Call, folder: str, name: str, own: int | None = None) -> None:
    for other in _of_project(call):
        same = (other["folder"].lower(), other["name"].lower()) == (folder.lower(), name.lower())
        if same and other["id"] != own:
            raise ApiError(
                409,
                "PipelineExistsException",
                f"A pipeline with name {name} already exists in folder {folder}.",
            )


async def create_pipeline(call: Call) -> Answer:
    """The YAML is not read: a file that isn't there or can't be read shows when a run is asked for."""
    body, project = call.object_body(), project_of(call)
    configuration = body.get("configuration")
    if not isinstance(configuration, dict) or str(configuration.get("type", "")).lower() != "yaml":
        raise invalid_argument("configuration.type must be yaml.")
    given = configuration.get("repository")
    if not isinstance(given, dict) or str(given.get("type", "")).lower() != "azurereposgit":
        raise invalid_argument("configuration.repository.type must be azureReposGit.")
    named = str(given.get("id") or given.get("name") or "")
    repository = find_repository(call.emulator, call.org, None if given.get("id") else project["id"], named)
    name, folder = _name(body.get("name") or repository["name"]), _folder(body.get("folder"))
    path, state = _file(configuration.get("path")), call.emulator.state
    with state.transaction():
        _require_free(call, folder, name)
        definition: Json = {
            "id": state.next_number(f"pipeline/{project['id']}"),
            "org": call.org,
            "projectId": project["id"],
            "name": name,
            "folder": folder,
            "path": path,
            "repositoryId": repository["id"],
            "repositoryName": repository["name"],
            "revision": 1,
            "createdDate": clock.now(),
            "queueStatus": "enabled",
        }
        state.put(KIND, project["id"], str(definition["id"]), definition)
    return Answer(200, render_pipeline(call.emulator, definition, whole=True))


async def get_pipeline(call: Call) -> Answer:
    return Answer(200, render_pipeline(call.emulator, definition_of(call), whole=True))


async def list_pipelines(call: Call) -> Answer:
    found, headers = _page(call, _of_project(call, call.lag))
    return listing([render_pipeline(call.emulator, one, whole=False) for one in found], headers)


async def preview_pipeline(call: Call) -> Answer:
    return await preview(call, definition_of(call), call.object_body())


async def list_definitions(call: Call) -> Answer:
    query, found = call.query, _of_project(call, call.lag)
    if name := query.get("name"):
        found = [one for one in found if fnmatch.fnmatchcase(one["name"].lower(), _pattern(name))]
    if repository := query.get("repositoryid"):
        kind = query.get("repositorytype")
        if not kind:
            raise invalid_argument("A repository type is required when a repository id is given.")
        found = [
            one
            for one in found
            if kind.lower() == "tfsgit" and one["repositoryId"].lower() == repository.lower()
        ]
    if file := query.get("yamlfilename"):
        found = [one for one in found if one["path"] == _file(file)]
    if "path" in query:
        found = [one for one in found if one["folder"].lower() == _folder(query["path"]).lower()]
    if ids := query.get("definitionids"):
        wanted = {text.strip() for text in ids.split(",")}
        found = [one for one in found if str(one["id"]) in wanted]
    found, headers = _page(call, found)
    whole = call.flag("includeAllProperties")
    return listing([render_definition(call.emulator, one, whole=whole) for one in found], headers)


def _pattern(name: str) -> str:
    """`*` is the one wildcard."""
    return "*".join("".join(f"[{c}]" if c in "[?" else c for c in part) for part in name.lower().split("*"))


def _page(call: Call, found: list[Json]) -> tuple[list[Json], dict[str, str]]:
    """By id, from the continuation token on."""
    start = call.number("continuationToken", default=0)
    top = call.number("$top", default=_MOST_LISTED)
    rest = sorted((one for one in found if one["id"] > start), key=lambda one: int(one["id"]))
    if len(rest) > top > 0:
        return rest[:top], {"x-ms-continuationtoken": str(rest[top - 1]["id"])}
    return rest, {}


def _definition(call: Call) -> Json:
    found = call.emulator.state.get(KIND, project_of(call)["id"], call.params["definition"])
    if found is None:
        raise not_found(
            "DefinitionNotFoundException",
            f"The requested build definition {call.params['definition']} could not be found.",
        )
    return found


async def get_definition(call: Call) -> Answer:
    return Answer(200, render_definition(call.emulator, _definition(call), whole=True))


async def update_definition(call: Call) -> Answer:
    """Name, folder, YAML file and queue status; the revision must be the latest."""
    definition, body = _definition(call), call.object_body()
    if body.get("revision") != definition["revision"]:
        raise ApiError(
            409,
            "DefinitionRevisionException",
            f"The definition was changed by someone else: its revision is {definition['revision']}.",
        )
    status = str(body.get("queueStatus") or definition["queueStatus"])
    if status not in _QUEUE_STATUSES:
        raise invalid_argument(f"'{status}' is not a queue status.")
    process = body.get("process") or {}
    changed: Json = {
        **definition,
        "name": _name(body.get("name") or definition["name"]),
        "folder": _folder(body.get("path", definition["folder"])),
        "path": _file(process.get("yamlFilename") or definition["path"]),
        "queueStatus": status,
        "revision": definition["revision"] + 1,
    }
    _require_free(call, changed["folder"], changed["name"], own=definition["id"])
    if given := (body.get("repository") or {}).get("id"):
        repository = repository_by_id(call.emulator, str(given))
        changed |= {"repositoryId": repository["id"], "repositoryName": repository["name"]}
    call.emulator.state.put(KIND, definition["projectId"], str(definition["id"]), changed)
    return Answer(200, render_definition(call.emulator, changed, whole=True))


async def delete_definition(call: Call) -> Answer:
    definition = _definition(call)
    call.emulator.state.delete(KIND, definition["projectId"], str(definition["id"]))
    return Answer(204)


_PIPELINES = "/{org}/{project}/_apis/pipelines"
_DEFINITIONS = "/{org}/{project}/_apis/build/definitions"

ROUTES = [
    Route("POST", _PIPELINES, create_pipeline),
    Route("GET", _PIPELINES, list_pipelines),
    Route("GET", _PIPELINES + "/{pipeline}", get_pipeline),
    Route("POST", _PIPELINES + "/{pipeline}/preview", preview_pipeline),
    Route("GET", _DEFINITIONS, list_definitions),
    Route("GET", _DEFINITIONS + "/{definition}", get_definition),
    Route("PUT", _DEFINITIONS + "/{definition}", update_definition),
    Route("DELETE", _DEFINITIONS + "/{definition}", delete_definition),
]
