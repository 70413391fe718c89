"""Approvals over REST, and the environments that want them."""

from __future__ import annotations

from infra.local.azure_devops.errors import ApiError, invalid_argument, not_found
from infra.local.azure_devops.pipelines.approvals import (
    APPROVED,
    OPEN,
    REJECTED,
    render_approval,
    set_environment,
    settle,
)
from infra.local.azure_devops.pipelines.run_store import find_run
from infra.local.azure_devops.projects import project_of
from infra.local.azure_devops.routing import Answer, Call, Route, listing
from infra.local.emulation.state import Json


def _find(call: Call, approval_id: str) -> Json:
    found = call.emulator.state.get("approval", project_of(call)["id"], approval_id.lower())
    if found is None:
        raise not_found("ApprovalNotFoundException", f"The approval {approval_id} was not found.")
    return found


def _render(call: Call, approval: Json, *, steps: bool = True) -> Json:
    run = find_run(call.emulator, approval["projectId"], approval["runId"])
    return render_approval(call.emulator, approval, run, steps=steps)


async def list_approvals(call: Call) -> Answer:
    found = call.emulator.state.list("approval", project_of(call)["id"], call.lag)
    if state := call.query.get("state"):
        found = [one for one in found if state.lower() in ("undefined", one["status"].lower())]
    if wanted := call.query.get("approvalids"):
        ids = {one.strip().lower() for one in wanted.split(",")}
        found = [one for one in found if one["id"] in ids]
    if top := call.number("top", "$top", default=0):
        found = found[:top]
    steps = call.query.get("$expand", "").lower() == "steps"
    return listing([_render(call, one, steps=steps) for one in found])


async def get_approval(call: Call) -> Answer:
    return Answer(200, _render(call, _find(call, call.params["approval"])))


async def update_approvals(call: Call) -> Answer:
    """All decisions of the request, or none when one of them can't be taken."""
    if not isinstance(call.body, list) or not call.body:
        raise invalid_argument("The request body must be a list of approvals to update.")
    decisions: list[tuple[Json, str, str]] = []
    for one in call.body:
        if not isinstance(one, dict) or one.get("status") not in (APPROVED, REJECTED):
            raise invalid_argument("status must be approved or rejected.")
        approval = _find(call, str(one.get("approvalId")))
        if approval["status"] != OPEN:
            raise ApiError(
                400,
                "ApprovalCompletedException",
                f"The approval {approval['id']} is already completed with status {approval['status']}.",
            )
        decisions.append((approval, str(one["status"]), str(one.get("comment") or "")))
    with call.emulator.state.transaction():
        settled = [
            settle(call.emulator, approval, status, comment, call.identity.id)
            for approval, status, comment in decisions
        ]
    return listing([_render(call, approval) for approval in settled])


async def put_environment(call: Call) -> Answer:
    approvers = call.object_body().get("approvers")
    if not isinstance(approvers, list):
        raise invalid_argument("approvers must be a list of names.")
    names = [str(approver) for approver in approvers]
    body = set_environment(call.emulator, project_of(call)["id"], call.params["environment"], names)
    return Answer(200, body)


_APPROVALS = "/{org}/{project}/_apis/pipelines/approvals"

ROUTES = [
    Route("GET", _APPROVALS, list_approvals),
    Route("PATCH", _APPROVALS, update_approvals),
    Route("GET", _APPROVALS + "/{approval}", get_approval),
    Route("PUT", "/_local/environments/{org}/{project}/{environment}", put_environment),
]
