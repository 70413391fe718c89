"""What every `GitProvider` keeps to about pull requests: opened once, and read whole."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from domain.kernel.errors import Rejected
from domain.provided import RepositoryHandle
from tests import azure_devops as emulator_fixtures
from tests import git_hosts
from tests.contracts import pull_requests
from tests.contracts.pull_requests import merge, open_one, read
from tests.git_hosts import TWINS, GitHost, head_of, until, until_answered

azure_devops, emulator_host = emulator_fixtures.azure_devops, git_hosts.emulator_host
git_host, partition, repository = git_hosts.git_host, git_hosts.partition, git_hosts.repository
feature = pull_requests.feature


class TestOpening:
    async def test_opening_twice_makes_one(self, git_host: GitHost, feature: RepositoryHandle) -> None:
        opened = await open_one(git_host, feature)
        assert (opened.status, opened.source_branch, opened.target_branch) == ("active", "feature/a", "main")
        assert (opened.title, opened.description, opened.operation_id) == ("Add a", "Adds it.", "cmd-open")
        assert opened.source_sha == await head_of(git_host, feature, "feature/a")
        assert (opened.merge_commit_sha, opened.closed_at) == (None, None)
        assert (await open_one(git_host, feature)).number == opened.number
        assert (await git_host.census(feature)).pull_requests == 1

    async def test_a_lost_answer_opens_no_second_one(
        self, git_host: GitHost, feature: RepositoryHandle
    ) -> None:
        await git_host.lose_answer("open_pull_request")
        opened = await until_answered(lambda: open_one(git_host, feature))
        assert opened.operation_id == "cmd-open"
        assert (await git_host.census(feature)).pull_requests == 1

    async def test_concurrent_twins_open_one(self, git_host: GitHost, feature: RepositoryHandle) -> None:
        opened = await asyncio.gather(*(open_one(git_host, feature) for _ in range(TWINS)))
        assert len({one.number for one in opened}) == 1
        assert (await git_host.census(feature)).pull_requests == 1

    async def test_somebody_elses_between_the_same_branches_is_refused_by_number(
        self, git_host: GitHost, feature: RepositoryHandle
    ) -> None:
        other = await open_one(git_host, feature, "cmd-other")
        with pytest.raises(
            Rejected, match=f"^pull request {other.number} from feature/a to main is already active$"
        ):
            await open_one(git_host, feature)
        await git_host.abandon(feature, other.number)
        assert (await open_one(git_host, feature)).number != other.number

    async def test_a_repeat_after_the_merge_opens_no_second_one(
        self, git_host: GitHost, feature: RepositoryHandle
    ) -> None:
        opened = await open_one(git_host, feature)
        await merge(git_host, feature, opened)
        await git_host.push(feature, "feature/a", "/b.txt", "b")
        again = await open_one(git_host, feature)
        assert (again.number, again.status) == (opened.number, "completed")

    async def test_a_long_description_arrives_and_is_still_told_apart(
        self, git_host: GitHost, feature: RepositoryHandle
    ) -> None:
        description = (
            "Why: " + "because it is needed. " * 150 + "\n\nCS-Operation-Id: cmd-quoted\n\nThat is why."
        )
        opened = await open_one(git_host, feature, description=description)
        assert (opened.description, opened.operation_id) == (description, "cmd-open")
        assert (await open_one(git_host, feature, description=description)).number == opened.number

    async def test_a_missing_branch_is_refused(self, git_host: GitHost, feature: RepositoryHandle) -> None:
        for source, target, missing in (("feature/b", "main", "feature/b"), ("feature/a", "prod", "prod")):
            with pytest.raises(Rejected, match=rf"^branch {missing} does not exist$"):
                await git_host.git.open_pull_request(feature, source, target, "Add", "", operation_id="cmd-1")
        with pytest.raises(Rejected, match=r"^source and target are the same branch$"):
            await git_host.git.open_pull_request(feature, "main", "main", "Add", "", operation_id="cmd-1")


class TestReading:
    async def test_one_that_does_not_exist_is_none(
        self, git_host: GitHost, repository: RepositoryHandle
    ) -> None:
        assert await git_host.git.pull_request(repository, 987654) is None

    async def test_required_checks_are_pending_until_they_report(
        self, git_host: GitHost, feature: RepositoryHandle
    ) -> None:
        await git_host.git.protect_branch(feature, "main", ["ci/build", "ci/lint"], 1)
        opened = await open_one(git_host, feature)
        assert [(check.name, check.state, check.required) for check in opened.checks] == [
            ("ci/build", "pending", True),
            ("ci/lint", "pending", True),
        ]
        waiting = {result.name: result.status for result in opened.policies}
        assert waiting.keys() == {"ci/build", "ci/lint", "Minimum number of reviewers"}
        assert all(result.blocking for result in opened.policies)
        assert waiting["ci/build"] == "queued"

        await git_host.set_status(feature, opened.number, "ci/build", "failed")
        await git_host.set_status(feature, opened.number, "ci/build", "succeeded")
        await git_host.set_status(feature, opened.number, "ci/lint", "failed")
        await git_host.set_status(feature, opened.number, "docs/links", "pending")
        await git_host.vote(feature, opened.number, 1, 10)
        found = await until(
            lambda: read(git_host, feature, opened.number),
            lambda one: {result.status for result in one.policies} == {"approved", "rejected"},
        )
        assert [(check.name, check.state, check.required) for check in found.checks] == [
            ("ci/build", "succeeded", True),
            ("ci/lint", "failed", True),
            ("docs/links", "pending", False),
        ]
        assert {result.name: result.status for result in found.policies} == {
            "ci/build": "approved",
            "ci/lint": "rejected",
            "Minimum number of reviewers": "approved",
        }

    async def test_a_push_to_the_source_makes_its_checks_pending_again(
        self, git_host: GitHost, feature: RepositoryHandle
    ) -> None:
        await git_host.git.protect_branch(feature, "main", ["ci/build"], 0)
        opened = await open_one(git_host, feature)
        await git_host.set_status(feature, opened.number, "ci/build", "succeeded")
        pushed = await git_host.push(feature, "feature/a", "/a.txt", "b")
        found = await until(
            lambda: read(git_host, feature, opened.number), lambda one: one.source_sha == pushed
        )
        assert [(check.name, check.state) for check in found.checks] == [("ci/build", "pending")]

    async def test_votes_and_comments_are_read(self, git_host: GitHost, feature: RepositoryHandle) -> None:
        opened = await open_one(git_host, feature)
        await git_host.vote(feature, opened.number, 1, 5)
        await git_host.vote(feature, opened.number, 1, 10)
        await git_host.vote(feature, opened.number, 2, -10)
        await git_host.comment(feature, opened.number, "Why not b?")
        await git_host.comment(feature, opened.number, "Never mind.")
        found = await read(git_host, feature, opened.number)
        assert sorted(review.vote for review in found.reviews) == [-10, 10]
        assert len({review.reviewer for review in found.reviews}) == 2
        assert [comment.text for comment in found.comments] == ["Why not b?", "Never mind."]
        assert len({comment.comment_id for comment in found.comments}) == 2
        assert all(datetime.now(UTC) - one.posted_at < timedelta(minutes=1) for one in found.comments)


async def test_a_reconciler_finds_what_changed_since(git_host: GitHost, feature: RepositoryHandle) -> None:
    opened = await open_one(git_host, feature)
    numbers, branches = await git_host.git.changed_since(feature, datetime.now(UTC) - timedelta(minutes=1))
    assert (list(numbers), list(branches)) == ([opened.number], ["feature/a", "main"])

    in_an_hour = datetime.now(UTC) + timedelta(hours=1)
    assert [list(part) for part in await git_host.git.changed_since(feature, in_an_hour)] == [
        [opened.number],
        [],
    ]
    await merge(git_host, feature, opened)
    assert [list(part) for part in await git_host.git.changed_since(feature, in_an_hour)] == [[], []]
    numbers, _ = await git_host.git.changed_since(feature, datetime.now(UTC) - timedelta(minutes=1))
    assert list(numbers) == [opened.number]
