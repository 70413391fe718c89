"""Pull requests over REST: create, find, list and change."""

from __future__ import annotations

import uuid
from typing import Any

from infra.local.azure_devops import clock, events
from infra.local.azure_devops.auto_completion import schedule_auto_completion
from infra.local.azure_devops.completion import checked_options, request_completion, schedule_completion
from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.errors import (
    ApiError,
    invalid_argument,
    pull_request_exists,
    pull_request_not_editable,
    pull_request_not_found,
)
from infra.local.azure_devops.evaluation_schedule import queue_evaluations
from infra.local.azure_devops.identities import identity_by_id
from infra.local.azure_devops.projects import project_of
from infra.local.azure_devops.pull_request_refresh import new_iteration, refresh, schedule_test_merge
from infra.local.azure_devops.pull_request_store import (
    active_pull_requests,
    key_of,
    load_pull_request,
    pull_request_key,
    render_pull_request,
    save_pull_request,
)
from infra.local.azure_devops.repositories import repository_of
from infra.local.azure_devops.routing import Answer, Call, Route, listing, page
from infra.local.emulation.state import Json

MAXIMUM_DESCRIPTION = 4000
MAXIMUM_TITLE = 400


def pull_request_of(call: Call) -> Json:
    """The one in the path; in another repository or project it is not found."""
    found = load_pull_request(call.emulator, pull_request_key(call.org, call.params["pr"]))
    if "repo" in call.params and repository_of(call)["id"] != found["repositoryId"]:
        raise pull_request_not_found()
    if "project" in call.params and project_of(call)["id"] != found["projectId"]:
        raise pull_request_not_found()
    return found


async def create_pull_request(call: Call) -> Answer:
    emulator, repository, body = call.emulator, repository_of(call), call.object_body()
    title = _text(body, "title", MAXIMUM_TITLE)
    if not title:
        raise invalid_argument("A pull request must have a title.")
    description = _text(body, "description", MAXIMUM_DESCRIPTION)
    source, target = str(body.get("sourceRefName", "")), str(body.get("targetRefName", ""))
    async with emulator.git.lock(repository["id"]):
        refs = await emulator.git.refs(repository["id"], "refs/heads")
        if source == target or source not in refs or target not in refs:
            raise ApiError(
                400,
                "GitPullRequestCannotBeActivated",
                "TF401398: The pull request cannot be activated because the source and/or the target branch "
                "no longer exists, or the requested refs are not valid.",
            )
        _refuse_twin(emulator, repository, source, target)
        with emulator.state.transaction():
            pull_request: Json = {
                "pullRequestId": emulator.state.next_number(f"pull-request/{call.org.lower()}"),
                "org": call.org,
                "projectId": repository["projectId"],
                "repositoryId": repository["id"],
                "status": "active",
                "createdBy": call.identity.render(),
                "creationDate": clock.now(),
                "title": title,
                "description": description,
                "sourceRefName": source,
                "targetRefName": target,
                "isDraft": bool(body.get("isDraft")),
                "mergeStatus": "queued",
                "mergeId": str(uuid.uuid4()),
                "lastMergeSourceCommit": refs[source],
                "lastMergeTargetCommit": refs[target],
                "reviewers": [_reviewer(given) for given in body.get("reviewers") or []],
                "labels": [
                    {"id": str(uuid.uuid4()), "name": str(label["name"]), "active": True}
                    for label in body.get("labels") or []
                ],
                "iterations": [],
                "statuses": [],
                "threads": [],
                "builds": {},
            }
            pull_request["iterations"].append(new_iteration(pull_request, "create"))
            save_pull_request(emulator, pull_request)
            queue_evaluations(emulator, pull_request)
            events.pull_request_created(emulator, pull_request)
        schedule_test_merge(emulator, pull_request)
    return Answer(201, render_pull_request(emulator, pull_request))


def _reviewer(given: Any) -> Json:
    if not isinstance(given, dict) or not given.get("id"):
        raise invalid_argument("A reviewer must have an id.")
    return {"id": str(given["id"]), "vote": 0, "isRequired": bool(given.get("isRequired"))}


def _text(body: Json, name: str, limit: int) -> str | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > limit:
        raise invalid_argument(
            f"Invalid pull request {name}: it must be a text of at most {limit} characters. "
            f"Parameter name: {name}"
        )
    return value


def _refuse_twin(emulator: Emulator, repository: Json, source: str, target: str) -> None:
    for other in active_pull_requests(emulator, repository["id"]):
        if (other["sourceRefName"], other["targetRefName"]) == (source, target):
            raise pull_request_exists()


