"""What happened, turned into notifications for the subscriptions that want it."""

from __future__ import annotations

import uuid

from infra.local.azure_devops import clock, deliveries
from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.pull_request_store import key_of
from infra.local.azure_devops.state import Json

PUSH = "git.push"
CREATED = "git.pullrequest.created"
UPDATED = "git.pullrequest.updated"
MERGED = "git.pullrequest.merged"
EVENT_TYPES = (PUSH, CREATED, UPDATED, MERGED)

_MERGE_RESULTS = {
    "succeeded": "Succeeded",
    "conflicts": "Conflicts",
    "failure": "Failure",
    "rejectedByPolicy": "RejectedByPolicy",
}


def push_received(emulator: Emulator, repository: Json, push: Json) -> None:
    branches = [update["name"] for update in push["refUpdates"]]
    _publish(
        emulator, _event(PUSH, repository["org"], repository["projectId"], push, branches, push["pushId"])
    )


def pull_request_created(emulator: Emulator, pull_request: Json) -> None:
    _publish(emulator, _pull_request_event(CREATED, pull_request))


def pull_request_updated(emulator: Emulator, pull_request: Json, notification_type: str) -> None:
    _publish(emulator, _pull_request_event(UPDATED, pull_request, notificationType=notification_type))


def merge_attempted(emulator: Emulator, pull_request: Json) -> None:
    """A merge commit was tried: for a test merge as for a completion, whatever came of it."""
    result = _MERGE_RESULTS.get(pull_request["mergeStatus"], "Unsuccessful")
    _publish(emulator, _pull_request_event(MERGED, pull_request, mergeResult=result))


def _pull_request_event(event_type: str, pull_request: Json, **filters: str) -> Json:
    return _event(
        event_type,
        pull_request["org"],
        pull_request["projectId"],
        pull_request,
        [pull_request["targetRefName"]],
        key_of(pull_request),
        **filters,
    )


def _event(
    event_type: str,
    org: str,
    project_id: str,
    subject: Json,
    branches: list[str],
    key: int | str,
    **filters: str,
) -> Json:
    return {
        "id": str(uuid.uuid4()),
        "eventType": event_type,
        "createdDate": clock.now(),
        "org": org,
        "projectId": project_id,
        "repositoryId": subject["repositoryId"],
        "branches": branches,
        # Only the key of the subject is kept: the resource is rendered when it is delivered.
        "subject": str(key),
        "filters": filters,
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
    if inputs.get("repository") not in (None, "", event["repositoryId"]):
        return False
    branch = inputs.get("branch")
    if branch and not any(name in (branch, f"refs/heads/{branch}") for name in event["branches"]):
        return False
    return all(inputs.get(name) in (None, "", value) for name, value in event["filters"].items())
