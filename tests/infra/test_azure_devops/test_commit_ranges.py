"""Ranges of commits, and which pull requests their commits are of."""

from __future__ import annotations

import pytest

from tests.infra.test_azure_devops.client import Repository


async def listed(repository: Repository, item: str, compare: str) -> list[str]:
    query = (
        f"searchCriteria.itemVersion.version={item}&searchCriteria.itemVersion.versionType=commit"
        f"&searchCriteria.compareVersion.version={compare}&searchCriteria.compareVersion.versionType=commit"
    )
    found = await repository.call("GET", f"commits?{query}")
    assert found.status == 200, found
    return [commit["commitId"] for commit in found.value]


async def queried(repository: Repository, kind: str, *shas: str) -> dict[str, list[int]]:
    body = {"queries": [{"type": kind, "items": list(shas)}]}
    found = await repository.call("POST", "pullrequestquery", body)
    assert found.status == 200, found
    assert found.body["queries"] == body["queries"]
    (result,) = found.body["results"]
    return {sha: [one["pullRequestId"] for one in of] for sha, of in result.items()}


async def merged(repository: Repository, strategy: str) -> tuple[int, str]:
    """A merged pull request from feature to main: its number and its merge commit."""
    opened = await repository.pull_request()
    number = opened["pullRequestId"]
    ready = await repository.until(number, lambda one: one["mergeStatus"] == "succeeded")
    assert (await repository.complete(ready, strategy)).status == 200
    done = await repository.until(number, lambda one: one["status"] == "completed")
    return number, done["lastMergeCommit"]["commitId"]


class TestRanges:
    async def test_the_walk_starts_at_the_compared_version_and_leaves_out_what_the_item_version_has(
        self, repository: Repository, base: str
    ) -> None:
        feature = await repository.tip("feature")
        assert feature is not None
        third = await repository.commit("feature", feature, {"/c": "3\n"})
        assert await listed(repository, base, third) == [third, feature]
        assert await listed(repository, feature, third) == [third]
        assert await listed(repository, third, base) == []
        assert await listed(repository, third, third) == []

    async def test_what_both_sides_have_is_left_out(self, repository: Repository, base: str) -> None:
        feature = await repository.tip("feature")
        assert feature is not None
        main = await repository.commit("main", base, {"/d": "4\n"})
        assert await listed(repository, main, feature) == [feature]
        assert await listed(repository, feature, main) == [main]

    async def test_a_compared_version_that_does_not_exist_is_refused(
        self, repository: Repository, base: str
    ) -> None:
        query = f"searchCriteria.itemVersion.version={base}&searchCriteria.itemVersion.versionType=commit"
        nowhere = f"searchCriteria.compareVersion.version={'1' * 40}&searchCriteria.compareVersion"
        found = await repository.call("GET", f"commits?{query}&{nowhere}.versionType=commit")
        assert (found.status, found.type_key) == (404, "GitUnresolvableToCommitException")


class TestPullRequestQuery:
    async def test_a_merge_commit_names_the_pull_request_that_made_it(
        self, repository: Repository, base: str
    ) -> None:
        number, merge = await merged(repository, "noFastForward")
        feature = await repository.tip("feature")
        assert feature is not None
        assert await queried(repository, "lastMergeCommit", base, merge, feature) == {merge: [number]}

    async def test_a_commit_names_the_pull_requests_that_brought_it(
        self, repository: Repository, base: str
    ) -> None:
        feature = await repository.tip("feature")
        assert feature is not None
        assert await queried(repository, "commit", feature) == {}
        number, _ = await merged(repository, "squash")
        assert await queried(repository, "commit", base, feature) == {feature: [number]}

    @pytest.mark.parametrize("body", [{}, {"queries": []}, {"queries": [{"type": "branch", "items": []}]}])
    async def test_what_is_no_query_is_refused(self, repository: Repository, body: dict[str, object]) -> None:
        assert (await repository.call("POST", "pullrequestquery", body)).status == 400
