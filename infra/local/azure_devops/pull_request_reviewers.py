"""Reviewers of a pull request and their votes."""

from __future__ import annotations

from infra.local.azure_devops.errors import invalid_argument, not_found
from infra.local.azure_devops.pull_request_store import render_reviewer
from infra.local.azure_devops.pull_request_writes import ONE, commit_changed, locked
from infra.local.azure_devops.pull_requests import pull_request_of
from infra.local.azure_devops.routing import Answer, Call, Route, listing

_VOTES = (10, 5, 0, -5, -10)


async def put_reviewer(call: Call) -> Answer:
    pull_request, body = pull_request_of(call), call.object_body()
    reviewer_id, vote = call.params["reviewer"], body.get("vote", 0)
    if vote not in _VOTES:
        raise invalid_argument(f"{vote} is not a vote.")
    reviewers = pull_request["reviewers"]
    found = next((reviewer for reviewer in reviewers if reviewer["id"] == reviewer_id), None)
    if found is None:
        found = {"id": reviewer_id, "vote": 0, "isRequired": False}
        reviewers.append(found)
    found["vote"] = vote
    found["isRequired"] = bool(body.get("isRequired", found["isRequired"]))
    commit_changed(call, pull_request, "ReviewerVoteNotification")
    return Answer(200, render_reviewer(call.emulator, pull_request, found))


async def list_reviewers(call: Call) -> Answer:
    pull_request = pull_request_of(call)
    found = pull_request["reviewers"]
    return listing([render_reviewer(call.emulator, pull_request, reviewer) for reviewer in found])


async def get_reviewer(call: Call) -> Answer:
    pull_request = pull_request_of(call)
    for reviewer in pull_request["reviewers"]:
        if reviewer["id"] == call.params["reviewer"]:
            return Answer(200, render_reviewer(call.emulator, pull_request, reviewer))
    raise not_found("GitPullRequestReviewerNotFoundException", "TF401186: The reviewer was not found.")


async def delete_reviewer(call: Call) -> Answer:
    pull_request = pull_request_of(call)
    wanted = call.params["reviewer"]
    pull_request["reviewers"] = [r for r in pull_request["reviewers"] if r["id"] != wanted]
    commit_changed(call, pull_request, "ReviewersUpdateNotification")
    return Answer(200)


ROUTES = [
    Route("GET", ONE + "/reviewers", list_reviewers),
    Route("GET", ONE + "/reviewers/{reviewer}", get_reviewer),
    Route("PUT", ONE + "/reviewers/{reviewer}", locked(put_reviewer)),
    Route("DELETE", ONE + "/reviewers/{reviewer}", locked(delete_reviewer)),
]
