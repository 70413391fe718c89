"""The real resources of a resource group, and the groups themselves."""

from __future__ import annotations

from infra.local.emulation.state import Json, State
from infra.local.pulumi.providers import properties_of
from infra.local.resource_manager.errors import group_not_found


def put_group(state: State, group_id: str, body: Json) -> bool:
    """Whether it is new."""
    key = group_id.lower()
    known = state.get("group", "", key)
    name = group_id.rpartition("/")[2]
    document = {
        "id": known["id"] if known else group_id,
        "name": known["name"] if known else name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": str(body.get("location") or "westeurope"),
        "tags": body.get("tags") or {},
        "properties": {"provisioningState": "Succeeded"},
    }
    state.put("group", "", key, document)
    return known is None


def get_group(state: State, group_id: str) -> Json:
    """Raises ResourceGroupNotFound."""
    found = state.get("group", "", group_id.lower())
    if found is None:
        raise group_not_found(group_id.rpartition("/")[2])
    return found


def scope_of(resource_id: str) -> str:
    return "/".join(resource_id.lower().split("/")[:5])


def asked(state: State, resource_id: str) -> Json | None:
    """A resource as somebody last wrote it, without what Azure computes."""
    return state.get("resource", scope_of(resource_id), resource_id.lower())


def put(state: State, body: Json) -> None:
    state.put("resource", scope_of(body["id"]), body["id"].lower(), body)


def delete(state: State, resource_id: str) -> None:
    state.delete("resource", scope_of(resource_id), resource_id.lower())


def in_group(state: State, group_id: str) -> list[Json]:
    return state.list("resource", group_id.lower())


def find(state: State, group_id: str, name: str) -> Json | None:
    """By id or by name."""
    for body in in_group(state, group_id):
        if name.lower() in (body["id"].lower(), body["id"].lower().rpartition("/")[2]):
            return body
    return None


def render(body: Json) -> Json:
    """As a GET shows it."""
    name = body["name"].rpartition("/")[2]
    computed = properties_of(body["type"], body["id"], name, body.get("location"))
    properties = {**(body.get("properties") or {}), **computed, "provisioningState": "Succeeded"}
    return {**{key: value for key, value in body.items() if key != "apiVersion"}, "properties": properties}


def lookup(state: State, resource_id: str) -> Json | None:
    found = asked(state, resource_id)
    return render(found) if found is not None else None
