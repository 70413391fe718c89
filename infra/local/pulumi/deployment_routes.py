"""Deployments: ask for one, look at it, read its log, cancel it."""

from __future__ import annotations

from aiohttp import web

from infra.local.emulation.state import Json
from infra.local.pulumi import deployments, queue, requests, stacks, updates
from infra.local.pulumi.errors import bad_request, not_found
from infra.local.pulumi.routing import Call, Route

_LINES = 500


async def create(call: Call) -> web.Response:
    """Accepted before anything is fetched: whatever is wrong with the source fails the deployment."""
    service, key = call.service, call.stack_key
    stack = stacks.get(service.state, key)
    request = requests.effective(call.object_body(), stack["settings"])
    with service.state.transaction():
        deployment = deployments.create(service.state, key, request)
    queue.wake(service, key)
    url = f"{service.base_url}/{key}/deployments/{deployment['version']}"
    answer = {"id": deployment["id"], "consoleUrl": url, "version": deployment["version"]}
    return web.json_response(answer, status=202)


async def list_deployments(call: Call) -> web.Response:
    """Without the configuration, as in the service: only one deployment alone tells its environment."""
    state, query = call.service.state, call.request.query
    stacks.get(state, call.stack_key)
    status = query.get("status")
    if status is not None and status not in deployments.STATUSES:
        raise bad_request(f"invalid status {status!r}")
    found = [d for d in state.list("deployment", call.stack_key) if status in (None, d["status"])]
    if query.get("asc", "").lower() != "true":
        found.reverse()
    size = call.number("pageSize", 10, least=1, most=100)
    start = (call.number("page", 1, least=1) - 1) * size
    page = [_snapshot(call, deployment) for deployment in found[start : start + size]]
    return web.json_response({"deployments": page, "itemsPerPage": size, "total": len(found)})


async def get(call: Call) -> web.Response:
    return _one(call, deployments.get(call.service.state, call.stack_key, call.params["deployment"]))


async def get_version(call: Call) -> web.Response:
    for deployment in call.service.state.list("deployment", call.stack_key):
        if str(deployment["version"]) == call.params["version"]:
            return _one(call, deployment)
    raise not_found(f"Deployment {call.params['version']}")


async def list_updates(call: Call) -> web.Response:
    state = call.service.state
    deployment = deployments.get(state, call.stack_key, call.params["deployment"])
    latest = stacks.get(state, call.stack_key)["version"]
    found = updates.of_deployment(state, deployment)
    return web.json_response([updates.render(update, latest, deployments.REQUESTED_BY) for update in found])


async def logs(call: Call) -> web.Response:
    """A stream to be followed by its tokens, or with ?step= the lines of one step."""
    state = call.service.state
    deployment = deployments.get(state, call.stack_key, call.params["deployment"])
    if "step" in call.request.query:
        offset, count = call.number("offset", 0), call.number("count", 100, least=1)
        found = [
            line for line in deployments.lines(state, deployment, call.number("step", 0)) if "line" in line
        ]
        more = {"nextOffset": offset + count} if offset + count < len(found) else {}
        return web.json_response({"lines": found[offset : offset + count], **more})
    start = call.number("continuationToken", 0)
    found = deployments.lines(state, deployment)
    page = found[start : start + _LINES]
    end = start + len(page)
    over = deployment["status"] in deployments.ENDED and end >= len(found)
    return web.json_response({"lines": page, **({} if over else {"nextToken": str(end)})})


async def cancel(call: Call) -> web.Response:
    deployment = deployments.get(call.service.state, call.stack_key, call.params["deployment"])
    await queue.cancel(call.service, deployment)
    return web.Response(status=204)


async def get_settings(call: Call) -> web.Response:
    settings = stacks.get(call.service.state, call.stack_key)["settings"]
    if settings is None:
        raise not_found("Deployment settings")
    return web.json_response(_without_secrets(settings))


async def patch_settings(call: Call) -> web.Response:
    """What is given replaces what is there, key by key."""
    settings = stacks.get(call.service.state, call.stack_key)["settings"] or {}
    return _save_settings(call, requests.merge(settings, requests.checked_settings(call.object_body())))


async def put_settings(call: Call) -> web.Response:
    return _save_settings(call, requests.checked_settings(call.object_body()))


async def delete_settings(call: Call) -> web.Response:
    _save_settings(call, None)
    return web.Response(status=204)


def _save_settings(call: Call, settings: Json | None) -> web.Response:
    stack = stacks.get(call.service.state, call.stack_key)
    stack["settings"] = settings
    stacks.save(call.service.state, stack)
    return web.json_response(_without_secrets(settings))


def _without_secrets(value: object) -> object:
    if isinstance(value, dict):
        if set(value) == {"secret"}:
            return {"ciphertext": "***"}
        return {key: _without_secrets(item) for key, item in value.items()}
    return value


def _snapshot(call: Call, deployment: Json) -> Json:
    found = updates.of_deployment(call.service.state, deployment)
    names = ("updateID", "version", "startTime", "endTime", "result", "kind", "message", "environment")
    return {
        **_common(deployment),
        "updates": [{"id": update["updateID"], **{name: update[name] for name in names}} for update in found],
    }


def _one(call: Call, deployment: Json) -> web.Response:
    latest = len(call.service.state.list("deployment", call.stack_key))
    return web.json_response(
        {
            **_common(deployment),
            "latestVersion": latest,
            "configuration": deployments.render_configuration(deployment),
            "inheritSettings": deployment["request"]["inheritSettings"],
        }
    )


def _common(deployment: Json) -> Json:
    _, project, stack = deployment["stack"].split("/")
    return {
        "id": deployment["id"],
        "created": deployment["created"],
        "modified": deployment["modified"],
        "status": deployment["status"],
        "version": deployment["version"],
        "requestedBy": deployments.REQUESTED_BY,
        "projectName": project,
        "stackName": stack,
        "pulumiOperation": deployment["request"]["operation"],
        "jobs": [deployments.render_job(deployment)],
        "initiator": "api",
    }


_DEPLOYMENTS = "/api/stacks/{org}/{project}/{stack}/deployments"
_ONE = f"{_DEPLOYMENTS}/{{deployment}}"
# Settings before deployments, as "settings" would pass for an id.
ROUTES = [
    Route("GET", f"{_DEPLOYMENTS}/settings", get_settings),
    Route("POST", f"{_DEPLOYMENTS}/settings", patch_settings),
    Route("PUT", f"{_DEPLOYMENTS}/settings", put_settings),
    Route("DELETE", f"{_DEPLOYMENTS}/settings", delete_settings),
    Route("POST", _DEPLOYMENTS, create),
    Route("GET", _DEPLOYMENTS, list_deployments),
    Route("GET", f"{_DEPLOYMENTS}/version/{{version}}", get_version),
    Route("GET", _ONE, get),
    Route("GET", f"{_ONE}/updates", list_updates),
    Route("GET", f"{_ONE}/logs", logs),
    Route("POST", f"{_ONE}/cancel", cancel),
]
