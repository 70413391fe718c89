"""What happened, turned into notifications for the subscriptions that want it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from infra.local.azure_devops import clock, deliveries
from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.pull_request_store import key_of
from infra.local.emulation.state import Json

PUSH = "git.push"
CREATED = "git.pullrequest.created"
UPDATED = "git.pullrequest.updated"
MERGED = "git.pullrequest.merged"
BUILD_COMPLETE = "build.complete"
RUN_CHANGED = "ms.vss-pipelines.run-state-changed-event"
STAGE_CHANGED = "ms.vss-pipelines.stage-state-changed-event"
JOB_CHANGED = "ms.vss-pipelines.job-state-changed-event"

# Who publishes what: a subscription must name both.
EVENT_TYPES: Mapping[str, tuple[str, ...]] = {
    "tfs": (PUSH, CREATED, UPDATED, MERGED, BUILD_COMPLETE),
    "pipelines": (RUN_CHANGED, STAGE_CHANGED, JOB_CHANGED),
}

_MERGE_RESULTS = {
    "succeeded": "Succeeded",
    "conflicts": "Conflicts",
    "failure": "Failure",
    "rejectedByPolicy": "RejectedByPolicy",
}
_BUILD_STATUSES = {
    "succeeded": "Succeeded",
    "partiallySucceeded": "PartiallySucceeded",
    "failed": "Failed",
    "canceled": "Stopped",
}
_RUN_STATES = {"completed": "Completed", "cancelling": "Canceling"}
_RECORD_STATES = {"pending": "Waiting", "inProgress": "Running", "completed": "Completed"}


def push_received(emulator: Emulator, repository: Json, push: Json) -> None:
    branches = [update["name"] for update in push["refUpdates"]]
    _publish(
        emulator, _git_event(PUSH, repository["org"], repository["projectId"], push, branches, push["pushId"])
    )


def pull_request_created(emulator: Emulator, pull_request: Json) -> None:
    _publish(emulator, _pull_request_event(CREATED, pull_request))


def pull_request_updated(emulator: Emulator, pull_request: Json, notification_type: str) -> None:
    _publish(emulator, _pull_request_event(UPDATED, pull_request, notificationType=notification_type))


def merge_attempted(emulator: Emulator, pull_request: Json) -> None:
    """A merge commit was tried: for a test merge as for a completion, whatever came of it."""
    result = _MERGE_RESULTS.get(pull_request["mergeStatus"], "Unsuccessful")
    _publish(emulator, _pull_request_event(MERGED, pull_request, mergeResult=result))


def build_completed(emulator: Emulator, run: Json) -> None:
    status = _BUILD_STATUSES.get(str(run["result"]), "")
    filters = {"definitionName": str(run["definitionName"]), "buildStatus": status}
    _publish(emulator, _event(BUILD_COMPLETE, run["org"], run["projectId"], run["id"], filters))


def run_changed(emulator: Emulator, run: Json) -> None:
    state = _RUN_STATES.get(run["status"], "InProgress")
    _publish(emulator, _run_event(RUN_CHANGED, run, str(run["id"]), state, run["result"]))


def stage_changed(emulator: Emulator, run: Json, record: Json) -> None:
    result = "rejected" if record.get("rejected") else record["result"]
    state, subject = _RECORD_STATES[record["state"]], f"{run['id']}/{record['id']}"
    name = str(record["identifier"])
    _publish(emulator, _run_event(STAGE_CHANGED, run, subject, state, result, stageNameId=name))


def job_changed(emulator: Emulator, run: Json, record: Json) -> None:
    stage, name = record["identifier"].split(".")[:2]
    state, subject = _RECORD_STATES[record["state"]], f"{run['id']}/{record['id']}"
    event = _run_event(JOB_CHANGED, run, subject, state, record["result"], stageNameId=stage, jobNameId=name)
    _publish(emulator, event)


def _run_event(
    event_type: str, run: Json, subject: str, state: str, result: str | None, **filters: str
) -> Json:
    # A subscription speaks of what the service's pages do: there, to have issues is to have succeeded.
    shown = "succeeded" if result in ("succeededWithIssues", "partiallySucceeded") else str(result or "")
    filters |= {"pipelineId": str(run["definitionId"]), "stateId": state, "resultId": shown}
    return _event(event_type, run["org"], run["projectId"], subject, filters)


def _pull_request_event(event_type: str, pull_request: Json, **filters: str) -> Json:
    return _git_event(
        event_type,
        pull_request["org"],
        pull_request["projectId"],
        pull_request,
        [pull_request["targetRefName"]],
        key_of(pull_request),
        **filters,
    )


def _git_event(
    event_type: str,
    org: str,
    project_id: str,
    subject: Json,
    branches: list[str],
    key: int | str,
    **filters: str,
) -> Json:
    event = _event(event_type, org, project_id, key, filters)
    return {**event, "repositoryId": subject["repositoryId"], "branches": branches}


def _event(event_type: str, org: str, project_id: str, key: int | str, filters: Mapping[str, str]) -> Json:
    return {
        "id": str(uuid.uuid4()),
        "eventType": event_type,
        "createdDate": clock.now(),
        "org": org,
        "projectId": project_id,
        # Only the key of the subject is kept: the resource is rendered when it is delivered.
        "subject": str(key),
        "filters": dict(filters),
    }


def _publish(emulator: Emulator, event: Json) -> None:
    for subscription in emulator.state.list("subscription", event["org"].lower()):
        if _wants(subscription, event):
            deliveries.notify(emulator, subscription, event)


def _wants(subscription: Json, event: Json) -> bool:
    inputs = subscription["publisherInputs"]
    if subscription["eventType"] != event["eventType"]:
        return False
    if inputs.get("projectId") not in (None, "", event["projectId"]):
        return False
    if "branches" in event and not _is_at(inputs, event):
        return False
    return all(_same(inputs.get(name), value) for name, value in event["filters"].items())


def _is_at(inputs: Json, event: Json) -> bool:
    if inputs.get("repository") not in (None, "", event["repositoryId"]):
        return False
    branch = inputs.get("branch")
    return not branch or any(name in (branch, f"refs/heads/{branch}") for name in event["branches"])


def _same(wanted: object, value: str) -> bool:
    return wanted in (None, "") or str(wanted).lower() == value.lower()
