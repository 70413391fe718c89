"""Runs a deployment: each resource after what it depends on, then outputs, then what has to go."""

from __future__ import annotations

import asyncio
import logging

from infra.local.emulation.state import Json
from infra.local.resource_manager import deployments, resources
from infra.local.resource_manager.errors import ArmError
from infra.local.resource_manager.expressions import Unresolved
from infra.local.resource_manager.service import Service
from infra.local.resource_manager.template import Template
from infra.local.resource_manager.what_if import COMPLETE

_log = logging.getLogger(__name__)


def template_of(service: Service, group: Json, name: str, request: Json) -> Template:
    """The template that a request brings with it; templateLink was looked up when it came."""
    return Template(
        request["template"],
        request["parameters"],
        group,
        name,
        lambda identity: resources.lookup(service.state, identity),
    )


def start(service: Service, deployment: Json) -> None:
    task = asyncio.create_task(_run(service, deployment))
    service.running[deployment["run"]] = task
    task.add_done_callback(lambda _: service.running.pop(deployment["run"], None))


def resume(service: Service) -> None:
    """Take up what an earlier process had accepted."""
    for deployment in service.state.list("deployment"):
        if deployment["state"] in deployments.ACTIVE:
            start(service, deployment)


async def cancel(service: Service, deployment: Json) -> None:
    """Raises 409 when it has ended."""
    task = service.running.get(deployment["run"])
    if task is None:
        message = f"Deployment '{deployment['name']}' is not running."
        raise ArmError(409, "DeploymentCannotBeCancelled", message)
    task.cancel()
    await asyncio.wait([task])
    fresh = deployments.get(service.state, deployment["group"], deployment["name"])
    if fresh["state"] in deployments.ACTIVE:
        fresh["state"] = deployments.CANCELED
        deployments.save(service.state, fresh)


async def _run(service: Service, deployment: Json) -> None:
    state = service.state
    try:
        # Whoever asks right after the PUT sees what the PUT said.
        await asyncio.sleep(service.pace)
        deployment["state"] = deployments.RUNNING
        deployments.save(state, deployment)
        group = resources.get_group(state, deployment["group"])
        template = template_of(service, group, deployment["name"], deployment["request"])
        for declared in template.resources:
            if not deployments.has_done(deployment, declared.id):
                await _create(service, deployment, template.body_of(declared))
        if deployment["mode"] == COMPLETE:
            await _delete_others(service, deployment, template)
        deployment["outputs"] = template.outputs()
        deployment["state"] = deployments.SUCCEEDED
    except ArmError as error:
        _fail(deployment, error)
    except Unresolved as error:
        _fail(deployment, ArmError(404, "ResourceNotFound", f"The resource '{error}' was not found."))
    except Exception:
        _log.exception("deployment %s broke", deployment["name"])
        _fail(deployment, ArmError(500, "InternalServerError", "There is an internal error."))
    deployments.save(state, deployment)


async def _create(service: Service, deployment: Json, body: Json) -> None:
    await asyncio.sleep(service.pace)
    _refuse(service, deployment, body, "Create")
    with service.state.transaction():
        resources.put(service.state, body)
        deployments.add_operation(service.state, deployment, body, "Create")


async def _delete_others(service: Service, deployment: Json, template: Template) -> None:
    declared = {resource.id.lower() for resource in template.resources}
    for body in reversed(resources.in_group(service.state, deployment["group"])):
        if body["id"].lower() not in declared:
            await asyncio.sleep(service.pace)
            _refuse(service, deployment, body, "Delete")
            with service.state.transaction():
                resources.delete(service.state, body["id"])
                deployments.add_operation(service.state, deployment, body, "Delete")


def _refuse(service: Service, deployment: Json, body: Json, kind: str) -> None:
    failure = service.failures.take(body["id"])
    if failure is not None:
        error = ArmError(409, failure.code, failure.message)
        deployments.add_operation(service.state, deployment, body, kind, error)
        raise error


def _fail(deployment: Json, error: ArmError) -> None:
    deployment["state"] = deployments.FAILED
    deployment["error"] = {
        "code": "DeploymentFailed",
        "message": "At least one resource deployment operation failed.",
        "details": [error.error()],
    }