async def get_pull_request(call: Call) -> Answer:
    return Answer(200, render_pull_request(call.emulator, pull_request_of(call)))


async def list_pull_requests(call: Call) -> Answer:
    repository_id = repository_of(call)["id"] if "repo" in call.params else call.search("repositoryId")
    project_id = project_of(call)["id"] if "project" in call.params else None
    status = call.search("status") or "active"
    if status not in ("active", "abandoned", "completed", "all", "notSet"):
        raise invalid_argument(f"'{status}' is not a pull request status.")
    wanted = {
        "status": None if status in ("all", "notSet") else status,
        "sourceRefName": call.search("sourceRefName"),
        "targetRefName": call.search("targetRefName"),
        "projectId": project_id,
    }
    creator = call.search("creatorId")
    found = [
        pull_request
        for pull_request in call.emulator.state.list("pull-request", repository_id, call.lag)
        if pull_request["org"].lower() == call.org.lower()
        and all(value is None or pull_request[name] == value for name, value in wanted.items())
        and creator in (None, pull_request["createdBy"]["id"])
    ]
    newest_first = page(call, list(reversed(found)), default_top=101)
    return listing([render_pull_request(call.emulator, found, listed=True) for found in newest_first])


async def update_pull_request(call: Call) -> Answer:
    emulator, body = call.emulator, call.object_body()
    repository_id = pull_request_of(call)["repositoryId"]
    async with emulator.git.lock(repository_id):
        pull_request = pull_request_of(call)
        status = body.get("status")
        if pull_request["status"] == "completed" or (
            pull_request["status"] == "abandoned" and status != "active"
        ):
            raise pull_request_not_editable()
        if status == "completed" and not pull_request.get("completion"):
            # First, so that the guard and the policies are checked against the branches as they are.
            await refresh(emulator, pull_request)
        if "title" in body:
            pull_request["title"] = _text(body, "title", MAXIMUM_TITLE) or pull_request["title"]
        if "description" in body:
            pull_request["description"] = _text(body, "description", MAXIMUM_DESCRIPTION)
        if "isDraft" in body:
            pull_request["isDraft"] = bool(body["isDraft"])
        if "completionOptions" in body:
            pull_request["completionOptions"] = checked_options(body["completionOptions"])
        if "autoCompleteSetBy" in body:
            setter = (body["autoCompleteSetBy"] or {}).get("id")
            pull_request["autoCompleteSetBy"] = identity_by_id(str(setter)) if setter else None
        if status is not None and status != pull_request["status"]:
            await _change_status(call, pull_request, str(status))
        with emulator.state.transaction():
            save_pull_request(emulator, pull_request)
            events.pull_request_updated(emulator, pull_request, "StatusUpdateNotification")
        if status == "completed":
            schedule_completion(emulator, pull_request)
    if pull_request.get("autoCompleteSetBy"):
        schedule_auto_completion(emulator, key_of(pull_request))
    return Answer(200, render_pull_request(emulator, pull_request))


async def _change_status(call: Call, pull_request: Json, status: str) -> None:
    emulator = call.emulator
    if status == "completed":
        if pull_request.get("completion"):
            return
        guard = (call.object_body().get("lastMergeSourceCommit") or {}).get("commitId")
        request_completion(emulator, pull_request, guard, call.identity)
    elif status == "abandoned":
        pull_request.update(
            status="abandoned", closedDate=clock.now(), closedBy=call.identity.render(), completion=None
        )
    elif status == "active":
        repository = repository_of(call) if "repo" in call.params else None
        owner = repository or {"id": pull_request["repositoryId"]}
        _refuse_twin(emulator, owner, pull_request["sourceRefName"], pull_request["targetRefName"])
        pull_request.update(status="active", closedDate=None, closedBy=None, mergeStatus="queued")
        await refresh(emulator, pull_request)
        save_pull_request(emulator, pull_request)
        queue_evaluations(emulator, pull_request)
        schedule_test_merge(emulator, pull_request)
    else:
        raise invalid_argument(f"A pull request cannot be set to '{status}'.")


_REPOSITORY = "/{org}[/{project}]/_apis/git/repositories/{repo}/pullrequests"
_PROJECT = "/{org}[/{project}]/_apis/git/pullrequests"

ROUTES = [
    Route("POST", _REPOSITORY, create_pull_request),
    Route("GET", _REPOSITORY, list_pull_requests),
    Route("GET", _REPOSITORY + "/{pr}", get_pull_request),
    Route("PATCH", _REPOSITORY + "/{pr}", update_pull_request),
    Route("GET", _PROJECT, list_pull_requests),
    Route("GET", _PROJECT + "/{pr}", get_pull_request),
]
