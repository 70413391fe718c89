"""Deployments as documents, and how the API shows them and their operations."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime

from infra.local.emulation.state import Json, State
from infra.local.resource_manager.errors import ArmError, deployment_active, deployment_not_found
from infra.local.resource_manager.template import Template

ACCEPTED, RUNNING, SUCCEEDED, FAILED, CANCELED = "Accepted", "Running", "Succeeded", "Failed", "Canceled"
ACTIVE = frozenset({ACCEPTED, RUNNING})


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")


def create(state: State, group: Json, name: str, request: Json, template: Template) -> tuple[Json, bool]:
    """A deployment in place of the last one of its name, and whether it is the first; raises 409."""
    scope = group["id"].lower()
    known = state.get("deployment", scope, name.lower())
    if known is not None and known["state"] in ACTIVE:
        raise deployment_active(name)
    deployment: Json = {
        "id": f"{group['id']}/providers/Microsoft.Resources/deployments/{name}",
        "group": group["id"],
        "name": name,
        "run": str(uuid.uuid4()),
        "request": request,
        "mode": request["mode"],
        "hash": template.hash,
        "parameters": template.render_parameters(),
        "state": ACCEPTED,
        "began": time.time(),
        "timestamp": now(),
        "duration": 0.0,
        "operations": [],
        "outputs": None,
        "error": None,
    }
    save(state, deployment)
    state.put("run", "", deployment["run"], {"group": scope, "name": name.lower()})
    return deployment, known is None


def save(state: State, deployment: Json) -> None:
    deployment["timestamp"] = now()
    deployment["duration"] = time.time() - deployment["began"]
    state.put("deployment", deployment["group"].lower(), deployment["name"].lower(), deployment)


def get(state: State, group_id: str, name: str) -> Json:
    """Raises DeploymentNotFound."""
    found = state.get("deployment", group_id.lower(), name.lower())
    if found is None:
        raise deployment_not_found(name)
    return found


def add_operation(
    state: State, deployment: Json, resource: Json, kind: str, error: ArmError | None = None
) -> None:
    """kind is Create, Delete or EvaluateDeploymentOutput."""
    operation_id = uuid.uuid5(uuid.NAMESPACE_URL, f"{deployment['run']} {kind} {resource['id']}").hex.upper()
    body: Json = {
        "provisioningOperation": kind,
        "provisioningState": FAILED if error else SUCCEEDED,
        "timestamp": now(),
        "duration": "PT0S",
        "statusCode": "Conflict" if error else "OK",
        "targetResource": {
            "id": resource["id"],
            "resourceType": resource["type"],
            "resourceName": resource["name"],
        },
    }
    if error is not None:
        body["statusMessage"] = {"error": error.error()}
    deployment["operations"].append(
        {
            "id": f"{deployment['id']}/operations/{operation_id}",
            "operationId": operation_id,
            "properties": body,
        }
    )
    save(state, deployment)


def has_done(deployment: Json, resource_id: str) -> bool:
    return any(
        operation["properties"]["targetResource"]["id"].lower() == resource_id.lower()
        and operation["properties"]["provisioningState"] == SUCCEEDED
        for operation in deployment["operations"]
    )


def render(deployment: Json) -> Json:
    request = deployment["request"]
    properties: Json = {
        "templateHash": deployment["hash"],
        "parameters": deployment["parameters"],
        "mode": deployment["mode"],
        "provisioningState": deployment["state"],
        "timestamp": deployment["timestamp"],
        "duration": f"PT{deployment['duration']:.7f}S",
        "correlationId": deployment["run"],
        "providers": [],
        "dependencies": [],
    }
    if request.get("templateLink"):
        properties["templateLink"] = request["templateLink"]
    if deployment["state"] == SUCCEEDED:
        properties["outputs"] = deployment["outputs"]
        properties["outputResources"] = [
            {"id": operation["properties"]["targetResource"]["id"]}
            for operation in deployment["operations"]
            if operation["properties"]["provisioningOperation"] == "Create"
        ]
    if deployment["error"]:
        properties["error"] = deployment["error"]
    return {
        "id": deployment["id"],
        "name": deployment["name"],
        "type": "Microsoft.Resources/deployments",
        "tags": request.get("tags") or {},
        "properties": properties,
    }
