"""Organizations and projects: made on first use, with ids that follow from their names."""

from __future__ import annotations

import uuid

from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.errors import not_found
from infra.local.azure_devops.identities import deterministic_id
from infra.local.azure_devops.routing import Answer, Call, Route, listing
from infra.local.emulation.state import Json


def project_named(emulator: Emulator, org: str, name: str) -> Json:
    """The project by id or name; a new name makes a project, an unknown id is not found."""
    found = emulator.state.get("project", org.lower(), name.lower())
    if found is not None:
        return found
    if _is_id(name):
        by_id = emulator.state.find("project-id", name.lower())
        named = emulator.state.get("project", org.lower(), by_id["name"]) if by_id else None
        if named is not None:
            return named
        raise not_found(
            "ProjectDoesNotExistException",
            f"TF200016: The following project does not exist: {name}.",
        )
    project: Json = {"id": deterministic_id("project", org, name), "name": name, "org": org}
    with emulator.state.transaction():
        emulator.state.put("project", org.lower(), name.lower(), project)
        emulator.state.put("project-id", org.lower(), project["id"], {"name": name.lower()})
    return project


def project_of(call: Call) -> Json:
    return project_named(call.emulator, call.org, call.params["project"])


def project_by_id(emulator: Emulator, org: str, project_id: str) -> Json:
    return project_named(emulator, org, project_id)


def render_project(emulator: Emulator, project: Json) -> Json:
    return {
        "id": project["id"],
        "name": project["name"],
        "url": f"{emulator.base_url}/{project['org']}/_apis/projects/{project['id']}",
        "state": "wellFormed",
        "revision": 1,
        "visibility": "private",
        "lastUpdateTime": "0001-01-01T00:00:00",
    }


def _is_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


async def get_project(call: Call) -> Answer:
    return Answer(200, render_project(call.emulator, project_of(call)))


async def list_projects(call: Call) -> Answer:
    found = call.emulator.state.list("project", call.org.lower(), call.lag)
    return listing([render_project(call.emulator, project) for project in found])


async def connection_data(call: Call) -> Answer:
    user = {
        "id": call.identity.id,
        "descriptor": f"aad.{call.identity.id}",
        "providerDisplayName": call.identity.name,
        "isActive": True,
        "properties": {"Account": {"$type": "System.String", "$value": call.identity.email}},
    }
    return Answer(
        200,
        {
            "authenticatedUser": user,
            "authorizedUser": user,
            "instanceId": deterministic_id("organization", call.org),
            "deploymentType": "hosted",
        },
    )


ROUTES = [
    Route("GET", "/{org}/_apis/projects", list_projects),
    Route("GET", "/{org}/_apis/projects/{project}", get_project),
    Route("GET", "/{org}/_apis/connectionData", connection_data, preview=True),
]
