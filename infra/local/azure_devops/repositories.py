"""Git repositories: create, find, change, delete."""

from __future__ import annotations

import re
import uuid
from urllib.parse import quote

from infra.local.azure_devops import clock
from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.errors import invalid_argument, repository_exists, repository_not_found
from infra.local.azure_devops.projects import project_by_id, project_named, project_of, render_project
from infra.local.azure_devops.routing import Answer, Call, Route, listing
from infra.local.emulation.state import Json

_BAD_NAME = re.compile(r'[\\/:*?"<>|;#$&{}\x00-\x1f,+=\[\]@]|^\.|\.$|^_|\.git$|^\s|\s$')


def api_url(emulator: Emulator, repository: Json) -> str:
    org, project = repository["org"], repository["projectId"]
    return f"{emulator.base_url}/{org}/{project}/_apis/git/repositories/{repository['id']}"


def render_repository(emulator: Emulator, repository: Json) -> Json:
    project = project_by_id(emulator, repository["org"], repository["projectId"])
    web = f"{emulator.base_url}/{quote(repository['org'])}/{quote(project['name'])}/_git/"
    web += quote(repository["name"])
    body: Json = {
        "id": repository["id"],
        "name": repository["name"],
        "url": api_url(emulator, repository),
        "project": render_project(emulator, project),
        "size": 0,
        "remoteUrl": web,
        "webUrl": web,
        "sshUrl": "",
        "isDisabled": repository["isDisabled"],
        "isInMaintenance": False,
    }
    if repository.get("defaultBranch"):
        body["defaultBranch"] = repository["defaultBranch"]
    return body


def save_repository(emulator: Emulator, repository: Json) -> None:
    emulator.state.put("repository", repository["projectId"], repository["id"], repository)


def find_repository(emulator: Emulator, org: str, project: str | None, name: str) -> Json:
    """By id or name; disabled and missing look the same."""
    found = emulator.state.find("repository", name.lower())
    if found is None and project is not None:
        project_id = project_named(emulator, org, project)["id"]
        alias = emulator.state.get("repository-name", project_id, name.lower())
        found = emulator.state.get("repository", project_id, alias["id"]) if alias else None
    if found is None or found["org"].lower() != org.lower():
        raise repository_not_found(name)
    if project is not None and project_named(emulator, org, project)["id"] != found["projectId"]:
        raise repository_not_found(name)
    return found


def repository_of(call: Call) -> Json:
    name = call.params["repo"]
    found = find_repository(call.emulator, call.org, call.params.get("project"), name)
    if found["isDisabled"]:
        raise repository_not_found(name)
    return found


def repository_by_id(emulator: Emulator, repository_id: str) -> Json:
    found = emulator.state.find("repository", repository_id)
    if found is None:
        raise repository_not_found(repository_id)
    return found


def _checked_name(value: object) -> str:
    if not isinstance(value, str) or not value or len(value) > 64 or _BAD_NAME.search(value):
        raise invalid_argument(f"The repository name '{value}' is not valid.")
    return value


async def create_repository(call: Call) -> Answer:
    body = call.object_body()
    name = _checked_name(body.get("name"))
    given = (body.get("project") or {}).get("id") or call.params.get("project")
    if not given:
        raise invalid_argument("A project must be named to create a repository.")
    project = project_named(call.emulator, call.org, str(given))
    state = call.emulator.state
    repository: Json = {
        "id": str(uuid.uuid4()),
        "name": name,
        "org": call.org,
        "projectId": project["id"],
        "isDisabled": False,
        "createdDate": clock.now(),
    }
    if state.get("repository-name", project["id"], name.lower()):
        raise repository_exists(name)
    await call.emulator.git.create(repository["id"])
    if state.get("repository-name", project["id"], name.lower()):
        # Another request took the name while git made the directory.
        await call.emulator.git.delete(repository["id"])
        raise repository_exists(name)
    with state.transaction():
        save_repository(call.emulator, repository)
        state.put("repository-name", project["id"], name.lower(), {"id": repository["id"]})
    return Answer(201, render_repository(call.emulator, repository))


async def get_repository(call: Call) -> Answer:
    return Answer(200, render_repository(call.emulator, repository_of(call)))


async def list_repositories(call: Call) -> Answer:
    scope = project_of(call)["id"] if "project" in call.params else None
    found = [
        repository
        for repository in call.emulator.state.list("repository", scope, call.lag)
        if repository["org"].lower() == call.org.lower()
    ]
    found.sort(key=lambda repository: str(repository["name"]).lower())
    return listing([render_repository(call.emulator, repository) for repository in found])


async def update_repository(call: Call) -> Answer:
    emulator, body = call.emulator, call.object_body()
    # A disabled repository must still be found here: this is how it is enabled again.
    repository = find_repository(emulator, call.org, call.params.get("project"), call.params["repo"])
    project_id = repository["projectId"]
    async with emulator.git.lock(repository["id"]):
        if "defaultBranch" in body:
            branch = str(body["defaultBranch"])
            if await emulator.git.ref(repository["id"], branch) is None:
                raise invalid_argument(f"The branch '{branch}' does not exist.")
            await emulator.git.run(repository["id"], "symbolic-ref", "HEAD", branch)
            repository["defaultBranch"] = branch
        with emulator.state.transaction():
            if "name" in body:
                name = _checked_name(body["name"])
                taken = emulator.state.get("repository-name", project_id, name.lower())
                if taken and taken["id"] != repository["id"]:
                    raise repository_exists(name)
                emulator.state.delete("repository-name", project_id, str(repository["name"]).lower())
                emulator.state.put("repository-name", project_id, name.lower(), {"id": repository["id"]})
                repository["name"] = name
            if "isDisabled" in body:
                repository["isDisabled"] = bool(body["isDisabled"])
            save_repository(emulator, repository)
    return Answer(200, render_repository(emulator, repository))


async def delete_repository(call: Call) -> Answer:
    emulator = call.emulator
    repository = find_repository(emulator, call.org, call.params.get("project"), call.params["repo"])
    async with emulator.git.lock(repository["id"]):
        with emulator.state.transaction():
            emulator.state.delete("repository", repository["projectId"], repository["id"])
            emulator.state.delete("repository-name", repository["projectId"], str(repository["name"]).lower())
            for kind in ("push", "ref", "pull-request"):
                emulator.state.delete(kind, repository["id"])
        await emulator.git.delete(repository["id"])
    return Answer(204)


_ALL = "/{org}[/{project}]/_apis/git/repositories"
_ONE = _ALL + "/{repo}"

ROUTES = [
    Route("POST", _ALL, create_repository),
    Route("GET", _ALL, list_repositories),
    Route("GET", _ONE, get_repository),
    Route("PATCH", _ONE, update_repository),
    Route("DELETE", _ONE, delete_repository),
]
