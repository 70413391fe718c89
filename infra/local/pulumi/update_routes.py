"""Updates of a stack, the events of each, and drift."""

from __future__ import annotations

from aiohttp import web

from infra.local.emulation.state import Json
from infra.local.pulumi import deployments, drift, stacks, updates
from infra.local.pulumi.errors import not_found
from infra.local.pulumi.routing import Call, Route

_EVENTS = 500


async def history(call: Call) -> web.Response:
    """As the CLI reads it, or with output-type=service with ids and who asked."""
    state, query = call.service.state, call.request.query
    latest = stacks.get(state, call.stack_key)["version"]
    found = updates.history(state, call.stack_key)
    total = len(found)
    size = call.number("pageSize", max(total, 1), least=1)
    start = (call.number("page", 1, least=1) - 1) * size
    page = found[start : start + size]
    if query.get("output-type") != "service":
        return web.json_response({"updates": [updates.render_info(update) for update in page]})
    rendered = [updates.render(update, latest, deployments.REQUESTED_BY) for update in page]
    return web.json_response({"updates": rendered, "itemsPerPage": size, "total": total})


async def get_version(call: Call) -> web.Response:
    """One of the history, by its version or `latest`."""
    state = call.service.state
    latest = stacks.get(state, call.stack_key)["version"]
    wanted = str(latest) if call.params["version"] == "latest" else call.params["version"]
    for update in updates.history(state, call.stack_key):
        if str(update["version"]) == wanted:
            return web.json_response(updates.render(update, latest, deployments.REQUESTED_BY))
    raise not_found(f"Update {call.params['version']}")


async def get_status(call: Call) -> web.Response:
    update = _update(call)
    status = "running" if update["result"] == updates.IN_PROGRESS else update["result"]
    return web.json_response({"status": status, "events": []})


async def get_events(call: Call) -> web.Response:
    """In order; a token leads on while there is more, or while there may be more."""
    update = _update(call)
    start = call.number("continuationToken", 0)
    found = updates.events(call.service.state, update["updateID"])
    page = found[start : start + _EVENTS]
    end = start + len(page)
    over = update["result"] != updates.IN_PROGRESS and end >= len(found)
    return web.json_response({"events": page, "continuationToken": None if over else str(end)})


async def drift_status(call: Call) -> web.Response:
    stacks.get(call.service.state, call.stack_key)
    return web.json_response(drift.status(call.service.state, call.stack_key))


async def drift_runs(call: Call) -> web.Response:
    stacks.get(call.service.state, call.stack_key)
    found = drift.runs(call.service.state, call.stack_key)
    size = call.number("pageSize", 10, least=1, most=100)
    start = (call.number("page", 1, least=1) - 1) * size
    page = found[start : start + size]
    return web.json_response({"driftRuns": page, "itemsPerPage": size, "total": len(found)})


def _update(call: Call) -> Json:
    """The kind in the path is taken as it comes: an id is an id."""
    found = call.service.state.get("update", call.stack_key, call.params["update"])
    if found is None:
        raise not_found(f"Update '{call.params['update']}'")
    return found


_STACK = "/api/stacks/{org}/{project}/{stack}"
_KINDS = ("update", "preview", "refresh", "destroy")
ROUTES = [
    Route("GET", f"{_STACK}/updates", history),
    Route("GET", f"{_STACK}/updates/{{version}}", get_version),
    *(Route("GET", f"{_STACK}/{kind}/{{update}}", get_status) for kind in _KINDS),
    *(Route("GET", f"{_STACK}/{kind}/{{update}}/events", get_events) for kind in _KINDS),
    Route("GET", f"{_STACK}/drift/status", drift_status),
    Route("GET", f"{_STACK}/drift/runs", drift_runs),
]
