"""Branch policy configurations over REST."""

from __future__ import annotations

from typing import Any

from infra.local.azure_devops import clock
from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.errors import ApiError, invalid_argument, not_found
from infra.local.azure_devops.evaluation_schedule import policies_changed
from infra.local.azure_devops.identities import LOCAL_USER
from infra.local.azure_devops.policy_types import POLICY_TYPES, STATUS
from infra.local.azure_devops.projects import project_of
from infra.local.azure_devops.routing import Answer, Call, Route, listing
from infra.local.emulation.state import Json


def render_policy(emulator: Emulator, org: str, policy: Json) -> Json:
    project_url = f"{emulator.base_url}/{org}/{policy['projectId']}/_apis/policy"
    type_id = policy["typeId"]
    return {
        "id": policy["id"],
        "revision": policy["revision"],
        "isEnabled": policy["isEnabled"],
        "isBlocking": policy["isBlocking"],
        "isDeleted": False,
        "isEnterpriseManaged": False,
        "settings": policy["settings"],
        "type": {
            "id": type_id,
            "displayName": POLICY_TYPES[type_id],
            "url": f"{project_url}/types/{type_id}",
        },
        "createdBy": LOCAL_USER.render(),
        "createdDate": policy["createdDate"],
        "url": f"{project_url}/configurations/{policy['id']}",
    }


async def list_types(call: Call) -> Answer:
    url = f"{call.emulator.base_url}/{call.org}/{project_of(call)['id']}/_apis/policy/types"
    return listing(
        [{"id": key, "displayName": name, "url": f"{url}/{key}"} for key, name in POLICY_TYPES.items()]
    )


async def create_policy(call: Call) -> Answer:
    project, state = project_of(call), call.emulator.state
    values = _checked(call.object_body())
    with state.transaction():
        policy: Json = {
            **values,
            "id": state.next_number(f"policy/{call.org.lower()}"),
            "projectId": project["id"],
            "revision": 1,
            "createdDate": clock.now(),
        }
        state.put("policy", project["id"], str(policy["id"]), policy)
        policies_changed(call.emulator, project["id"])
    return Answer(200, render_policy(call.emulator, call.org, policy))


async def list_policies(call: Call) -> Answer:
    found = call.emulator.state.list("policy", project_of(call)["id"], call.lag)
    if type_id := call.query.get("policytype"):
        found = [policy for policy in found if policy["typeId"] == type_id.lower()]
    after = call.query.get("continuationtoken")
    if after is not None:
        found = [policy for policy in found if policy["id"] > int(after)]
    top = call.number("$top", "top", default=len(found) or 1)
    headers = {}
    if len(found) > top > 0:
        found = found[:top]
        headers["x-ms-continuationtoken"] = str(found[-1]["id"])
    return listing([render_policy(call.emulator, call.org, policy) for policy in found], headers)


def _policy_of(call: Call) -> Json:
    found = call.emulator.state.get("policy", project_of(call)["id"], call.params["policy"])
    if found is None:
        raise not_found(
            "PolicyConfigurationNotFoundException",
            f"TF402459: The policy configuration {call.params['policy']} does not exist.",
        )
    return found


async def get_policy(call: Call) -> Answer:
    return Answer(200, render_policy(call.emulator, call.org, _policy_of(call)))


async def replace_policy(call: Call) -> Answer:
    policy = _policy_of(call)
    policy = {**policy, **_checked(call.object_body()), "revision": policy["revision"] + 1}
    with call.emulator.state.transaction():
        call.emulator.state.put("policy", policy["projectId"], str(policy["id"]), policy)
        policies_changed(call.emulator, policy["projectId"])
    return Answer(200, render_policy(call.emulator, call.org, policy))


async def delete_policy(call: Call) -> Answer:
    policy = _policy_of(call)
    with call.emulator.state.transaction():
        call.emulator.state.delete("policy", policy["projectId"], str(policy["id"]))
        policies_changed(call.emulator, policy["projectId"])
    return Answer(204)


def _checked(body: Json) -> Json:
    """The fields that a client may set, or the refusal of what the service would not take."""
    type_id = str((body.get("type") or {}).get("id", "")).lower()
    if type_id not in POLICY_TYPES:
        raise ApiError(
            404, "PolicyTypeNotFoundException", f"TF402457: The policy type '{type_id}' does not exist."
        )
    settings: Any = body.get("settings")
    if not isinstance(settings, dict):
        raise invalid_argument("A policy configuration must have settings.")
    scopes = settings.get("scope")
    if not isinstance(scopes, list) or not scopes or not all(isinstance(scope, dict) for scope in scopes):
        raise invalid_argument("settings.scope must name at least one branch.")
    if type_id == STATUS and not settings.get("statusName"):
        raise invalid_argument("settings.statusName is required.")
    for name in ("isEnabled", "isBlocking"):
        if not isinstance(body.get(name), bool):
            raise invalid_argument(f"{name} must be true or false.")
    return {
        "typeId": type_id,
        "isEnabled": body["isEnabled"],
        "isBlocking": body["isBlocking"],
        "settings": settings,
    }


_POLICY = "/{org}/{project}/_apis/policy"

ROUTES = [
    Route("GET", _POLICY + "/types", list_types),
    Route("POST", _POLICY + "/configurations", create_policy),
    Route("GET", _POLICY + "/configurations", list_policies),
    Route("GET", _POLICY + "/configurations/{policy}", get_policy),
    Route("PUT", _POLICY + "/configurations/{policy}", replace_policy),
    Route("DELETE", _POLICY + "/configurations/{policy}", delete_policy),
]
