"""What every `GitProvider` keeps to about merging: once, and only what may be merged."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from domain.kernel.errors import Conflict, Rejected
from domain.provided import RepositoryHandle
from tests import azure_devops as emulator_fixtures
from tests import git_hosts
from tests.contracts import pull_requests
from tests.contracts.pull_requests import merge, open_one, read
from tests.end_to_end.waiting import eventually
from tests.git_hosts import TWINS, GitHost, head_of, until_answered

azure_devops, emulator_host = emulator_fixtures.azure_devops, git_hosts.emulator_host
git_host, partition, repository = git_hosts.git_host, git_hosts.partition, git_hosts.repository
feature = pull_requests.feature
NOWHERE = "0123456789abcdef0123456789abcdef01234567"


class TestMerging:
    async def test_merging_twice_merges_once(self, git_host: GitHost, feature: RepositoryHandle) -> None:
        opened = await open_one(git_host, feature)
        merged = await merge(git_host, feature, opened)
        assert (merged.status, merged.merge_operation_id) == ("completed", "cmd-merge")
        assert merged.merge_commit_sha == await head_of(git_host, feature)
        assert merged.closed_at is not None and datetime.now(UTC) - merged.closed_at < timedelta(minutes=1)
        assert await git_host.file(feature, "main", "/a.txt") == b"a"
        assert await merge(git_host, feature, opened) == merged
        assert (await merge(git_host, feature, opened, "cmd-later")).merge_operation_id == "cmd-merge"
        assert (await git_host.census(feature)).commits == 3

    async def test_a_lost_answer_merges_once(self, git_host: GitHost, feature: RepositoryHandle) -> None:
        opened = await open_one(git_host, feature)
        await git_host.lose_answer("merge_pull_request")
        merged = await until_answered(lambda: merge(git_host, feature, opened))
        assert merged.merge_commit_sha == await head_of(git_host, feature)
        assert (await git_host.census(feature)).commits == 3

    async def test_concurrent_twins_merge_once(self, git_host: GitHost, feature: RepositoryHandle) -> None:
        opened = await open_one(git_host, feature)
        merged = await asyncio.gather(*(merge(git_host, feature, opened) for _ in range(TWINS)))
        assert {one.merge_commit_sha for one in merged} == {await head_of(git_host, feature)}
        assert (await git_host.census(feature)).commits == 3

    async def test_squashing_leaves_the_sources_commits_out(
        self, git_host: GitHost, feature: RepositoryHandle
    ) -> None:
        opened = await open_one(git_host, feature)
        await git_host.push(feature, "main", "/b.txt", "b")
        merged = await merge(git_host, feature, opened, strategy="squash")
        assert merged.merge_commit_sha == await head_of(git_host, feature)
        made = await git_host.git.create_branch(feature, "copy", await head_of(git_host, feature))
        assert made == merged.merge_commit_sha
        with pytest.raises(Rejected, match="which does not contain"):
            await git_host.git.create_branch(feature, "copy", opened.source_sha)

    async def test_a_source_that_moved_on_is_a_conflict(
        self, git_host: GitHost, feature: RepositoryHandle
    ) -> None:
        opened = await open_one(git_host, feature)
        await git_host.push(feature, "feature/a", "/a.txt", "changed")
        with pytest.raises(Conflict, match=f"source of pull request {opened.number}"):
            await merge(git_host, feature, opened)
        assert (await read(git_host, feature, opened.number)).status == "active"

    async def test_unmet_policies_are_refused_by_name(
        self, git_host: GitHost, feature: RepositoryHandle
    ) -> None:
        await git_host.git.protect_branch(feature, "main", ["ci/build"], 1)
        opened = await open_one(git_host, feature)
        with pytest.raises(Rejected, match=r"^policy has not passed: .*ci/build"):
            await merge(git_host, feature, opened)
        await git_host.set_status(feature, opened.number, "ci/build", "succeeded")
        with pytest.raises(Rejected, match=r"^policy has not passed: .*Minimum number of reviewers"):
            await merge(git_host, feature, opened)
        await git_host.vote(feature, opened.number, 1, 10)
        assert (await merge(git_host, feature, opened)).status == "completed"

    async def test_conflicting_changes_are_refused_and_it_stays_active(
        self, git_host: GitHost, feature: RepositoryHandle
    ) -> None:
        opened = await open_one(git_host, feature)
        await git_host.push(feature, "main", "/a.txt", "something else")
        for _ in range(2):
            with pytest.raises(
                Rejected, match=rf"^merge conflicts: pull request {opened.number} from feature/a to main$"
            ):
                await merge(git_host, feature, opened)
        assert (await read(git_host, feature, opened.number)).status == "active"

    async def test_one_that_is_abandoned_or_missing_is_refused(
        self, git_host: GitHost, feature: RepositoryHandle
    ) -> None:
        opened = await open_one(git_host, feature)
        await git_host.abandon(feature, opened.number)
        assert (await read(git_host, feature, opened.number)).status == "abandoned"
        with pytest.raises(Rejected, match=rf"^pull request {opened.number} is abandoned$"):
            await merge(git_host, feature, opened)
        with pytest.raises(Rejected, match=r"^pull request 987654 does not exist$"):
            await git_host.git.merge_pull_request(
                feature,
                987654,
                expected_source_sha=NOWHERE,
                strategy="squash",
                operation_id="cmd-merge",
            )

    async def test_what_somebody_else_merged_is_returned_as_theirs(
        self, git_host: GitHost, feature: RepositoryHandle
    ) -> None:
        opened = await open_one(git_host, feature)
        await git_host.complete(feature, opened.number)
        merged = await merge(git_host, feature, opened)
        assert (merged.status, merged.merge_operation_id) == ("completed", None)
        assert merged.merge_commit_sha == await head_of(git_host, feature)


class TestCompletingByItself:
    async def test_it_is_merged_once_its_policies_are_satisfied(
        self, git_host: GitHost, feature: RepositoryHandle
    ) -> None:
        await git_host.git.protect_branch(feature, "main", ["ci/build"], 0)
        opened = await open_one(git_host, feature)
        for _ in range(2):
            await git_host.git.complete_when_allowed(feature, opened.number)
        assert (await read(git_host, feature, opened.number)).status == "active"
        await git_host.set_status(feature, opened.number, "ci/build", "succeeded")
        merged = await eventually(
            lambda: read(git_host, feature, opened.number), lambda found: found.status == "completed"
        )
        assert (merged.merge_operation_id, merged.merge_commit_sha) == (
            None,
            await head_of(git_host, feature),
        )
        await git_host.git.complete_when_allowed(feature, opened.number)

    async def test_one_that_is_abandoned_stays_so(self, git_host: GitHost, feature: RepositoryHandle) -> None:
        opened = await open_one(git_host, feature)
        await git_host.abandon(feature, opened.number)
        await git_host.git.complete_when_allowed(feature, opened.number)
        assert (await read(git_host, feature, opened.number)).status == "abandoned"
