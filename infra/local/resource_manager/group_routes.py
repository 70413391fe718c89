"""Resource groups, what is in them, and the versions of template specs."""

from __future__ import annotations

from aiohttp import web

from infra.local.resource_manager import resources
from infra.local.resource_manager.errors import ArmError, invalid_request
from infra.local.resource_manager.routing import GROUP, Call, Route


async def put_group(call: Call) -> web.Response:
    is_new = resources.put_group(call.service.state, call.group, call.object_body())
    found = resources.get_group(call.service.state, call.group)
    return web.json_response(found, status=201 if is_new else 200)


async def get_group(call: Call) -> web.Response:
    return web.json_response(resources.get_group(call.service.state, call.group))


async def list_resources(call: Call) -> web.Response:
    """Everything in the group, with what Azure computes."""
    group = resources.get_group(call.service.state, call.group)
    found = resources.in_group(call.service.state, group["id"])
    return web.json_response({"value": [resources.render(body) for body in found]})


async def put_template_spec(call: Call) -> web.Response:
    """One version; it may be written again, as in Azure."""
    state, body = call.service.state, call.object_body()
    resources.get_group(state, call.group)
    properties = body.get("properties")
    if not isinstance(properties, dict) or not isinstance(properties.get("mainTemplate"), dict):
        raise invalid_request("properties.mainTemplate must be an object.")
    identity = _spec_id(call)
    known = state.get("template-spec", "", identity.lower())
    document = {
        "id": identity,
        "name": call.params["version"],
        "type": "Microsoft.Resources/templateSpecs/versions",
        "location": str(body.get("location") or "westeurope"),
        "properties": properties,
    }
    state.put("template-spec", "", identity.lower(), document)
    return web.json_response(document, status=201 if known is None else 200)


async def get_template_spec(call: Call) -> web.Response:
    found = call.service.state.get("template-spec", "", _spec_id(call).lower())
    if found is None:
        raise ArmError(404, "TemplateSpecVersionNotFound", f"'{_spec_id(call)}' was not found.")
    return web.json_response(found)


def _spec_id(call: Call) -> str:
    spec = f"templateSpecs/{call.params['spec']}/versions/{call.params['version']}"
    return f"{call.group}/providers/Microsoft.Resources/{spec}"


_SPEC = f"{GROUP}/providers/Microsoft.Resources/templateSpecs/{{spec}}/versions/{{version}}"
ROUTES = [
    Route("PUT", GROUP, put_group),
    Route("GET", GROUP, get_group),
    Route("GET", f"{GROUP}/resources", list_resources),
    Route("PUT", _SPEC, put_template_spec),
    Route("GET", _SPEC, get_template_spec),
]
