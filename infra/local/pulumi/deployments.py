"""Deployments as documents, with the jobs, steps and log lines of each."""

from __future__ import annotations

import uuid

from infra.local.emulation.state import Json, State
from infra.local.pulumi import clock
from infra.local.pulumi.errors import not_found

NOT_STARTED, ACCEPTED, RUNNING = "not-started", "accepted", "running"
FAILED, SUCCEEDED, SKIPPED = "failed", "succeeded", "skipped"
STATUSES = frozenset({NOT_STARTED, ACCEPTED, RUNNING, FAILED, SUCCEEDED, SKIPPED})
ENDED = frozenset({FAILED, SUCCEEDED, SKIPPED})
REQUESTED_BY = {"name": "Local", "githubLogin": "local", "avatarUrl": ""}


def create(state: State, stack: str, request: Json) -> Json:
    """The effective request: what was asked for, over the stack's settings where it inherits them."""
    steps = ("Setup", "Get source", "Download dependencies", f"pulumi {request['operation']}")
    deployment: Json = {
        "id": str(uuid.uuid4()),
        "stack": stack,
        "version": state.next_number(f"deployment {stack}"),
        "created": clock.spaced(),
        "modified": clock.spaced(),
        "status": NOT_STARTED,
        "request": request,
        "commit": None,
        "updateIDs": [],
        "started": clock.NEVER,
        "lastUpdated": clock.NEVER,
        "steps": [
            {
                "name": name,
                "status": NOT_STARTED,
                "started": clock.NEVER,
                "lastUpdated": clock.NEVER,
            }
            for name in steps
        ],
    }
    save(state, deployment)
    return deployment


def save(state: State, deployment: Json) -> None:
    deployment["modified"] = clock.spaced()
    state.put("deployment", deployment["stack"], deployment["id"], deployment)


def get(state: State, stack: str, deployment_id: str) -> Json:
    """Raises 404."""
    found = state.get("deployment", stack, deployment_id)
    if found is None:
        raise not_found(f"Deployment '{deployment_id}'")
    return found


def set_status(state: State, deployment: Json, status: str) -> None:
    deployment["status"] = status
    deployment["lastUpdated"] = clock.iso()
    if status == RUNNING and deployment["started"] == clock.NEVER:
        deployment["started"] = clock.iso()
    save(state, deployment)


def set_step(state: State, deployment: Json, index: int, status: str) -> None:
    step = deployment["steps"][index]
    if step["started"] == clock.NEVER:
        step["started"] = clock.iso()
        _append(state, deployment, index, {"header": step["name"], "timestamp": clock.iso()})
    step["status"] = status
    step["lastUpdated"] = deployment["lastUpdated"] = clock.iso()
    save(state, deployment)


def log(state: State, deployment: Json, index: int, text: str) -> None:
    _append(state, deployment, index, {"timestamp": clock.iso(), "line": f"{text}\n"})


def lines(state: State, deployment: Json, index: int | None = None) -> list[Json]:
    """Log lines of one step or of all, headers included."""
    found = state.list("log", deployment["id"])
    return [entry["line"] for entry in found if index is None or entry["step"] == index]


def _append(state: State, deployment: Json, index: int, line: Json) -> None:
    key = f"{state.next_number('log'):012}"
    state.put("log", deployment["id"], key, {"step": index, "line": line})


def plain_environment(deployment: Json) -> dict[str, str]:
    """The environment variables that are no secrets."""
    given = deployment["request"]["operationContext"].get("environmentVariables") or {}
    return {name: str(value) for name, value in given.items() if not isinstance(value, dict)}


def options(deployment: Json) -> Json:
    found: Json = deployment["request"]["operationContext"].get("options") or {}
    return found


def render_job(deployment: Json) -> Json:
    return {
        "status": deployment["status"],
        "started": deployment["started"],
        "lastUpdated": deployment["lastUpdated"],
        "steps": deployment["steps"],
    }


def render_configuration(deployment: Json) -> Json:
    """Secret values are told by name only."""
    context = deployment["request"]["operationContext"]
    given = context.get("environmentVariables") or {}
    variables: list[Json] = [
        {"name": name, "secret": True}
        if isinstance(value, dict)
        else {"name": name, "value": str(value), "secret": False}
        for name, value in given.items()
    ]
    variables += [
        {"name": "PULUMI_CI_BUILD_ID", "value": deployment["id"], "secret": False},
        {"name": "PULUMI_CI_BUILD_NUMBER", "value": str(deployment["version"]), "secret": False},
        {"name": "PULUMI_CI_SYSTEM", "value": "Pulumi Deploy", "secret": False},
    ]
    git = deployment["request"]["sourceContext"]["git"]
    shown = {name: git[name] for name in ("repoURL", "branch", "commit", "repoDir") if git.get(name)}
    return {"environmentVariables": variables, "source": {"git": shown}}
