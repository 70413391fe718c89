"""A run as the service has it: its build, and of its timeline the stages and jobs of the latest attempt."""

from collections.abc import Iterator

from adapters.azure_devops.branches import branch_of
from adapters.azure_devops.client import Api
from adapters.azure_devops.moments import moment
from adapters.azure_devops.paging import Json
from domain.kernel.errors import Rejected
from domain.provided import ProvidedJob, ProvidedRun, ProvidedRunStage

OPERATION = "csOperationId"
_NO_OPERATION = "none"
"""What the parameter says by default, in runs that nobody gave it."""
_NOT_STARTED = ("none", "notStarted", "postponed")
_ONLY_JOB = "__default"


def build_path(run_id: int) -> str:
    return f"build/builds/{run_id}"


async def read_run(api: Api, run_id: int) -> ProvidedRun | None:
    # In this order: a run that has ended never comes with stages that have not.
    build = await api.find(build_path(run_id))
    return run_of(build, await timeline(api, run_id)) if build is not None else None


async def timeline(api: Api, run_id: int) -> list[Json]:
    """The records in no order; none while the run waits for an agent or where it does not exist."""
    found = await api.find(f"{build_path(run_id)}/timeline")
    return list((found or {}).get("records") or [])


async def require_run(api: Api, run_id: int) -> Json:
    build: Json | None = await api.find(build_path(run_id))
    if build is None:
        raise Rejected(f"run {run_id} does not exist")
    return build


def operation_of(build: Json) -> str | None:
    value = (build.get("templateParameters") or {}).get(OPERATION)
    return str(value) if value and value != _NO_OPERATION else None


def run_of(build: Json, records: list[Json]) -> ProvidedRun:
    status, result = str(build.get("status") or "none"), build.get("result")
    requested = build.get("requestedFor") or {}
    finished = build.get("finishTime") if status == "completed" else None
    return ProvidedRun(
        run_id=int(build["id"]),
        pipeline_external_id=str(build["definition"]["id"]),
        build_number=str(build.get("buildNumber") or build["id"]),
        state="notStarted" if status in _NOT_STARTED else status,
        result=str(result) if status == "completed" and result not in (None, "none") else None,
        reason=str(build.get("reason") or "none"),
        branch=branch_of(str(build.get("sourceBranch") or "")),
        commit_sha=str(build.get("sourceVersion") or ""),
        operation_id=operation_of(build),
        requested_by=str(requested.get("uniqueName") or requested.get("displayName") or "unknown"),
        started_at=moment(build.get("startTime") or build.get("queueTime")),
        finished_at=moment(finished) if finished else None,
        stages=tuple(_stages(records)),
    )


def below(records: list[Json], parent: str | None, kind: str) -> list[Json]:
    """Records of a type in another one, in their order; of several attempts the latest."""
    latest: dict[str, Json] = {}
    for record in records:
        if record["type"] == kind and (parent is None or record.get("parentId") == parent):
            key = str(record.get("identifier") or record["id"])
            known = latest.get(key)
            if known is None or int(record.get("attempt") or 1) >= int(known.get("attempt") or 1):
                latest[key] = record
    return sorted(latest.values(), key=lambda record: int(record.get("order") or 0))


def name_of(record: Json) -> str:
    """As the YAML calls it: the last part of the identifier; the display name is for people."""
    identifier = str(record.get("refName") or record.get("identifier") or record.get("name") or "")
    return identifier.rpartition(".")[2] or identifier


def _stages(records: list[Json]) -> Iterator[ProvidedRunStage]:
    for stage in below(records, None, "Stage"):
        jobs = tuple(job for phase in below(records, stage["id"], "Phase") for job in _jobs(records, phase))
        yield ProvidedRunStage(name_of(stage), *_progress(stage), jobs)


def _jobs(records: list[Json], phase: Json) -> Iterator[ProvidedJob]:
    """A job of the YAML is a phase; it has several jobs where a matrix multiplies it, none before it runs."""
    name = name_of(phase)
    found = below(records, phase["id"], "Job")
    if len(found) < 2:
        yield ProvidedJob(name, *_progress(found[0] if found else phase))
        return
    for job in found:
        variant = str(job.get("identifier") or job["name"]).rpartition(".")[2]
        yield ProvidedJob(name if variant == _ONLY_JOB else f"{name}.{variant}", *_progress(job))


def _progress(record: Json) -> tuple[str, str | None, int]:
    state = str(record.get("state") or "pending")
    result = record.get("result") if state == "completed" else None
    return state, str(result) if result is not None else None, int(record.get("attempt") or 1)
