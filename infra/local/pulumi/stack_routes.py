"""Stacks: create, read, list, tag, export, delete."""

from __future__ import annotations

import re

from aiohttp import web

from infra.local.emulation.state import Json
from infra.local.pulumi import clock, stacks
from infra.local.pulumi.errors import bad_request, not_found
from infra.local.pulumi.routing import Call, Route

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_STATE_VERSION = 3
_PAGE = 100


async def create(call: Call) -> web.Response:
    body = call.object_body()
    name = body.get("stackName")
    for part in (call.params["org"], call.params["project"], name):
        if not isinstance(part, str) or not _NAME.fullmatch(part):
            raise bad_request(f"invalid name {part!r}")
    tags = body.get("tags") or {}
    if not isinstance(tags, dict):
        raise bad_request("tags must be an object")
    if body.get("state"):
        raise bad_request("an initial state is not supported by this local service")
    values = {str(key): str(value) for key, value in tags.items()}
    stacks.create(call.service.state, call.params["org"], call.params["project"], str(name), values)
    return web.json_response({})


async def get(call: Call) -> web.Response:
    return web.json_response(_render(stacks.get(call.service.state, call.stack_key)))


async def list_stacks(call: Call) -> web.Response:
    """The caller's stacks, by organization, project and tag; a page holds 100."""
    query = call.request.query
    state = call.service.state
    found = [
        stack
        for stack in state.list("stack")
        if query.get("organization") in (None, stack["orgName"])
        and query.get("project") in (None, stack["projectName"])
        and ("tagName" not in query or query["tagName"] in stack["tags"])
        and ("tagValue" not in query or stack["tags"].get(query.get("tagName", "")) == query["tagValue"])
    ]
    start = call.number("continuationToken", 0)
    page = [
        {
            **{name: stack[name] for name in ("id", "orgName", "projectName", "stackName")},
            "resourceCount": len(state.list("resource", stacks.key_of(stack))),
        }
        for stack in found[start : start + _PAGE]
    ]
    following = {"continuationToken": str(start + _PAGE)} if start + _PAGE < len(found) else {}
    return web.json_response({"stacks": page, **following})


async def delete(call: Call) -> web.Response:
    force = call.request.query.get("force", "").lower() == "true"
    stacks.delete(call.service.state, call.stack_key, force=force)
    return web.Response(status=204)


async def export(call: Call) -> web.Response:
    """The state as it is now, also while an update writes it."""
    stacks.get(call.service.state, call.stack_key)
    return _exported(call.service.state.list("resource", call.stack_key))


async def export_version(call: Call) -> web.Response:
    stacks.get(call.service.state, call.stack_key)
    found = call.service.state.get("checkpoint", call.stack_key, call.params["version"])
    if found is None:
        raise not_found(f"Version {call.params['version']} of the stack")
    return _exported(found["resources"])


async def set_tags(call: Call) -> web.Response:
    """Replace all tags."""
    stack = stacks.get(call.service.state, call.stack_key)
    stack["tags"] = {str(key): str(value) for key, value in call.object_body().items()}
    stacks.save(call.service.state, stack)
    return web.Response(status=204)


async def add_tag(call: Call) -> web.Response:
    body = call.object_body()
    if not isinstance(body.get("name"), str) or not isinstance(body.get("value"), str):
        raise bad_request("a tag has a name and a value")
    stack = stacks.get(call.service.state, call.stack_key)
    stack["tags"][body["name"]] = body["value"]
    stacks.save(call.service.state, stack)
    return web.Response(status=204)


async def delete_tag(call: Call) -> web.Response:
    stack = stacks.get(call.service.state, call.stack_key)
    if stack["tags"].pop(call.params["tag"], None) is None:
        raise not_found(f"Tag '{call.params['tag']}'")
    stacks.save(call.service.state, stack)
    return web.Response(status=204)


def _render(stack: Json) -> Json:
    names = ("id", "orgName", "projectName", "stackName", "activeUpdate", "tags", "version")
    running = {"currentOperation": stack["currentOperation"]} if stack["currentOperation"] else {}
    return {**{name: stack[name] for name in names}, **running}


def _exported(resources: list[Json]) -> web.Response:
    deployment = {
        "manifest": {"time": clock.iso(), "magic": "", "version": "v3.0.0"},
        "resources": [_resource(resource) for resource in resources],
        "metadata": {},
    }
    return web.json_response({"version": _STATE_VERSION, "deployment": deployment})


def _resource(resource: Json) -> Json:
    """Empty fields are left out, as they are in a real export."""
    always = ("urn", "custom", "type")
    return {name: value for name, value in resource.items() if name in always or value}


_STACK = "/api/stacks/{org}/{project}/{stack}"
ROUTES = [
    Route("GET", "/api/user/stacks", list_stacks),
    Route("POST", "/api/stacks/{org}/{project}", create),
    Route("GET", _STACK, get),
    Route("DELETE", _STACK, delete),
    Route("GET", f"{_STACK}/export", export),
    Route("GET", f"{_STACK}/export/{{version}}", export_version),
    Route("PATCH", f"{_STACK}/tags", set_tags),
    Route("POST", f"{_STACK}/tags", add_tag),
    Route("DELETE", f"{_STACK}/tags/{{tag}}", delete_tag),
]
