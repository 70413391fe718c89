"""Pull requests as documents, and as the service shows them."""

from __future__ import annotations

from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.errors import pull_request_not_found
from infra.local.azure_devops.identities import identity_by_id
from infra.local.azure_devops.repositories import api_url, render_repository, repository_by_id
from infra.local.emulation.state import Json

# A listing cuts the description; only the pull request itself carries it whole.
LISTED_DESCRIPTION = 400


def pull_request_key(org: str, number: int | str) -> str:
    """Numbers are unique in an organization only."""
    return f"{org.lower()}/{number}"


def key_of(pull_request: Json) -> str:
    return pull_request_key(pull_request["org"], pull_request["pullRequestId"])


def save_pull_request(emulator: Emulator, pull_request: Json) -> None:
    emulator.state.put("pull-request", pull_request["repositoryId"], key_of(pull_request), pull_request)


def load_pull_request(emulator: Emulator, key: str) -> Json:
    found = emulator.state.find("pull-request", key)
    if found is None:
        raise pull_request_not_found()
    return found


def active_pull_requests(emulator: Emulator, repository_id: str | None = None) -> list[Json]:
    found = emulator.state.list("pull-request", repository_id)
    return [pull_request for pull_request in found if pull_request["status"] == "active"]


def pull_request_url(emulator: Emulator, pull_request: Json) -> str:
    repository = repository_by_id(emulator, pull_request["repositoryId"])
    return f"{api_url(emulator, repository)}/pullRequests/{pull_request['pullRequestId']}"


def artifact_id(pull_request: Json) -> str:
    return f"vstfs:///CodeReview/CodeReviewId/{pull_request['projectId']}/{pull_request['pullRequestId']}"


def render_reviewer(emulator: Emulator, pull_request: Json, reviewer: Json) -> Json:
    return {
        **identity_by_id(reviewer["id"]),
        "vote": reviewer["vote"],
        "isRequired": reviewer.get("isRequired", False),
        "hasDeclined": False,
        "isFlagged": False,
        "reviewerUrl": f"{pull_request_url(emulator, pull_request)}/reviewers/{reviewer['id']}",
    }


def render_pull_request(emulator: Emulator, pull_request: Json, *, listed: bool = False) -> Json:
    repository = repository_by_id(emulator, pull_request["repositoryId"])
    url = pull_request_url(emulator, pull_request)
    body: Json = {
        "repository": render_repository(emulator, repository),
        "pullRequestId": pull_request["pullRequestId"],
        "codeReviewId": pull_request["pullRequestId"],
        "reviewers": [
            render_reviewer(emulator, pull_request, reviewer) for reviewer in pull_request["reviewers"]
        ],
        "labels": pull_request["labels"],
        "supportsIterations": True,
        "artifactId": artifact_id(pull_request),
        "url": url,
    }
    for name in _PLAIN:
        if pull_request.get(name) is not None:
            body[name] = pull_request[name]
    for name in ("lastMergeSourceCommit", "lastMergeTargetCommit", "lastMergeCommit"):
        if pull_request.get(name):
            commit = pull_request[name]
            body[name] = {"commitId": commit, "url": f"{api_url(emulator, repository)}/commits/{commit}"}
    if pull_request.get("completion"):
        body["completionQueueTime"] = pull_request["completion"]["queuedAt"]
    if listed and len(body.get("description", "")) > LISTED_DESCRIPTION:
        body["description"] = body["description"][:LISTED_DESCRIPTION]
    return body


_PLAIN = (
    "status",
    "createdBy",
    "creationDate",
    "closedDate",
    "closedBy",
    "title",
    "description",
    "sourceRefName",
    "targetRefName",
    "isDraft",
    "mergeStatus",
    "mergeId",
    "mergeFailureType",
    "mergeFailureMessage",
    "completionOptions",
    "autoCompleteSetBy",
)
