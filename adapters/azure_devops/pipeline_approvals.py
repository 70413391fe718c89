"""The gates of the service's own environments: a run's are records of its timeline."""

from urllib.parse import quote

from adapters.azure_devops.client import Api
from adapters.azure_devops.errors import Refusal
from adapters.azure_devops.paging import Json, together
from adapters.azure_devops.run_view import require_run, timeline
from domain.kernel.errors import Rejected
from domain.provided import ProvidedApproval

_RECORD = "Checkpoint.Approval"
_PATH = "pipelines/approvals"
_PREVIEW = {"api-version": "7.1-preview.1"}
# What the service calls by other names.
_STATUSES = {
    "undefined": "pending",
    "uninitiated": "pending",
    "deferred": "pending",
    "skipped": "canceled",
    "failed": "rejected",
}


async def read_approvals(api: Api, run_id: int) -> list[ProvidedApproval]:
    await require_run(api, run_id)
    ids = [str(record["id"]) for record in await timeline(api, run_id) if record["type"] == _RECORD]
    found = await together(*(_read(api, id) for id in ids))
    return [_provided(raw, run_id) for raw in found if raw is not None]


async def decide(api: Api, approval_id: str, approved: bool, comment: str) -> ProvidedApproval:
    wanted = "approved" if approved else "rejected"
    found = await _required(api, approval_id)
    if found.status == "pending":
        try:
            body = [{"approvalId": approval_id, "status": wanted, "comment": comment}]
            await api.request("PATCH", _PATH, query=_PREVIEW, body=body)
        except Refusal:
            # Decided meanwhile, perhaps by an earlier try of ours: then what was decided is the answer.
            found = await _required(api, approval_id)
            if found.status == "pending":
                raise
        found = await _required(api, approval_id)
    # It stays pending where the gate wants others to approve, too.
    if found.status not in (wanted, "pending"):
        raise Rejected(f"approval {approval_id} is {found.status} already")
    return found


async def _read(api: Api, approval_id: str) -> Json | None:
    found: Json | None = await api.find(f"{_PATH}/{quote(approval_id, safe='')}", _PREVIEW)
    return found


async def _required(api: Api, approval_id: str) -> ProvidedApproval:
    raw = await _read(api, approval_id)
    if raw is None:
        raise Rejected(f"approval {approval_id} does not exist")
    return _provided(raw, 0)


def _provided(raw: Json, run_id: int) -> ProvidedApproval:
    owner = (raw.get("pipeline") or {}).get("owner") or {}
    status = str(raw.get("status") or "pending")
    return ProvidedApproval(str(raw["id"]), int(owner.get("id") or run_id), _STATUSES.get(status, status))
