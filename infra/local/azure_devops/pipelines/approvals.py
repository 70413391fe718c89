"""Approvals of environments: a stage whose deployment goes there waits until somebody decided."""

from __future__ import annotations

import asyncio

from infra.local.azure_devops import clock, events
from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.identities import identity_by_id
from infra.local.azure_devops.pipelines.cancellation import Cancellation
from infra.local.azure_devops.pipelines.model import Stage
from infra.local.azure_devops.pipelines.timeline import CANCELED, FAILED, SUCCEEDED, Timeline
from infra.local.emulation.state import Json

OPEN, APPROVED, REJECTED, WITHDRAWN = "pending", "approved", "rejected", "canceled"


def set_environment(emulator: Emulator, project_id: str, name: str, approvers: list[str]) -> Json:
    """An environment with an approval check; without approvers the check is gone."""
    body: Json = {"name": name, "approvers": approvers}
    emulator.state.put("environment", project_id, name.lower(), body)
    return body


def _guarded(emulator: Emulator, project_id: str, stage: Stage) -> list[Json]:
    """The environments of the stage that want an approval, each once."""
    names = dict.fromkeys(job.environment for job in stage.jobs if job.environment)
    found = (emulator.state.get("environment", project_id, name.lower()) for name in names)
    return [environment for environment in found if environment and environment["approvers"]]


async def await_approvals(
    emulator: Emulator, timeline: Timeline, stage: Stage, record: Json, cancellation: Cancellation
) -> str | None:
    """None to go on; else what the stage comes to without having run."""
    environments = _guarded(emulator, timeline.run["projectId"], stage)
    if not environments:
        return None
    identifier = f"{stage.name}.Checkpoint.{record['attempt']}"
    checkpoint = timeline.add("Checkpoint", identifier, "Checkpoint", parent=record["id"], order=1)
    if checkpoint["result"] == SUCCEEDED:
        return None
    if checkpoint["state"] == "pending":
        with emulator.state.transaction():
            timeline.begin(checkpoint)
            opened = [_open(emulator, timeline, stage, record, checkpoint, one) for one in environments]
            events.stage_changed(emulator, timeline.run, record)
    else:
        opened = [one["id"] for one in timeline.records() if one["parentId"] == checkpoint["id"]]
    outcome = None
    for approval_id in opened:
        outcome = outcome or await _outcome(emulator, timeline, approval_id, cancellation)
    timeline.complete(checkpoint, outcome or SUCCEEDED)
    if outcome == FAILED:
        record["rejected"] = True
        timeline.issue(record, "error", f"The approval of stage {stage.display_name} was rejected.")
    return outcome


def _open(
    emulator: Emulator,
    timeline: Timeline,
    stage: Stage,
    stage_record: Json,
    checkpoint: Json,
    environment: Json,
) -> str:
    identifier = f"{checkpoint['identifier']}.{environment['name']}"
    record = timeline.add(
        "Checkpoint.Approval", identifier, "Checkpoint.Approval", parent=checkpoint["id"], order=1
    )
    timeline.begin(record)
    moment = clock.now()
    approval: Json = {
        "id": record["id"],
        "projectId": timeline.run["projectId"],
        "runId": timeline.run["id"],
        "stage": stage.name,
        "attempt": stage_record["attempt"],
        "environment": environment["name"],
        "approvers": environment["approvers"],
        "status": OPEN,
        "createdOn": moment,
        "lastModifiedOn": moment,
        "comment": "",
        "decidedBy": None,
    }
    emulator.state.put("approval", approval["projectId"], approval["id"], approval)
    return str(record["id"])


async def _outcome(
    emulator: Emulator, timeline: Timeline, approval_id: str, cancellation: Cancellation
) -> str | None:
    """None for approved. The decision wakes whoever waits for it."""
    decided = emulator.decisions.setdefault(approval_id, asyncio.Event())
    project_id = timeline.run["projectId"]
    approval = emulator.state.get("approval", project_id, approval_id)
    while approval and approval["status"] == OPEN and not cancellation.told:
        await cancellation.unless_told(decided.wait())
        approval = emulator.state.get("approval", project_id, approval_id)
    emulator.decisions.pop(approval_id, None)
    if approval is None or approval["status"] == OPEN:
        approval = approval or {"id": approval_id}
        settle(emulator, {**approval, "projectId": project_id}, WITHDRAWN, "", None)
    results = {APPROVED: None, REJECTED: FAILED}
    result = results.get(str(approval["status"]), CANCELED)
    record = timeline.get(approval_id)
    if record is not None:
        timeline.complete(record, result or SUCCEEDED)
    return result


def settle(emulator: Emulator, approval: Json, status: str, comment: str, identity_id: str | None) -> Json:
    approval.update(status=status, comment=comment, decidedBy=identity_id, lastModifiedOn=clock.now())
    emulator.state.put("approval", approval["projectId"], approval["id"], approval)
    waiting = emulator.decisions.get(approval["id"])
    if waiting is not None:
        waiting.set()
    return approval


def render_approval(emulator: Emulator, approval: Json, run: Json | None, *, steps: bool) -> Json:
    url = f"{emulator.base_url}/_apis/pipelines/approvals/{approval['id']}"
    body: Json = {
        "id": approval["id"],
        "status": approval["status"],
        "createdOn": approval["createdOn"],
        "lastModifiedOn": approval["lastModifiedOn"],
        "executionOrder": "anyOrder",
        "minRequiredApprovers": 1,
        "blockedApprovers": [],
        "instructions": "",
        "permissions": "viewAndUpdate",
        "steps": [],
    }
    if run is not None:
        url = (
            f"{emulator.base_url}/{run['org']}/{run['projectId']}/_apis/pipelines/approvals/{approval['id']}"
        )
        body["pipeline"] = {
            "owner": {"id": run["id"], "name": run["buildNumber"]},
            "id": str(run["definitionId"]),
            "name": run["definitionName"],
        }
    if steps:
        decided = identity_by_id(approval["decidedBy"]) if approval["decidedBy"] else None
        body["steps"] = [
            {
                "assignedApprover": {"displayName": approver, "uniqueName": approver},
                "actualApprover": decided,
                "status": approval["status"],
                "comment": approval["comment"],
                "initiatedOn": approval["createdOn"],
                "lastModifiedOn": approval["lastModifiedOn"],
                "order": number,
                "history": [],
            }
            for number, approver in enumerate(approval["approvers"], 1)
        ]
    body["_links"] = {"self": {"href": url}}
    return body
