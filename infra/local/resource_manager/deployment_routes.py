"""Deployments of a resource group: put, get, list, what-if, operations, cancel."""

from __future__ import annotations

import uuid

from aiohttp import web

from infra.local.resource_manager import deployments, requests, resources, running, what_if
from infra.local.resource_manager.errors import ArmError, deployment_not_found
from infra.local.resource_manager.routing import GROUP, Call, Route


async def put(call: Call) -> web.Response:
    """201 for a new name, 200 for one that is used again; the template is checked before either."""
    service, name = call.service, call.params["name"]
    requests.check_name(name)
    group = resources.get_group(service.state, call.group)
    request = requests.read(service.state, call.object_body())
    template = running.template_of(service, group, name, request)
    with service.state.transaction():
        deployment, is_new = deployments.create(service.state, group, name, request, template)
    answer = deployments.render(deployment)
    running.start(service, deployment)
    headers = {"Azure-AsyncOperation": _url(call, "operationStatuses", deployment["run"]), "Retry-After": "0"}
    return web.json_response(answer, status=201 if is_new else 200, headers=headers)


async def get(call: Call) -> web.Response:
    found = deployments.get(call.service.state, call.group, call.params["name"])
    return web.json_response(deployments.render(found))


async def list_deployments(call: Call) -> web.Response:
    """Newest first."""
    resources.get_group(call.service.state, call.group)
    found = call.service.state.list("deployment", call.group.lower())
    found.sort(key=lambda deployment: float(deployment["began"]), reverse=True)
    return web.json_response({"value": [deployments.render(deployment) for deployment in found]})


async def list_operations(call: Call) -> web.Response:
    found = deployments.get(call.service.state, call.group, call.params["name"])
    return web.json_response({"value": found["operations"]})


async def get_status(call: Call) -> web.Response:
    """What the header Azure-AsyncOperation leads to."""
    run = call.service.state.get("run", "", call.params["operation"])
    if run is None:
        raise deployment_not_found(call.params["operation"])
    found = deployments.get(call.service.state, run["group"], run["name"])
    error = {"error": found["error"]} if found["error"] else {}
    return web.json_response({"status": found["state"], **error})


async def start_what_if(call: Call) -> web.Response:
    """Accepted; the Location leads to the result, also when the template turns out to be invalid."""
    service, name = call.service, call.params["name"]
    requests.check_name(name)
    group = resources.get_group(service.state, call.group)
    body = call.object_body()
    request = requests.read(service.state, body)
    settings = body["properties"].get("whatIfSettings") or {}
    result_format = str(settings.get("resultFormat") or "FullResourcePayloads")
    operation = str(uuid.uuid4())
    try:
        template = running.template_of(service, group, name, request)
        found = what_if.changes(service.state, template, group["id"], request["mode"], result_format)
        result = {"status": "Succeeded", "properties": {"correlationId": operation, "changes": found}}
    except ArmError as error:
        result = {"status": "Failed", "error": error.error()}
    service.state.put("what-if", "", operation, {"asked": False, "result": result})
    headers = {"Location": _url(call, "operationresults", operation), "Retry-After": "0"}
    return web.Response(status=202, headers=headers)


async def get_what_if(call: Call) -> web.Response:
    """The first look finds it unfinished, so that nobody relies on the result being there at once."""
    state, operation = call.service.state, call.params["operation"]
    found = state.get("what-if", "", operation)
    if found is None:
        raise ArmError(404, "NotFound", f"The operation '{operation}' was not found.")
    if not found["asked"]:
        state.put("what-if", "", operation, {**found, "asked": True})
        headers = {"Location": _url(call, "operationresults", operation), "Retry-After": "0"}
        return web.Response(status=202, headers=headers)
    return web.json_response(found["result"])


async def cancel(call: Call) -> web.Response:
    found = deployments.get(call.service.state, call.group, call.params["name"])
    await running.cancel(call.service, found)
    return web.Response(status=204)


def _url(call: Call, kind: str, operation: str) -> str:
    version = call.request.query.get("api-version", "")
    subscription = call.params["subscription"]
    base = call.service.base_url
    return f"{base}/subscriptions/{subscription}/{kind}/{operation}?api-version={version}"


_DEPLOYMENTS = f"{GROUP}/providers/Microsoft.Resources/deployments"
_ONE = f"{_DEPLOYMENTS}/{{name}}"
ROUTES = [
    Route("PUT", _ONE, put),
    Route("GET", _ONE, get),
    Route("GET", _DEPLOYMENTS, list_deployments),
    Route("GET", f"{_ONE}/operations", list_operations),
    Route("POST", f"{_ONE}/whatIf", start_what_if),
    Route("POST", f"{_ONE}/cancel", cancel),
    Route("GET", "/subscriptions/{subscription}/operationStatuses/{operation}", get_status),
    Route("GET", "/subscriptions/{subscription}/operationresults/{operation}", get_what_if),
]
