"""What every `GitProvider` keeps to about what a commit holds, and about who made it."""

import pytest

from domain.kernel.errors import Rejected
from domain.provided import FileContent, RepositoryHandle
from tests import azure_devops as emulator_fixtures
from tests import git_hosts
from tests.git_hosts import GitHost, a_minute_ago, head_of, until

azure_devops, emulator_host = emulator_fixtures.azure_devops, git_hosts.emulator_host
git_host, partition, repository = git_hosts.git_host, git_hosts.partition, git_hosts.repository

NOWHERE = "0123456789abcdef0123456789abcdef01234567"
ADA, BOB, EVE = "ada@example.com", "bob@example.com", "eve@example.com"


async def committed(git_host: GitHost, handle: RepositoryHandle, message: str, author: str) -> str:
    made = await git_host.git.create_commit(
        handle,
        "main",
        message,
        [FileContent("a.txt", "add", b"a")],
        author=author,
        operation_id="cmd-commit",
        since=a_minute_ago(),
    )
    return made.sha


async def merged(
    git_host: GitHost, handle: RepositoryHandle, strategy: str, *authors: str
) -> tuple[int, str]:
    """A pull request with a commit of each author, merged: its number and its merge commit."""
    git = git_host.git
    await git.create_branch(handle, "feature/a", await head_of(git_host, handle))
    for index, author in enumerate(authors):
        head = await git_host.push(handle, "feature/a", f"/{index}.txt", "new\n", author=author)
    opened = await git.open_pull_request(handle, "feature/a", "main", "Add it", "", operation_id="cmd-open")

    async def source_sha() -> str:
        found = await git.pull_request(handle, opened.number)
        return found.source_sha if found is not None else ""

    await until(source_sha, lambda sha: sha == head)
    done = await git.merge_pull_request(
        handle, opened.number, expected_source_sha=head, strategy=strategy, operation_id="cmd-merge"
    )
    assert done.merge_commit_sha is not None
    return opened.number, done.merge_commit_sha


class TestFiles:
    async def test_the_paths_of_a_commit_are_relative_to_the_root(
        self, git_host: GitHost, repository: RepositoryHandle
    ) -> None:
        first = await head_of(git_host, repository)
        head = await git_host.push(repository, "main", "/src/deep/app.py", "print()\n")
        for _ in range(2):
            assert list(await git_host.git.file_paths(repository, head)) == ["README.md", "src/deep/app.py"]
            assert list(await git_host.git.file_paths(repository, first)) == ["README.md"]

    async def test_a_file_is_read_as_it_was_at_the_commit(
        self, git_host: GitHost, repository: RepositoryHandle
    ) -> None:
        before = await git_host.push(repository, "main", "/a.json", '{"a": 1}\n')
        after = await git_host.push(repository, "main", "/a.json", '{"a": "ä"}\r\n')
        git = git_host.git
        assert await git.file(repository, before, "a.json") == b'{"a": 1}\n'
        for path in ("a.json", "/a.json"):
            assert await git.file(repository, after, path) == '{"a": "ä"}\r\n'.encode()

    async def test_a_file_that_is_not_there_is_none_and_so_is_a_folder(
        self, git_host: GitHost, repository: RepositoryHandle
    ) -> None:
        head = await git_host.push(repository, "main", "/src/app.py", "print()\n")
        for path in ("nowhere.txt", "src/nowhere.txt", "src"):
            assert await git_host.git.file(repository, head, path) is None

    async def test_a_commit_that_does_not_exist_is_refused(
        self, git_host: GitHost, repository: RepositoryHandle
    ) -> None:
        with pytest.raises(Rejected, match=f"^commit {NOWHERE} does not exist$"):
            await git_host.git.file_paths(repository, NOWHERE)
        with pytest.raises(Rejected, match=f"^commit {NOWHERE} does not exist$"):
            await git_host.git.file(repository, NOWHERE, "README.md")
        with pytest.raises(Rejected, match=f"{NOWHERE} does not exist"):
            await git_host.git.contributions(repository, NOWHERE, None)
        head = await head_of(git_host, repository)
        with pytest.raises(Rejected, match=f"{NOWHERE} does not exist"):
            await git_host.git.contributions(repository, head, NOWHERE)


class TestContributions:
    async def test_they_are_of_what_the_commit_has_beyond_the_other(
        self, git_host: GitHost, repository: RepositoryHandle
    ) -> None:
        first = await git_host.push(repository, "main", "/a.txt", "1\n", author=ADA)
        second = await git_host.push(repository, "main", "/a.txt", "2\n", author=BOB)
        git = git_host.git
        for _ in range(2):
            found = await git.contributions(repository, second, first)
            assert BOB in found.authors and ADA not in found.authors
            assert (found.pull_requests, found.pull_request_authors) == ((), ())
        assert {ADA, BOB} <= {*(await git.contributions(repository, second, None)).authors}
        assert (await git.contributions(repository, second, second)).authors == ()
        assert (await git.contributions(repository, first, second)).authors == ()

    async def test_co_authors_count_also_at_the_end_of_a_long_message(
        self, git_host: GitHost, repository: RepositoryHandle
    ) -> None:
        first = await head_of(git_host, repository)
        message = f"{'Long. ' * 60}\n\nCo-authored-by: Eve <{EVE}>\nCo-Authored-By: Bob <{BOB}>"
        head = await committed(git_host, repository, message, ADA)
        assert {ADA, BOB, EVE} <= {*(await git_host.git.contributions(repository, head, first)).authors}

    async def test_a_name_without_an_address_counts_by_the_name(
        self, git_host: GitHost, repository: RepositoryHandle
    ) -> None:
        first = await head_of(git_host, repository)
        head = await committed(git_host, repository, "Add a", "Ada")
        assert "Ada" in (await git_host.git.contributions(repository, head, first)).authors

    @pytest.mark.parametrize("strategy", ["noFastForward", "squash"])
    async def test_a_merge_names_its_pull_request_and_everybody_who_wrote_in_it(
        self, git_host: GitHost, repository: RepositoryHandle, strategy: str
    ) -> None:
        git, first = git_host.git, await head_of(git_host, repository)
        number, merge = await merged(git_host, repository, strategy, ADA, BOB)
        after = await git_host.push(repository, "main", "/b.txt", "1\n", author=EVE)
        for _ in range(2):
            found = await git.contributions(repository, after, first)
            assert found.pull_requests == (number,)
            assert len(found.pull_request_authors) == len(found.mergers) == 1
            assert {ADA, BOB, EVE} <= {*found.authors}
        assert (await git.contributions(repository, after, merge)).pull_requests == ()

    async def test_a_merge_commit_knows_its_pull_request_and_no_other_commit_does(
        self, git_host: GitHost, repository: RepositoryHandle
    ) -> None:
        git, first = git_host.git, await head_of(git_host, repository)
        number, merge = await merged(git_host, repository, "noFastForward", ADA)
        for _ in range(2):
            assert await git.merged_by(repository, merge) == number
        for sha in (first, await head_of(git_host, repository, "feature/a"), NOWHERE):
            assert await git.merged_by(repository, sha) is None
