"""What tests ask of the service itself: drift, failing resources, a foreign lock, the pace."""

from __future__ import annotations

import uuid
from typing import Any

from aiohttp import web

from infra.local.pulumi import stacks
from infra.local.pulumi.errors import bad_request, not_found
from infra.local.pulumi.routing import Call, Route
from infra.local.pulumi.snapshot import World


async def _world(call: Call) -> web.Response:
    """The real resources of a stack."""
    return web.json_response({"resources": World(call.service.state, call.stack_key).list()})


async def _drift(call: Call) -> web.Response:
    """Change properties of a real resource, or delete it, behind the state's back."""
    body = call.object_body()
    world = World(call.service.state, call.stack_key)
    found = world.find(str(body.get("resource") or ""))
    if found is None:
        raise not_found(f"Real resource {body.get('resource')!r}")
    if body.get("delete") is True:
        world.delete(found["id"])
        return web.json_response(found)
    properties: Any = body.get("properties")
    if not isinstance(properties, dict):
        raise bad_request("properties must be an object, or delete true")
    merged = {**found["properties"], **properties}
    found["properties"] = {key: value for key, value in merged.items() if value is not None}
    world.put(found)
    return web.json_response(found)


async def _get_failures(call: Call) -> web.Response:
    return web.json_response({"value": call.service.failures.render()})


async def _add_failure(call: Call) -> web.Response:
    call.service.failures.add(call.stack_key, call.object_body())
    return web.json_response({"value": call.service.failures.render()})


async def _clear_failures(call: Call) -> web.Response:
    call.service.failures.clear()
    return web.Response(status=204)


async def _hold_lock(call: Call) -> web.Response:
    """An update of somebody's CLI begins on the stack."""
    update_id = str(uuid.uuid4())
    stacks.hold(call.service.state, call.stack_key, update_id, "update", "somebody-else")
    return web.json_response({"updateID": update_id})


async def _release_lock(call: Call) -> web.Response:
    """It ends; with ?version=true it changed the stack, whose version moves on."""
    stack = stacks.get(call.service.state, call.stack_key)
    moved = call.request.query.get("version") == "true"
    version = stack["version"] + 1 if moved else None
    stacks.release(call.service.state, call.stack_key, stack["activeUpdate"], version)
    return web.Response(status=204)


async def _get_pace(call: Call) -> web.Response:
    return web.json_response({"seconds": call.service.pace})


async def _set_pace(call: Call) -> web.Response:
    seconds = call.object_body().get("seconds")
    if not isinstance(seconds, int | float) or seconds < 0:
        raise bad_request("seconds must be a number that is not negative")
    call.service.pace = float(seconds)
    return web.json_response({"seconds": call.service.pace})


_STACK = "/_local/stacks/{org}/{project}/{stack}"
ROUTES = [
    Route("GET", "/_local/failures", _get_failures),
    Route("DELETE", "/_local/failures", _clear_failures),
    Route("GET", "/_local/pace", _get_pace),
    Route("PUT", "/_local/pace", _set_pace),
    Route("GET", f"{_STACK}/world", _world),
    Route("POST", f"{_STACK}/drift", _drift),
    Route("POST", f"{_STACK}/failures", _add_failure),
    Route("PUT", f"{_STACK}/lock", _hold_lock),
    Route("DELETE", f"{_STACK}/lock", _release_lock),
]
