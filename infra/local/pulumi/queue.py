"""The queue of a stack: deployments run one at a time, in the order in which they were asked for."""

from __future__ import annotations

import asyncio
import logging

from infra.local.emulation.state import Json
from infra.local.pulumi import deployments
from infra.local.pulumi.errors import conflict
from infra.local.pulumi.running import run
from infra.local.pulumi.service import Service

_log = logging.getLogger(__name__)


def wake(service: Service, stack: str) -> None:
    """Work off the queue of a stack, unless that goes on already."""
    if stack not in service.queues:
        service.queues[stack] = asyncio.create_task(_work_off(service, stack))


def resume(service: Service) -> None:
    """Take up what an earlier process had accepted."""
    for deployment in service.state.list("deployment"):
        if deployment["status"] not in deployments.ENDED:
            wake(service, deployment["stack"])


async def cancel(service: Service, deployment: Json) -> None:
    """Stop it where it stands, or take it out of the queue; raises 409 when it has ended."""
    if deployment["status"] in deployments.ENDED:
        raise conflict("the deployment is not in progress")
    task = service.running.get(deployment["id"])
    if task is None:
        deployments.set_status(service.state, deployment, deployments.FAILED)
        return
    service.canceled.add(deployment["id"])
    task.cancel()
    await asyncio.wait([task])


async def _work_off(service: Service, stack: str) -> None:
    try:
        while (deployment := _next(service, stack)) is not None:
            task = asyncio.create_task(run(service, deployment))
            service.running[deployment["id"]] = task
            try:
                await asyncio.wait([task])
            finally:
                del service.running[deployment["id"]]
            if task.cancelled():
                if deployment["id"] not in service.canceled:
                    return
                # Canceled before its first step.
                deployments.set_status(service.state, deployment, deployments.FAILED)
            elif error := task.exception():
                _log.error("deployment %s broke", deployment["id"], exc_info=error)
                deployments.set_status(service.state, deployment, deployments.FAILED)
    finally:
        service.queues.pop(stack, None)


def _next(service: Service, stack: str) -> Json | None:
    """What ran when an earlier process ended comes first; superseded ones may be skipped."""
    waiting = [d for d in service.state.list("deployment", stack) if d["status"] not in deployments.ENDED]
    waiting.sort(key=lambda deployment: deployment["status"] == deployments.NOT_STARTED)
    while waiting:
        first = waiting.pop(0)
        superseded = any(d["request"]["operation"] == first["request"]["operation"] for d in waiting)
        if (
            first["status"] == deployments.NOT_STARTED
            and superseded
            and deployments.options(first).get("skipIntermediateDeployments")
        ):
            deployments.set_status(service.state, first, deployments.SKIPPED)
            continue
        if first["status"] == deployments.NOT_STARTED:
            deployments.set_status(service.state, first, deployments.ACCEPTED)
        return first
    return None
