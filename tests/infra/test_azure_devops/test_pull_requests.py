"""Pull requests: creation, the test merge that follows later, and what hangs on them."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from tests.infra.test_azure_devops.client import (
    ZERO,
    Json,
    Repository,
    Running,
    add,
    eventually,
    pull_request_body,
)


async def test_a_pull_request_starts_queued_and_is_test_merged_later(
    repository: Repository, base: str
) -> None:
    pull_request = await repository.pull_request(description="why")
    assert (pull_request["status"], pull_request["mergeStatus"]) == ("active", "queued")
    assert pull_request["lastMergeSourceCommit"]["commitId"] == await repository.tip("feature")
    assert pull_request["createdBy"]["displayName"] == "Local User"
    merged = await repository.until(
        pull_request["pullRequestId"], lambda pr: pr["mergeStatus"] == "succeeded"
    )
    assert merged["lastMergeTargetCommit"]["commitId"] == base
    assert merged["lastMergeCommit"]["commitId"]
    assert merged["description"] == "why"


async def test_a_second_active_pull_request_for_the_same_branches_is_refused(
    repository: Repository, base: str
) -> None:
    first = await repository.pull_request()
    again = await repository.call("POST", "pullrequests", pull_request_body())
    assert (again.status, again.type_key) == (409, "GitPullRequestExistsException")
    assert "TF401179" in again.body["message"]
    await repository.call("PATCH", f"pullRequests/{first['pullRequestId']}", {"status": "abandoned"})
    second = await repository.pull_request()
    revived = await repository.call("PATCH", f"pullRequests/{first['pullRequestId']}", {"status": "active"})
    assert revived.status == 409
    assert second["pullRequestId"] != first["pullRequestId"]


@pytest.mark.parametrize(
    "fields",
    [
        {"sourceRefName": "refs/heads/missing"},
        {"targetRefName": "refs/heads/missing"},
        {"sourceRefName": "feature"},
        {"sourceRefName": "refs/heads/main"},
        {"description": "x" * 4001},
        {"title": ""},
    ],
)
async def test_a_pull_request_with_bad_fields_is_refused(
    repository: Repository, base: str, fields: Json
) -> None:
    reply = await repository.call("POST", "pullrequests", {**pull_request_body(), **fields})
    assert reply.status == 400
    assert (await repository.call("GET", "pullrequests")).value == []


async def test_pull_requests_are_found_by_status_and_branch_in_repository_and_project(
    repository: Repository, base: str
) -> None:
    first = await repository.pull_request(description="d" * 500)
    await repository.call("PATCH", f"pullRequests/{first['pullRequestId']}", {"status": "abandoned"})
    second = await repository.pull_request()

    async def numbers(criteria: str) -> list[int]:
        found = await repository.call("GET", f"pullrequests?{criteria}")
        in_project = await repository.project.call("GET", f"git/pullrequests?{criteria}")
        assert found.value == in_project.value
        return [pull_request["pullRequestId"] for pull_request in found.value]

    one, two = first["pullRequestId"], second["pullRequestId"]
    assert await numbers("") == [two]
    assert await numbers("searchCriteria.status=all") == [two, one]
    assert await numbers("searchCriteria.status=all&$top=1&$skip=1") == [one]
    assert await numbers("searchCriteria.status=abandoned") == [one]
    assert await numbers("searchCriteria.sourceRefName=refs/heads/feature") == [two]
    assert await numbers("searchCriteria.targetRefName=refs/heads/feature") == []
    listed = (await repository.call("GET", "pullrequests?searchCriteria.status=abandoned")).value[0]
    assert len(listed["description"]) == 400, "listings cut descriptions"
    assert len((await repository.get_pull_request(one))["description"]) == 500
    by_project = await repository.project.call("GET", f"git/pullrequests/{two}")
    assert by_project.body["pullRequestId"] == two
    assert (await repository.call("GET", "pullRequests/999999")).type_key == "GitPullRequestNotFoundException"


async def test_a_push_to_the_source_makes_an_iteration_and_leaves_statuses_on_the_old_one(
    repository: Repository, base: str
) -> None:
    pull_request = await repository.pull_request()
    number, tip = pull_request["pullRequestId"], pull_request["lastMergeSourceCommit"]["commitId"]
    status = {"state": "succeeded", "context": {"genre": "ci", "name": "build"}, "targetUrl": "http://x"}
    path = f"pullRequests/{number}/iterations/{{}}/statuses"
    posted = await repository.call("POST", path.format(1), status)
    assert (posted.status, posted.body["iterationId"]) == (200, 1)
    moved = await repository.commit("feature", tip, {"/c": "1"})
    iterations = await eventually(
        lambda: repository.call("GET", f"pullRequests/{number}/iterations"), lambda r: len(r.value) == 2
    )
    assert iterations.value[1]["sourceRefCommit"]["commitId"] == moved
    assert iterations.value[1]["commonRefCommit"]["commitId"] == base
    assert (await repository.call("GET", path.format(2))).value == []
    assert len((await repository.call("GET", path.format(1))).value) == 1
    assert (await repository.call("POST", path.format(3), status)).status == 404
    assert (await repository.call("POST", path.format(2), {**status, "state": "fine"})).status == 400
    whole = await repository.call("POST", f"pullRequests/{number}/statuses", status)
    assert "iterationId" not in whole.body


async def test_statuses_on_the_pull_request_itself_may_be_refused(tmp_path: Path) -> None:
    server = await Running.start(tmp_path, "--refuse-pull-request-statuses")
    try:
        repository = await (await server.project()).repository()
        base = await repository.commit("main", ZERO, {"/a": "1"})
        await repository.commit("feature", base, {"/b": "1"})
        number = (await repository.pull_request())["pullRequestId"]
        status = {"state": "succeeded", "context": {"name": "build"}}
        refused = await repository.call("POST", f"pullRequests/{number}/statuses", status)
        assert (refused.status, refused.type_key) == (403, "GitPullRequestStatusRejectedByPolicyException")
        taken = await repository.call("POST", f"pullRequests/{number}/iterations/1/statuses", status)
        assert taken.status == 200
    finally:
        await server.stop()


async def test_a_vote_is_idempotent_and_can_be_taken_back(repository: Repository, base: str) -> None:
    number = (await repository.pull_request())["pullRequestId"]
    reviewer = f"pullRequests/{number}/reviewers/{uuid.uuid4()}"
    for _ in range(2):
        voted = await repository.call("PUT", reviewer, {"vote": 10})
        assert (voted.status, voted.body["vote"]) == (200, 10)
    assert len((await repository.get_pull_request(number))["reviewers"]) == 1
    assert (await repository.call("PUT", reviewer, {"vote": 7})).status == 400
    await repository.call("DELETE", reviewer)
    assert (await repository.call("GET", reviewer)).status == 404


async def test_comments_are_kept_in_threads_with_a_status(repository: Repository, base: str) -> None:
    number = (await repository.pull_request())["pullRequestId"]
    threads = f"pullRequests/{number}/threads"
    made = await repository.call("POST", threads, {"comments": [{"content": "Why?"}], "status": "active"})
    one = f"{threads}/{made.body['id']}"
    await repository.call("POST", f"{one}/comments", {"content": "Because", "parentCommentId": 1})
    await repository.call("PATCH", one, {"status": "fixed"})
    found = (await repository.call("GET", one)).body
    assert (found["status"], [c["content"] for c in found["comments"]]) == ("fixed", ["Why?", "Because"])
    assert (await repository.call("GET", threads)).body["count"] == 1


async def test_an_abandoned_pull_request_can_be_reactivated(repository: Repository, base: str) -> None:
    pull_request = await repository.pull_request()
    path = f"pullRequests/{pull_request['pullRequestId']}"
    abandoned = await repository.call("PATCH", path, {"status": "abandoned"})
    assert (abandoned.body["status"], "closedDate" in abandoned.body) == ("abandoned", True)
    assert (await repository.complete(pull_request)).status == 409
    await repository.push("feature", (await repository.tip("feature")) or "", add("/more", "1"))
    revived = await repository.call("PATCH", path, {"status": "active"})
    assert revived.body["lastMergeSourceCommit"]["commitId"] == await repository.tip("feature")
    await repository.until(pull_request["pullRequestId"], lambda pr: pr["mergeStatus"] == "succeeded")
