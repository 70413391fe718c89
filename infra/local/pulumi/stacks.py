"""Stacks as documents: tags, version, settings, and the update that holds one."""

from __future__ import annotations

import uuid

from infra.local.emulation.state import Json, State
from infra.local.pulumi import clock
from infra.local.pulumi.errors import UPDATE_IN_PROGRESS, ApiError, bad_request, conflict, not_found

STACK_TYPE = "pulumi:pulumi:Stack"


def create(state: State, org: str, project: str, stack: str, tags: dict[str, str]) -> None:
    key = f"{org}/{project}/{stack}"
    if state.get("stack", f"{org}/{project}", key) is not None:
        raise conflict(f"Stack '{key}' already exists")
    save(
        state,
        {
            "id": str(uuid.uuid4()),
            "orgName": org,
            "projectName": project,
            "stackName": stack,
            "tags": {"pulumi:project": project, **tags},
            "version": 0,
            "activeUpdate": "",
            "currentOperation": None,
            "settings": None,
        },
    )


def key_of(stack: Json) -> str:
    return f"{stack['orgName']}/{stack['projectName']}/{stack['stackName']}"


def save(state: State, stack: Json) -> None:
    key = key_of(stack)
    state.put("stack", key.rpartition("/")[0], key, stack)


def get(state: State, key: str) -> Json:
    """Raises 404."""
    found = state.get("stack", key.rpartition("/")[0], key)
    if found is None:
        raise not_found(f"Stack '{key}'")
    return found


def delete(state: State, key: str, *, force: bool) -> None:
    if get(state, key)["activeUpdate"]:
        raise conflict(UPDATE_IN_PROGRESS)
    left = [resource for resource in state.list("resource", key) if resource["type"] != STACK_TYPE]
    if left and not force:
        raise bad_request("Stack still contains resources.")
    with state.transaction():
        state.delete("stack", key.rpartition("/")[0], key)
        for kind in ("resource", "deployment", "update", "drift-run", "checkpoint"):
            state.delete(kind, key)


def hold(state: State, key: str, update_id: str, kind: str, author: str) -> None:
    """Take the stack for an update; raises the service's 409 while another one holds it."""
    stack = get(state, key)
    if stack["activeUpdate"] not in ("", update_id):
        raise conflict(UPDATE_IN_PROGRESS)
    stack["activeUpdate"] = update_id
    stack["currentOperation"] = {"kind": kind, "author": author, "started": clock.seconds()}
    save(state, stack)


def release(state: State, key: str, update_id: str, version: int | None = None) -> None:
    """Give the stack back; with a version it counts one update more."""
    try:
        stack = get(state, key)
    except ApiError:
        return
    if stack["activeUpdate"] == update_id:
        stack["activeUpdate"] = ""
        stack["currentOperation"] = None
    if version is not None:
        stack["version"] = version
    save(state, stack)
