"""Builds over REST: runs as the build service shows them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from infra.local.azure_devops import clock
from infra.local.azure_devops.errors import ApiError, invalid_argument
from infra.local.azure_devops.pipelines.executor import cancel_run
from infra.local.azure_devops.pipelines.run_documents import render_build
from infra.local.azure_devops.pipelines.run_store import (
    COMPLETED,
    IN_PROGRESS,
    NOT_STARTED,
    build_of,
    build_url,
    scope_of,
)
from infra.local.azure_devops.pipelines.runs import retry_stage
from infra.local.azure_devops.pipelines.timeline import Timeline, render_record
from infra.local.azure_devops.projects import project_of
from infra.local.azure_devops.routing import Answer, Call, Route, listing
from infra.local.emulation.state import Json

_DEFAULT_TOP = 1000
_ORDERS = {
    "queuetimeascending": ("queueTime", False),
    "queuetimedescending": ("queueTime", True),
    "starttimeascending": ("startTime", False),
    "starttimedescending": ("startTime", True),
    "finishtimeascending": ("finishTime", False),
    "finishtimedescending": ("finishTime", True),
}
# What is not done yet counts as newer than everything that is.
_NOT_YET = "9999-12-31T23:59:59.9999999Z"
_STATUSES = ("all", "none", "inprogress", "completed", "cancelling", "postponed", "notstarted")


async def get_build(call: Call) -> Answer:
    return Answer(200, render_build(call.emulator, build_of(call)))


def _list(text: str | None) -> set[str]:
    return {part.strip().lower() for part in (text or "").split(",") if part.strip()}


def _filters(call: Call, time_field: str) -> list[Callable[[Json], bool]]:
    query = call.query
    found: list[Callable[[Json], bool]] = []
    for name, field in (("definitions", "definitionId"), ("buildids", "id")):
        if wanted := _list(query.get(name)):
            found.append(lambda run, w=wanted, f=field: str(run[f]) in w)  # type: ignore[misc]
    for name, field in (("branchname", "sourceBranch"), ("buildnumber", "buildNumber")):
        if text := query.get(name):
            found.append(_matcher(field, text))
    for name, field in (("resultfilter", "result"), ("reasonfilter", "reason"), ("statusfilter", "status")):
        given = _list(query.get(name))
        if name == "statusfilter" and not given <= set(_STATUSES):
            raise invalid_argument(f"'{query[name]}' is not a valid value of statusFilter.")
        if given and "all" not in given:
            found.append(lambda run, w=given, f=field: str(run[f]).lower() in w)  # type: ignore[misc]
    if repository := query.get("repositoryid"):
        found.append(lambda run: str(run["repositoryId"]).lower() == repository.lower())
    if tags := _list(query.get("tagfilters")):
        found.append(lambda run: tags <= {tag.lower() for tag in run["tags"]})
    for name, sign in (("mintime", 1), ("maxtime", -1)):
        if text := query.get(name):
            moment = clock.render(clock.parse(text))
            found.append(
                lambda run, m=moment, s=sign: (  # type: ignore[misc]
                    run[time_field] is not None and (run[time_field] >= m if s > 0 else run[time_field] <= m)
                )
            )
    return found


def _matcher(field: str, text: str) -> Callable[[Json], bool]:
    """Exactly, or what begins so where the text ends in a star."""
    if text.endswith("*"):
        return lambda run: str(run[field]).lower().startswith(text[:-1].lower())
    return lambda run: str(run[field]).lower() == text.lower()


async def list_builds(call: Call) -> Answer:
    order = call.query.get("queryorder", "finishTimeDescending").lower()
    if order not in _ORDERS:
        raise invalid_argument(f"'{call.query['queryorder']}' is not a valid value of queryOrder.")
    field, descending = _ORDERS[order]
    found = call.emulator.state.list("run", project_of(call)["id"], call.lag)
    for keeps in _filters(call, field):
        found = [run for run in found if keeps(run)]
    found.sort(key=lambda run: (run[field] or _NOT_YET, run["id"]), reverse=descending)
    if token := call.query.get("continuationtoken"):
        moment, _, number = token.partition("_")
        if not number.isdecimal():
            raise invalid_argument("The continuation token is not valid.")
        after = (moment, int(number))
        found = [
            run
            for run in found
            if ((run[field] or _NOT_YET, run["id"]) < after) == descending
            and (run[field] or _NOT_YET, run["id"]) != after
        ]
    top = call.number("$top", "top", default=_DEFAULT_TOP)
    headers = {}
    if len(found) > top > 0:
        found = found[:top]
        last = found[-1]
        headers["x-ms-continuationtoken"] = f"{last[field] or _NOT_YET}_{last['id']}"
    return listing([render_build(call.emulator, run) for run in found], headers)


async def update_build(call: Call) -> Answer:
    """Cancelling is the one change of state that a client may make."""
    run, body = build_of(call), call.object_body()
    status = str(body.get("status") or "").lower()
    if status != "cancelling":
        raise invalid_argument("The status of a build can only be set to cancelling.")
    if run["status"] == COMPLETED:
        raise ApiError(
            400, "BuildStatusInvalidChangeException", f"The build {run['id']} is completed already."
        )
    if run["status"] in (NOT_STARTED, IN_PROGRESS):
        cancel_run(call.emulator, run)
    return Answer(200, render_build(call.emulator, run))


async def get_timeline(call: Call) -> Answer:
    """The current records; with an id those of the earlier attempt that was set aside under it."""
    run = build_of(call)
    timeline, url = Timeline(call.emulator, run), build_url(call.emulator, run)
    records, wanted = timeline.records(), call.params.get("timeline", timeline.id).lower()
    if wanted != timeline.id:
        records = call.emulator.state.list("timeline", f"{scope_of(run)}/{wanted}")
        if not records:
            return Answer(204)
    return Answer(
        200,
        {
            "records": [render_record(record, url) for record in records],
            "id": wanted,
            "changeId": sum(record["attempt"] for record in records),
            "lastChangedBy": "00000002-0000-8888-8000-000000000000",
            "lastChangedOn": clock.render(datetime.now(UTC)),
            "url": f"{url}/Timeline/{wanted}",
        },
    )


async def update_stage(call: Call) -> Answer:
    body = call.object_body()
    if str(body.get("state", "")).lower() not in ("retry", "1"):
        raise invalid_argument("The state of a stage can only be set to retry.")
    retry_stage(
        call.emulator, build_of(call), call.params["stage"], all_jobs=bool(body.get("forceRetryAllJobs"))
    )
    return Answer(204)


_BUILDS = "/{org}/{project}/_apis/build/builds"
_BUILD = _BUILDS + "/{build}"

ROUTES = [
    Route("GET", _BUILDS, list_builds),
    Route("GET", _BUILD, get_build),
    Route("PATCH", _BUILD, update_build),
    Route("GET", _BUILD + "/timeline[/{timeline}]", get_timeline),
    Route("PATCH", _BUILD + "/stages/{stage}", update_stage),
]
