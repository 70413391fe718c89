"""Completing pull requests: later than the answer, in four ways, and not when something is in the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.infra.test_azure_devops.client import ZERO, Repository, Running, edit


async def test_completion_is_accepted_first_and_done_later(repository: Repository, base: str) -> None:
    pull_request = await repository.pull_request()
    number = pull_request["pullRequestId"]
    accepted = await repository.complete(
        pull_request,
        completionOptions={
            "mergeStrategy": "squash",
            "deleteSourceBranch": True,
            "mergeCommitMessage": "All of it\n\nCS-Operation-Id: 1",
        },
    )
    assert accepted.status == 200
    assert accepted.body["status"] == "active", "200 is not merged"
    assert await repository.tip("main") == base
    done = await repository.until(number, lambda pr: pr["status"] == "completed")
    merge = done["lastMergeCommit"]["commitId"]
    assert done["closedDate"] and done["mergeStatus"] == "succeeded"
    assert await repository.tip("main") == merge
    assert await repository.tip("feature") is None
    commit = (await repository.call("GET", f"commits/{merge}")).body
    assert commit["comment"] == "All of it\n\nCS-Operation-Id: 1"
    assert commit["parents"] == [base]
    late = await repository.call("PATCH", f"pullRequests/{number}", {"title": "too late"})
    assert (late.status, late.type_key) == (409, "GitPullRequestNotEditableException")


@pytest.mark.parametrize(
    ("strategy", "parents", "comments"),
    [
        ("noFastForward", 2, ["Merged PR {n}: A change", "second", "target moved", "feature work", "change"]),
        ("squash", 1, ["Merged PR {n}: A change", "target moved", "change"]),
        ("rebase", 1, ["second", "feature work", "target moved", "change"]),
        ("rebaseMerge", 2, ["Merged PR {n}: A change", "second", "feature work", "target moved", "change"]),
    ],
)
async def test_each_merge_strategy_leaves_its_own_history(
    repository: Repository, base: str, strategy: str, parents: int, comments: list[str]
) -> None:
    tip = await repository.tip("feature")
    assert tip is not None
    reply = await repository.push("feature", tip, edit("/b", "3\n"), comment="second")
    source = reply.body["refUpdates"][0]["newObjectId"]
    await repository.commit("main", base, {"/c": "4\n"}, comment="target moved")
    pull_request = await repository.pull_request()
    assert pull_request["lastMergeSourceCommit"]["commitId"] == source
    assert (await repository.complete(pull_request, strategy)).status == 200
    number = pull_request["pullRequestId"]
    done = await repository.until(number, lambda pr: pr["status"] == "completed")
    commit = await repository.call("GET", f"commits/{done['lastMergeCommit']['commitId']}")
    assert len(commit.body["parents"]) == parents
    history = await repository.call("GET", "commits?searchCriteria.itemVersion.version=main")
    found = [commit["comment"] for commit in history.value]
    assert sorted(found) == sorted(comment.format(n=number) for comment in comments)
    assert found[0] == comments[0].format(n=number)
    assert [await repository.file(path) for path in ("/b", "/c")] == [b"3\n", b"4\n"]


async def test_a_conflict_leaves_the_pull_request_active(repository: Repository, base: str) -> None:
    feature = await repository.tip("feature")
    assert feature is not None
    await repository.push("feature", feature, edit("/a", "theirs\n"))
    pushed = await repository.push("main", base, edit("/a", "ours\n"))
    pull_request = await repository.pull_request()
    number = pull_request["pullRequestId"]
    await repository.until(number, lambda pr: pr["mergeStatus"] == "conflicts")
    assert (await repository.complete(pull_request)).status == 200
    failed = await repository.until(
        number, lambda pr: pr["mergeStatus"] == "conflicts" and "completionQueueTime" not in pr
    )
    assert failed["status"] == "active"
    assert await repository.tip("main") == pushed.body["refUpdates"][0]["newObjectId"]


async def test_completing_with_a_stale_head_is_refused_and_zeros_mean_no_guard(
    repository: Repository, base: str
) -> None:
    pull_request = await repository.pull_request()
    tip = pull_request["lastMergeSourceCommit"]["commitId"]
    await repository.commit("feature", tip, {"/late": "x"})
    stale = await repository.complete(pull_request, title="not taken")
    assert (stale.status, stale.type_key) == (409, "GitPullRequestStaleException")
    assert "TF401192" in stale.body["message"]
    assert (await repository.get_pull_request(pull_request["pullRequestId"]))["title"] == "A change"
    unguarded = await repository.complete(pull_request, lastMergeSourceCommit={"commitId": ZERO})
    assert unguarded.status == 200
    await repository.until(pull_request["pullRequestId"], lambda pr: pr["status"] == "completed")
    assert await repository.file("/late") == b"x"


async def test_a_source_that_moves_after_the_request_is_not_merged(tmp_path: Path) -> None:
    server = await Running.start(tmp_path, "--latency-ms", "1000")
    try:
        repository = await (await server.project()).repository()
        base = await repository.commit("main", ZERO, {"/a": "1"})
        await repository.commit("feature", base, {"/b": "1"})
        pull_request = await repository.pull_request()
        assert (await repository.complete(pull_request)).status == 200
        moved = await repository.commit(
            "feature", pull_request["lastMergeSourceCommit"]["commitId"], {"/c": "1"}
        )
        left = await repository.until(
            pull_request["pullRequestId"],
            # The test merge of the new source comes in its own time, before or after the refusal.
            lambda pr: (
                "completionQueueTime" not in pr
                and pr["lastMergeSourceCommit"]["commitId"] == moved
                and pr["mergeStatus"] == "succeeded"
            ),
        )
        assert left["status"] == "active"
        assert await repository.tip("main") == base
    finally:
        await server.stop()
