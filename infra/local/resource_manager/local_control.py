"""What tests ask of the service itself: drift, failing resources, the pace."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from infra.local.resource_manager import resources
from infra.local.resource_manager.errors import ArmError, invalid_request
from infra.local.resource_manager.routing import GROUP, Call, Route


async def _drift(call: Call) -> web.Response:
    """Change top-level parts of a real resource (None removes one), or delete it."""
    body = call.object_body()
    found = resources.find(call.service.state, call.group, str(body.get("resource") or ""))
    if found is None:
        raise ArmError(404, "ResourceNotFound", f"No resource {body.get('resource')!r} in the group.")
    if body.get("delete") is True:
        resources.delete(call.service.state, found["id"])
        return web.json_response(found)
    change: Any = body.get("change")
    if not isinstance(change, dict):
        raise invalid_request("change must be an object, or delete true.")
    changed = {key: value for key, value in {**found, **change}.items() if value is not None}
    resources.put(call.service.state, changed)
    return web.json_response(changed)


async def _add_failure(call: Call) -> web.Response:
    call.service.failures.add(call.object_body())
    return web.Response(status=204)


async def _clear_failures(call: Call) -> web.Response:
    call.service.failures.clear()
    return web.Response(status=204)


async def _set_pace(call: Call) -> web.Response:
    seconds = call.object_body().get("seconds")
    if not isinstance(seconds, int | float) or seconds < 0:
        raise invalid_request("seconds must be a number that is not negative.")
    call.service.pace = float(seconds)
    return web.json_response({"seconds": call.service.pace})


ROUTES = [
    Route("POST", "/_local/failures", _add_failure),
    Route("DELETE", "/_local/failures", _clear_failures),
    Route("PUT", "/_local/pace", _set_pace),
    Route("POST", f"/_local{GROUP}/drift", _drift),
]
