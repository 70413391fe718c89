"""Drift runs: every preview of a refresh is one, and the newest says whether the stack has drifted."""

from __future__ import annotations

from infra.local.emulation.state import Json, State
from infra.local.pulumi import deployments, updates


def changes(update: Json) -> int:
    counts: dict[str, int] = update["resourceChanges"]
    return sum(count for op, count in counts.items() if op != "same")


def runs(state: State, stack: str) -> list[Json]:
    """Newest first."""
    found = [
        _run(state, deployment)
        for deployment in state.list("deployment", stack)
        if deployment["request"]["operation"] == "detect-drift"
    ]
    return found[::-1]


def _run(state: State, deployment: Json) -> Json:
    run: Json = {
        "id": deployment["id"],
        "driftDetected": False,
        "created": deployment["created"],
        "status": deployment["status"],
        "deploymentId": deployment["id"],
        "deploymentVersion": deployment["version"],
    }
    for update in updates.of_deployment(state, deployment):
        detects = update["kind"] in updates.PREVIEWS
        run["detectUpdate" if detects else "remediateUpdate"] = {
            "updateId": update["updateID"],
            "resourceChanges": update["resourceChanges"],
            "modified": deployment["modified"],
            "status": _status(update),
        }
        if detects and update["result"] == updates.SUCCEEDED:
            run["driftDetected"] = changes(update) > 0
    return run


def _status(update: Json) -> str:
    known = {updates.SUCCEEDED: deployments.SUCCEEDED, updates.FAILED: deployments.FAILED}
    return known.get(update["result"], deployments.RUNNING)


def status(state: State, stack: str) -> Json:
    found = runs(state, stack)
    ended = [run for run in found if run["status"] in deployments.ENDED]
    return {
        "driftDetected": bool(ended) and ended[0]["driftDetected"],
        "latestDriftRun": found[0]["id"] if found else "",
        "runInProgress": any(run["status"] not in deployments.ENDED for run in found),
    }
