"""Branch policies: configurations, protected branches, and evaluations that lag behind."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from tests.infra.test_azure_devops.client import ZERO, Json, Project, Repository, Running, add, eventually

MINIMUM_APPROVERS = "fa4e907d-c16b-4a4c-9dfa-4906e5d171dd"
REQUIRED_REVIEWERS = "fd2167ab-b0be-447a-8ec8-39368250530e"
BUILD = "0609b952-1397-4640-95ec-e00a01b2c241"
MERGE_STRATEGY = "fa4e907d-c16b-4a4c-9dfa-4916e5d171ab"
COMMENTS = "c6a1889d-b943-4856-b76f-9e46bb6b0df2"
STATUS = "cbdc66da-9728-4af8-aada-9a5a32e4a226"

_GATE = {"statusGenre": "factory", "statusName": "policy", "invalidateOnSourceUpdate": True}


async def _evaluated(repository: Repository, number: int, *statuses: str) -> None:
    await eventually(lambda: repository.evaluations(number), lambda found: found == list(statuses))


async def _post_status(repository: Repository, number: int, state: str, iteration: int = 1) -> None:
    body = {"state": state, "context": {"genre": "factory", "name": "policy"}}
    path = f"pullRequests/{number}/iterations/{iteration}/statuses"
    assert (await repository.call("POST", path, body)).status == 200


async def test_configurations_are_created_replaced_listed_and_deleted(
    project: Project, repository: Repository
) -> None:
    policy = await project.policy(repository, MINIMUM_APPROVERS, {"minimumApproverCount": 1})
    assert (policy["revision"], policy["type"]["displayName"]) == (1, "Minimum number of reviewers")
    path = f"policy/configurations/{policy['id']}"
    policy["settings"]["minimumApproverCount"] = 2
    replaced = await project.call("PUT", path, policy)
    assert replaced.body["revision"] == 2
    listed = await project.call("GET", f"policy/configurations?policyType={MINIMUM_APPROVERS}")
    assert [p["settings"]["minimumApproverCount"] for p in listed.value] == [2]
    assert (await project.call("GET", f"policy/configurations?policyType={STATUS}")).value == []
    assert (await project.call("DELETE", path)).status == 204
    assert (await project.call("GET", path)).type_key == "PolicyConfigurationNotFoundException"


@pytest.mark.parametrize(
    "change",
    [
        {"type": {"id": str(uuid.uuid4())}},
        {"settings": {"minimumApproverCount": 1}},
        {"settings": {"minimumApproverCount": 1, "scope": []}},
        {"isEnabled": None},
        {"type": {"id": STATUS}, "settings": {"scope": [{"refName": "refs/heads/main"}]}},
    ],
)
async def test_a_configuration_that_says_too_little_is_refused(project: Project, change: Json) -> None:
    body = {
        "isEnabled": True,
        "isBlocking": True,
        "type": {"id": MINIMUM_APPROVERS},
        "settings": {"minimumApproverCount": 1, "scope": [{"refName": "refs/heads/main"}]},
    }
    assert (await project.call("POST", "policy/configurations", body | change)).status in (400, 404)
    assert (await project.call("GET", "policy/configurations")).value == []


async def test_a_protected_branch_takes_neither_pushes_nor_ref_updates(
    repository: Repository, base: str
) -> None:
    policy = await repository.project.policy(repository, STATUS, _GATE)
    refused = await repository.push("main", base, add("/x", "1"))
    assert (refused.status, refused.type_key) == (403, "GitRefUpdateRejectedByPolicyException")
    assert "TF402455" in refused.body["message"]
    update = [{"name": "refs/heads/main", "oldObjectId": base, "newObjectId": ZERO}]
    answered = await repository.call("POST", "refs", update)
    assert (answered.status, answered.value[0]["updateStatus"]) == (200, "rejectedByPolicy")
    assert (await repository.push("free", base, add("/x", "1"))).status == 201
    policy["isBlocking"] = False
    await repository.project.call("PUT", f"policy/configurations/{policy['id']}", policy)
    assert (await repository.push("main", base, add("/x", "1"))).status == 201


async def test_a_status_gate_follows_the_latest_status_of_its_context(
    repository: Repository, base: str
) -> None:
    await repository.project.policy(repository, STATUS, _GATE)
    pull_request = await repository.pull_request()
    number = pull_request["pullRequestId"]
    assert await repository.evaluations(number) == ["queued"]
    for state, status in (("pending", "running"), ("failed", "rejected"), ("succeeded", "approved")):
        await _post_status(repository, number, state)
        await _evaluated(repository, number, status)
    body = {"state": "failed", "context": {"genre": "other", "name": "policy"}}
    await repository.call("POST", f"pullRequests/{number}/statuses", body)
    assert (await repository.complete(pull_request)).status == 200
    await repository.until(number, lambda pr: pr["status"] == "completed")


async def test_evaluations_lag_behind_the_status_that_changes_them(tmp_path: Path) -> None:
    server = await Running.start(tmp_path, "--latency-ms", "1000")
    try:
        repository = await (await server.project()).repository()
        commit = await repository.commit("main", ZERO, {"/a": "1"})
        await repository.commit("feature", commit, {"/b": "1"})
        await repository.project.policy(repository, STATUS, _GATE)
        number = (await repository.pull_request())["pullRequestId"]
        await _post_status(repository, number, "succeeded")
        assert await repository.evaluations(number) == ["queued"]
        await _evaluated(repository, number, "approved")
    finally:
        await server.stop()


async def test_a_push_invalidates_the_status_of_the_iteration_before(
    repository: Repository, base: str
) -> None:
    await repository.project.policy(repository, STATUS, _GATE)
    pull_request = await repository.pull_request()
    number, tip = pull_request["pullRequestId"], pull_request["lastMergeSourceCommit"]["commitId"]
    await _post_status(repository, number, "succeeded")
    await _evaluated(repository, number, "approved")
    moved = await repository.commit("feature", tip, {"/c": "1"})
    await _evaluated(repository, number, "queued")
    refused = await repository.complete({**pull_request, "lastMergeSourceCommit": {"commitId": moved}})
    assert (refused.status, refused.type_key) == (403, "GitPullRequestUpdateRejectedByPolicyException")
    await _post_status(repository, number, "succeeded", iteration=2)
    await _evaluated(repository, number, "approved")


async def test_completion_with_policies_unmet_is_refused(repository: Repository, base: str) -> None:
    await repository.project.policy(
        repository, MINIMUM_APPROVERS, {"minimumApproverCount": 1, "resetOnSourcePush": True}
    )
    pull_request = await repository.pull_request()
    number = pull_request["pullRequestId"]
    refused = await repository.complete(pull_request)
    assert (refused.status, refused.type_key) == (403, "GitPullRequestUpdateRejectedByPolicyException")
    bypass = {"mergeStrategy": "squash", "bypassPolicy": True}
    assert (await repository.complete(pull_request, completionOptions=bypass)).status == 403
    creator = pull_request["createdBy"]["id"]
    await repository.call("PUT", f"pullRequests/{number}/reviewers/{creator}", {"vote": 10})
    assert (await repository.complete(pull_request)).status == 403, "the creator's vote does not count"
    reviewer = f"pullRequests/{number}/reviewers/{uuid.uuid4()}"
    await repository.call("PUT", reviewer, {"vote": -10})
    await _evaluated(repository, number, "rejected")
    await repository.call("PUT", reviewer, {"vote": 5})
    await _evaluated(repository, number, "approved")
    moved = await repository.commit("feature", pull_request["lastMergeSourceCommit"]["commitId"], {"/c": "1"})
    await _evaluated(repository, number, "running")
    await repository.call("PUT", reviewer, {"vote": 10})
    assert (
        await repository.complete({**pull_request, "lastMergeSourceCommit": {"commitId": moved}})
    ).status == 200
    await repository.until(number, lambda pr: pr["status"] == "completed")


async def test_required_reviewers_comments_builds_and_strategy_each_hold_a_completion_back(
    repository: Repository, base: str
) -> None:
    wanted = str(uuid.uuid4())
    project = repository.project
    await project.policy(repository, REQUIRED_REVIEWERS, {"requiredReviewerIds": [wanted]})
    await project.policy(repository, COMMENTS, {})
    build = await project.policy(repository, BUILD, {"buildDefinitionId": 7})
    await project.policy(repository, MERGE_STRATEGY, {"allowSquash": True})
    pull_request = await repository.pull_request()
    number = pull_request["pullRequestId"]
    thread = await repository.call(
        "POST", f"pullRequests/{number}/threads", {"comments": [{"content": "?"}], "status": "active"}
    )
    await _evaluated(repository, number, "running", "rejected", "queued", "approved")
    await repository.call("PUT", f"pullRequests/{number}/reviewers/{wanted}", {"vote": 10})
    await _evaluated(repository, number, "approved", "rejected", "queued", "approved")
    assert (await repository.complete(pull_request)).status == 403
    await repository.call("PATCH", f"pullRequests/{number}/threads/{thread.body['id']}", {"status": "closed"})
    await project.server.local(
        "PUT", f"acme/pullrequests/{number}/builds/{build['id']}", {"status": "approved"}
    )
    await _evaluated(repository, number, "approved", "approved", "approved", "approved")
    wrong = await repository.complete(pull_request, "noFastForward")
    assert (wrong.status, wrong.type_key) == (403, "GitPullRequestUpdateRejectedByPolicyException")
    assert (await repository.complete(pull_request, "squash")).status == 200
    await repository.until(number, lambda pr: pr["status"] == "completed")


async def test_a_new_policy_soon_applies_to_the_pull_requests_that_are_open(
    repository: Repository, base: str
) -> None:
    number = (await repository.pull_request())["pullRequestId"]
    policy = await repository.project.policy(repository, STATUS, _GATE)
    await _evaluated(repository, number, "queued")
    await repository.project.call("DELETE", f"policy/configurations/{policy['id']}")
    await _evaluated(repository, number)
