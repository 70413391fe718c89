"""Runs: each operation's exactly one, found again by its parameter `csOperationId`."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import quote

from adapters.azure_devops.branches import ref_of
from adapters.azure_devops.client import Api
from adapters.azure_devops.errors import SERVICE, Refusal
from adapters.azure_devops.moments import text_of
from adapters.azure_devops.paging import Json, continuing, together
from adapters.azure_devops.pipelines import explained, path_of
from adapters.azure_devops.run_view import OPERATION, build_path, operation_of, read_run
from adapters.waiting import OutcomeUnknown
from domain.kernel.errors import Unavailable
from domain.provided import ProvidedRun

_CLOCK_SKEW = timedelta(hours=1)
_LONGEST_LAG = 3.0
"""Seconds for which a listing is waited for that does not show what was started."""
_GOING_ON = "notStarted,inProgress,cancelling,postponed"


async def run_pipeline(
    api: Api, repository_id: str, pipeline_id: str, branch: str, operation_id: str, since: datetime
) -> ProvidedRun:
    started = _Started(api, pipeline_id, branch, operation_id, since - _CLOCK_SKEW)
    run_id = await started.first()
    if run_id is None:
        own: int | OutcomeUnknown
        try:
            own = await _start(api, pipeline_id, branch, operation_id)
        except OutcomeUnknown as error:
            own = error
        except Refusal as refusal:
            raise await explained(api, refusal, repository_id, pipeline_id, branch) from refusal
        run_id = await started.settled(None if isinstance(own, OutcomeUnknown) else own)
        if run_id is None:
            # Nothing at the service keeps a second start from being a second run: it is left to the next
            # delivery, which looks once more.
            assert isinstance(own, OutcomeUnknown)
            raise own
    run = await read_run(api, run_id)
    if run is None:
        raise Unavailable(SERVICE, f"run {run_id} can't be read back")
    return run


async def _start(api: Api, pipeline_id: str, branch: str, operation_id: str) -> int:
    body = {
        "resources": {"repositories": {"self": {"refName": ref_of(branch)}}},
        "templateParameters": {OPERATION: operation_id},
    }
    return int((await api.send("POST", f"{path_of(pipeline_id)}/runs", body))["id"])


class _Started:
    """The runs of one operation. There is one, but for twins that start at the same time."""

    def __init__(
        self, api: Api, pipeline_id: str, branch: str, operation_id: str, earliest: datetime
    ) -> None:
        self._api, self._pipeline_id, self._operation_id = api, pipeline_id, operation_id
        self._query = {
            "definitions": pipeline_id,
            "branchName": ref_of(branch),
            "minTime": text_of(earliest),
            "queryOrder": "queueTimeDescending",
        }

    async def first(self) -> int | None:
        return min(await self._ids(), default=None)

    async def settled(self, own: int | None) -> int | None:
        """The one that counts, the oldest: whoever started a younger one takes it back.

        The listing may lag, so it is read until it shows what was started, or for as long as it ever lags.
        """
        waited, pause = 0.0, 0.1
        while True:
            found = await self._ids()
            if own in found or (own is None and found) or waited >= _LONGEST_LAG:
                break
            self._api.trouble("its list of runs lags behind")
            await self._api.sleep(pause)
            waited, pause = waited + pause, pause * 2
        first = min(found, default=own)
        if own is not None and first != own:
            await self._cancel(own)
        return first

    async def _cancel(self, run_id: int) -> None:
        try:
            await self._api.send("PATCH", build_path(run_id), {"status": "cancelling"})
        except Refusal as refusal:
            if refusal.status not in (400, 404, 409):  # it has ended by itself
                raise

    async def _ids(self) -> list[int]:
        builds = await continuing(self._api, "build/builds", self._query)
        return [int(build["id"]) for build in builds if await self._is_ours(build)]

    async def _is_ours(self, build: Json) -> bool:
        if "templateParameters" not in build and build.get("reason") == "manual":
            build = await self._api.find(f"{path_of(self._pipeline_id)}/runs/{build['id']}") or {}
        return operation_of(build) == self._operation_id


async def runs_since(api: Api, pipeline_ids: Sequence[str], since: datetime) -> list[int]:
    if not pipeline_ids:
        return []
    query = {"definitions": ",".join(quote(id, safe="") for id in pipeline_ids), "$top": "100"}
    times = {"minTime": text_of(since)}
    listings = await together(
        continuing(api, "build/builds", {**query, "statusFilter": _GOING_ON}),
        continuing(api, "build/builds", {**query, **times, "queryOrder": "queueTimeDescending"}),
        continuing(api, "build/builds", {**query, **times, "queryOrder": "finishTimeDescending"}),
    )
    return sorted({int(build["id"]) for listed in listings for build in listed})
