"""The records of a run: its stages, phases, jobs and tasks, with states, results and issues."""

from __future__ import annotations

from typing import Any

from infra.local.azure_devops import clock
from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.identities import deterministic_id
from infra.local.azure_devops.pipelines.run_store import scope_of
from infra.local.emulation.state import Json

PENDING, IN_PROGRESS, COMPLETED = "pending", "inProgress", "completed"
SUCCEEDED, WITH_ISSUES, FAILED, CANCELED, SKIPPED = (
    "succeeded",
    "succeededWithIssues",
    "failed",
    "canceled",
    "skipped",
)
GOOD = (SUCCEEDED, WITH_ISSUES)

_SHOWN_ISSUES = 10
_HIDDEN = ("outputs", "logId", "ref", "rejected", "environment")


def worst(results: list[str]) -> str:
    """What a whole comes to by its parts; a whole of which nothing ran was skipped."""
    for result in (FAILED, CANCELED, WITH_ISSUES, SUCCEEDED):
        if result in results:
            return result
    return SKIPPED


class Timeline:
    """Each record is a document of its own, so that a change is written at once and alone."""

    def __init__(self, emulator: Emulator, run: Json) -> None:
        self._emulator, self.run = emulator, run
        self.scope = scope_of(run)
        self.id = timeline_id(run)

    def records(self) -> list[Json]:
        return self._emulator.state.list("timeline", self.scope)

    def get(self, record_id: str) -> Json | None:
        return self._emulator.state.get("timeline", self.scope, record_id)

    def put(self, record: Json) -> None:
        self._emulator.state.put("timeline", self.scope, record["id"], record)

    def find(self, record_type: str, identifier: str) -> Json | None:
        return self.get(self._id(record_type, identifier))

    def add(
        self, record_type: str, identifier: str, name: str, *, parent: str | None, order: int, **fields: Any
    ) -> Json:
        """A pending record; the one that is there already stays as it is."""
        known = self.find(record_type, identifier)
        if known is not None:
            return known
        record: Json = {
            "id": self._id(record_type, identifier),
            "parentId": parent,
            "type": record_type,
            "name": name,
            "identifier": identifier,
            "state": PENDING,
            "result": None,
            "attempt": 1,
            "order": order,
            "startTime": None,
            "finishTime": None,
            "issues": [],
            "errorCount": 0,
            "warningCount": 0,
            "previousAttempts": [],
            **fields,
        }
        self.put(record)
        return record

    def begin(self, record: Json) -> None:
        record.update(state=IN_PROGRESS, startTime=clock.now())
        self.put(record)

    def complete(self, record: Json, result: str) -> None:
        moment = clock.now()
        record.update(state=COMPLETED, result=result, finishTime=moment)
        if record["startTime"] is None and result != SKIPPED:
            record["startTime"] = moment
        self.put(record)

    def issue(self, record: Json, kind: str, message: str, **data: str) -> None:
        """An error or a warning of this record; the count goes on where the list ends."""
        record[f"{kind}Count"] += 1
        if record[f"{kind}Count"] <= _SHOWN_ISSUES:
            issue = {"type": kind, "category": "General", "message": message, "data": {"type": kind, **data}}
            record["issues"].append(issue)
        self.put(record)

    def set_aside(self, record: Json) -> None:
        """A record and what is below it become a part of an earlier attempt."""
        previous = previous_timeline_id(self.run, record["attempt"])
        scope = f"{self.scope}/{previous}"
        below = {record["id"]}
        for one in self.records():
            if one["id"] in below or one["parentId"] in below:
                below.add(one["id"])
                self._emulator.state.put("timeline", scope, one["id"], one)
                if one["id"] != record["id"]:
                    self._emulator.state.delete("timeline", self.scope, one["id"])

    def earlier(self, record: Json) -> Json:
        """How a record refers to the attempt that it is about to leave."""
        timeline = previous_timeline_id(self.run, record["attempt"])
        return {"attempt": record["attempt"], "timelineId": timeline, "recordId": record["id"]}

    def _id(self, record_type: str, identifier: str) -> str:
        return deterministic_id("timeline-record", self.scope, record_type, identifier)


def timeline_id(run: Json) -> str:
    return deterministic_id("timeline", scope_of(run))


def previous_timeline_id(run: Json, attempt: int) -> str:
    return deterministic_id("timeline", scope_of(run), f"attempt-{attempt}")


def render_record(record: Json, build_url: str) -> Json:
    body = {name: value for name, value in record.items() if name not in _HIDDEN}
    log_id = record.get("logId")
    url = f"{build_url}/logs/{log_id}"
    body["log"] = {"id": log_id, "type": "Container", "url": url} if log_id else None
    body["refName"] = record.get("ref")
    body["percentComplete"] = 100 if record["state"] == COMPLETED else None
    body["lastModified"] = record["finishTime"] or record["startTime"] or "0001-01-01T00:00:00"
    return body
