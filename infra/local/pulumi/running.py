"""Runs a deployment: source, program, then its operations, each an update of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from infra.local.emulation.state import Json
from infra.local.pulumi import clock, deployments, drift, stacks, updates
from infra.local.pulumi.applying import apply
from infra.local.pulumi.errors import ApiError, OperationFailed
from infra.local.pulumi.operation import Operation
from infra.local.pulumi.program import Program, read_program
from infra.local.pulumi.refreshing import refresh
from infra.local.pulumi.removal import destroy
from infra.local.pulumi.service import Service
from infra.local.pulumi.source import Credentials, Source

SETUP, SOURCE, DEPENDENCIES, PULUMI = range(4)
_KINDS = {
    "update": "update",
    "remediate-drift": "update",
    "preview": "preview",
    "refresh": "refresh",
    "detect-drift": "Prefresh",
    "destroy": "destroy",
}


async def run(service: Service, deployment: Json) -> None:
    """To its end; raises CancelledError where the process stops, with everything left to go on from."""
    state = service.state
    try:
        async with _step(service, deployment, SETUP):
            deployments.set_status(state, deployment, deployments.RUNNING)
        async with _step(service, deployment, SOURCE):
            source = _source(service, deployment)
            await _pin(service, deployment, source)
        async with _step(service, deployment, DEPENDENCIES):
            program = await _program(deployment, source)
        async with _step(service, deployment, PULUMI):
            await _operations(service, deployment, program)
    except OperationFailed:
        deployments.set_status(state, deployment, deployments.FAILED)
        return
    except asyncio.CancelledError:
        if deployment["id"] not in service.canceled:
            raise
        _end_canceled(service, deployment)
        return
    deployments.set_status(state, deployment, deployments.SUCCEEDED)
    if deployment["request"]["operation"] == "destroy" and deployments.options(deployment).get(
        "deleteAfterDestroy"
    ):
        stacks.delete(state, deployment["stack"], force=False)


@asynccontextmanager
async def _step(service: Service, deployment: Json, index: int) -> AsyncIterator[None]:
    deployments.set_step(service.state, deployment, index, "running")
    try:
        yield
    except OperationFailed as error:
        deployments.log(service.state, deployment, index, f"error: {error}")
        deployments.set_step(service.state, deployment, index, "failed")
        raise
    deployments.set_step(service.state, deployment, index, "succeeded")


def _source(service: Service, deployment: Json) -> Source:
    git = deployment["request"]["sourceContext"]["git"]
    auth = git.get("gitAuth") or {}
    basic, token = auth.get("basicAuth"), auth.get("accessToken")
    credentials = None
    if token:
        credentials = Credentials("", _plain(token))
    elif basic:
        credentials = Credentials(_plain(basic.get("userName")), _plain(basic.get("password")))
    elif service.options.git_password is not None:
        credentials = Credentials(service.options.git_username or "", service.options.git_password)
    return Source(service.sources, str(git["repoURL"]), credentials)


def _plain(value: object) -> str:
    return str(value.get("secret", "")) if isinstance(value, dict) else str(value or "")


async def _pin(service: Service, deployment: Json, source: Source) -> None:
    """What was fetched first is deployed, also if the branch moves while the deployment is resumed."""
    git = deployment["request"]["sourceContext"]["git"]
    commit = await source.resolve(git.get("branch"), deployment["commit"] or git.get("commit"))
    deployment["commit"] = commit
    deployments.save(service.state, deployment)
    deployments.log(service.state, deployment, SOURCE, f"HEAD is now at {commit}")


async def _program(deployment: Json, source: Source) -> Program:
    directory = str(deployment["request"]["sourceContext"]["git"].get("repoDir") or "")
    _, project, stack = deployment["stack"].split("/")
    settings = f"Pulumi.{stack}.yaml"
    files = await source.files(deployment["commit"], directory, "Pulumi.yaml", settings)
    if "Pulumi.yaml" not in files:
        raise OperationFailed(f"no Pulumi.yaml in {directory or '.'} at {deployment['commit']}")
    return read_program(files["Pulumi.yaml"], files.get(settings), project)


async def _operations(service: Service, deployment: Json, program: Program) -> None:
    operation = deployment["request"]["operation"]
    update = await _update(service, deployment, program, _KINDS[operation], 0)
    changed = drift.changes(update)
    if (
        operation == "detect-drift"
        and changed
        and deployments.options(deployment).get("remediateIfDriftDetected")
    ):
        await _update(service, deployment, program, "update", 1)


async def _update(service: Service, deployment: Json, program: Program, kind: str, index: int) -> Json:
    update = _begin(service, deployment, program, kind, index)
    if update["result"] == updates.SUCCEEDED:
        return update
    if update["result"] == updates.FAILED:
        raise OperationFailed("the update had failed when the deployment was taken up again")
    operation = Operation(service, update, partial(deployments.log, service.state, deployment, PULUMI))
    if not operation.recorder.resumed:
        operation.recorder.write("preludeEvent", {"config": _text(program)})
    operation.log(f"{'Previewing' if operation.preview else 'Updating'} ({kind} of {deployment['stack']})")
    try:
        if not operation.preview:
            _hold(service, update)
        await _work(deployment, operation, program, kind)
        _expect_no_changes(deployment, operation)
    except OperationFailed:
        finish(service, update, updates.FAILED)
        raise
    finish(service, update, updates.SUCCEEDED)
    return update


def _begin(service: Service, deployment: Json, program: Program, kind: str, index: int) -> Json:
    """The update that an earlier process began, or a new one."""
    state = service.state
    if index < len(deployment["updateIDs"]):
        found = state.get("update", deployment["stack"], deployment["updateIDs"][index])
        if found is not None:
            return found
    with state.transaction():
        update = updates.create(state, deployment["stack"], deployment, kind, _environment(deployment))
        update["config"] = {
            key: {"string": str(value), "secret": False, "object": isinstance(value, dict | list)}
            for key, value in program.config_keys.items()
        }
        updates.save(state, update)
        deployment["updateIDs"].append(update["updateID"])
        deployments.save(state, deployment)
    return update


def _hold(service: Service, update: Json) -> None:
    with service.state.transaction():
        try:
            stacks.hold(service.state, update["stack"], update["updateID"], update["kind"], "local")
        except ApiError as error:
            raise OperationFailed(f"[{error.status}] {error.message}") from error
        if not update["version"]:
            update["version"] = stacks.get(service.state, update["stack"])["version"] + 1
            updates.save(service.state, update)


async def _work(deployment: Json, operation: Operation, program: Program, kind: str) -> None:
    if kind in ("refresh", "Prefresh"):
        await refresh(operation)
        return
    environment = deployments.plain_environment(deployment)
    if (
        program.refresh
        or environment.get("PULUMI_OPTION_REFRESH", "").lower() in ("1", "true")
        or deployment["request"]["operation"] in ("remediate-drift", "detect-drift")
    ):
        await refresh(operation, before_update=True)
    await (destroy(operation) if kind == "destroy" else apply(operation, program))


def _expect_no_changes(deployment: Json, operation: Operation) -> None:
    asked = deployments.plain_environment(deployment).get("PULUMI_OPTION_EXPECT_NO_CHANGES", "")
    if asked.lower() in ("1", "true") and set(operation.recorder.resource_changes()) - {"same"}:
        raise OperationFailed("no changes were expected but changes were proposed")


def finish(service: Service, update: Json, result: str) -> None:
    """Record how an update ended; with a version it is one more of the stack's history."""
    state, stack = service.state, update["stack"]
    recorder = updates.Recorder(state, update)
    resources = state.list("resource", stack)
    with state.transaction():
        update["result"] = result
        update["endTime"] = clock.seconds()
        update["resourceChanges"] = recorder.resource_changes()
        update["resourceCount"] = len(resources)
        recorder.write(
            "summaryEvent",
            {
                "maybeCorrupt": False,
                "durationSeconds": update["endTime"] - update["startTime"],
                "resourceChanges": update["resourceChanges"],
                "PolicyPacks": {},
                "isPreview": update["kind"] in updates.PREVIEWS,
            },
        )
        updates.save(state, update)
        if update["version"]:
            state.put("checkpoint", stack, str(update["version"]), {"resources": resources})
            stacks.release(state, stack, update["updateID"], update["version"])


def _end_canceled(service: Service, deployment: Json) -> None:
    for update in updates.of_deployment(service.state, deployment):
        if update["result"] == updates.IN_PROGRESS:
            finish(service, update, updates.FAILED)
    for index, step in enumerate(deployment["steps"]):
        if step["status"] == "running":
            deployments.log(service.state, deployment, index, "error: the deployment was canceled")
            deployments.set_step(service.state, deployment, index, "failed")
    deployments.set_status(service.state, deployment, deployments.FAILED)


def _environment(deployment: Json) -> dict[str, str]:
    branch = deployment["request"]["sourceContext"]["git"].get("branch")
    named = {"git.headName": f"refs/heads/{branch.removeprefix('refs/heads/')}"} if branch else {}
    return {
        "exec.kind": "cli",
        "git.head": deployment["commit"],
        **named,
        "ci.system": "Pulumi Deploy",
        "ci.build.id": deployment["id"],
        "ci.build.number": str(deployment["version"]),
    }


def _text(program: Program) -> dict[str, str]:
    return {key: str(value) for key, value in program.config_keys.items()}
