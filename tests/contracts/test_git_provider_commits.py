"""What every `GitProvider` keeps to about branches and commits."""

import asyncio

import pytest

from domain.kernel.errors import Conflict, Rejected
from domain.provided import FileContent, ProvidedCommit, RepositoryHandle
from tests import azure_devops as emulator_fixtures
from tests import git_hosts
from tests.git_hosts import TWINS, GitHost, a_minute_ago, head_of, until_answered

azure_devops, emulator_host = emulator_fixtures.azure_devops, git_hosts.emulator_host
git_host, partition, repository = git_hosts.git_host, git_hosts.partition, git_hosts.repository

NOWHERE = "0123456789abcdef0123456789abcdef01234567"
NEW_FILE = FileContent("src/app.py", "add", b"print('hello')\n")


async def commit(
    git_host: GitHost,
    handle: RepositoryHandle,
    operation_id: str,
    *changes: FileContent,
    branch: str = "main",
    message: str = "Add the app",
    expected_head: str | None = None,
) -> ProvidedCommit:
    return await git_host.git.create_commit(
        handle,
        branch,
        message,
        changes or (NEW_FILE,),
        author="ada@example.com",
        operation_id=operation_id,
        since=a_minute_ago(),
        expected_head=expected_head,
    )


class TestBranches:
    async def test_creating_twice_makes_one(self, git_host: GitHost, repository: RepositoryHandle) -> None:
        base = await head_of(git_host, repository)
        await git_host.lose_answer("create_branch")
        for _ in range(2):
            create = lambda: git_host.git.create_branch(repository, "feature/a", base)  # noqa: E731
            assert await until_answered(create) == base
        assert await git_host.git.branch_head(repository, "feature/a") == base
        assert (await git_host.census(repository)).branches == 2

    async def test_concurrent_twins_make_one(self, git_host: GitHost, repository: RepositoryHandle) -> None:
        base = await head_of(git_host, repository)
        calls = (git_host.git.create_branch(repository, "feature/a", base) for _ in range(TWINS))
        assert await asyncio.gather(*calls) == [base] * TWINS
        assert (await git_host.census(repository)).branches == 2

    async def test_one_that_has_grown_meanwhile_is_the_same_branch(
        self, git_host: GitHost, repository: RepositoryHandle
    ) -> None:
        base = await head_of(git_host, repository)
        await git_host.git.create_branch(repository, "feature/a", base)
        grown = await git_host.push(repository, "feature/a", "/a.txt", "a")
        assert await git_host.git.create_branch(repository, "feature/a", base) == grown

    async def test_one_that_is_elsewhere_is_refused(
        self, git_host: GitHost, repository: RepositoryHandle
    ) -> None:
        base = await head_of(git_host, repository)
        await git_host.git.create_branch(repository, "feature/a", base)
        moved = await git_host.push(repository, "main", "/a.txt", "a")
        with pytest.raises(Rejected, match=f"branch feature/a exists at {base}, .* not contain {moved}"):
            await git_host.git.create_branch(repository, "feature/a", moved)
        assert await git_host.git.branch_head(repository, "feature/a") == base

    async def test_what_cannot_be_is_refused_with_the_reason(
        self, git_host: GitHost, repository: RepositoryHandle
    ) -> None:
        base, create = await head_of(git_host, repository), git_host.git.create_branch
        with pytest.raises(Rejected, match=f"^commit {NOWHERE} does not exist$"):
            await create(repository, "feature/a", NOWHERE)
        with pytest.raises(Rejected, match=f"^commit {NOWHERE} does not exist$"):
            await create(repository, "main", NOWHERE)
        with pytest.raises(Rejected, match=r"^branch main/x conflicts with the name of another branch$"):
            await create(repository, "main/x", base)
        with pytest.raises(Rejected, match=r"^a\.\.b is not a valid branch name$"):
            await create(repository, "a..b", base)

    async def test_the_head_of_a_missing_branch_is_none_whatever_begins_like_it(
        self, git_host: GitHost, repository: RepositoryHandle
    ) -> None:
        await git_host.git.create_branch(repository, "feature/ab", await head_of(git_host, repository))
        assert await git_host.git.branch_head(repository, "feature/a") is None


class TestCommits:
    async def test_committing_twice_makes_one(self, git_host: GitHost, repository: RepositoryHandle) -> None:
        base = await head_of(git_host, repository)
        made = await commit(git_host, repository, "cmd-2")
        assert await commit(git_host, repository, "cmd-2") == made
        assert (made.sha, made.parent_sha) == (await head_of(git_host, repository), base)
        assert len(made.tree_hash) == 40 and made.tree_hash != made.sha
        assert await git_host.file(repository, "main", "/src/app.py") == NEW_FILE.content
        assert (await git_host.census(repository)).commits == 2

    async def test_a_lost_answer_makes_no_second_one(
        self, git_host: GitHost, repository: RepositoryHandle
    ) -> None:
        await git_host.lose_answer("create_commit")
        made = await until_answered(lambda: commit(git_host, repository, "cmd-2"))
        assert made.sha == await head_of(git_host, repository)
        assert (await git_host.census(repository)).commits == 2

    async def test_concurrent_twins_make_one(self, git_host: GitHost, repository: RepositoryHandle) -> None:
        edit = FileContent("README.md", "edit", b"same\n")
        made = await asyncio.gather(*(commit(git_host, repository, "cmd-2", edit) for _ in range(TWINS)))
        assert len(set(made)) == 1
        assert (await git_host.census(repository)).commits == 2

    async def test_concurrent_commits_of_others_all_land(
        self, git_host: GitHost, repository: RepositoryHandle
    ) -> None:
        files = [FileContent(f"{number}.txt", "add", b"x") for number in range(4)]
        calls = (commit(git_host, repository, f"cmd-{file.path}", file) for file in files)
        made = await asyncio.gather(*calls)
        assert len({one.sha for one in made}) == 4
        assert (await git_host.census(repository)).commits == 5

    async def test_a_repeat_finds_its_own_under_later_ones_and_behind_a_long_message(
        self, git_host: GitHost, repository: RepositoryHandle
    ) -> None:
        message = "Add the app\n\n" + "It greets. " * 60 + "\n\nCS-Operation-Id: cmd-quoted"
        made = await commit(git_host, repository, "cmd-2", message=message)
        same_words = FileContent("src/b.py", "add", b"")
        assert (await commit(git_host, repository, "cmd-3", same_words, message=message)).sha != made.sha
        await git_host.push(repository, "main", "/c.txt", "c")
        assert await commit(git_host, repository, "cmd-2", message=message) == made
        assert (await git_host.census(repository)).commits == 4

    async def test_a_repeat_finds_its_own_on_a_branch_that_was_protected_since(
        self, git_host: GitHost, repository: RepositoryHandle
    ) -> None:
        made = await commit(git_host, repository, "cmd-2")
        await git_host.git.protect_branch(repository, "main", ["ci/build"], 0)
        assert await commit(git_host, repository, "cmd-2") == made
        with pytest.raises(Rejected, match=r"^branch main is protected: "):
            await commit(git_host, repository, "cmd-3", FileContent("b.py", "add", b""))

    async def test_files_arrive_byte_for_byte(self, git_host: GitHost, repository: RepositoryHandle) -> None:
        contents = {
            "/text.txt": "Grüße\n".encode(),
            "/windows.txt": b"\xef\xbb\xbfone\r\ntwo\r\n",
            "/image.png": bytes(range(256)),
            "/empty": b"",
        }
        await commit(
            git_host,
            repository,
            "cmd-2",
            *(FileContent(path, "add", data) for path, data in contents.items()),
        )
        for path, data in contents.items():
            assert await git_host.file(repository, "main", path) == data

    async def test_files_are_edited_renamed_and_deleted(
        self, git_host: GitHost, repository: RepositoryHandle
    ) -> None:
        both = FileContent("a.txt", "add", b"a"), FileContent("b.txt", "add", b"b")
        await commit(git_host, repository, "cmd-2", *both)
        await commit(
            git_host,
            repository,
            "cmd-3",
            FileContent("README.md", "edit", b"new\n"),
            FileContent("moved.txt", "rename", None, "a.txt"),
            FileContent("b.txt", "delete"),
        )
        found = [
            await git_host.file(repository, "main", path) for path in ("/README.md", "/moved.txt", "/b.txt")
        ]
        assert found == [b"new\n", b"a", None]
        changed = FileContent("again.txt", "rename", b"A", "moved.txt")
        await commit(git_host, repository, "cmd-4", changed)
        assert await git_host.file(repository, "main", "/again.txt") == b"A"

    @pytest.mark.parametrize(
        "change",
        [
            FileContent("README.md", "add", b""),
            FileContent("nothing.txt", "edit", b""),
            FileContent("nothing.txt", "delete"),
            FileContent("moved.txt", "rename", None, "nothing.txt"),
        ],
        ids=lambda change: f"{change.operation} {change.path}",
    )
    async def test_a_change_that_does_not_fit_is_refused(
        self, git_host: GitHost, repository: RepositoryHandle, change: FileContent
    ) -> None:
        with pytest.raises(Rejected, match=change.previous_path or change.path):
            await commit(git_host, repository, "cmd-2", change)
        assert (await git_host.census(repository)).commits == 1

    async def test_a_missing_branch_is_refused(self, git_host: GitHost, repository: RepositoryHandle) -> None:
        with pytest.raises(Rejected, match=r"^branch feature/a does not exist$"):
            await commit(git_host, repository, "cmd-2", branch="feature/a")


class TestCommitsOnAnExpectedHead:
    async def test_one_made_on_that_head_is_found_again_when_the_branch_has_moved_on(
        self, git_host: GitHost, repository: RepositoryHandle
    ) -> None:
        base = await head_of(git_host, repository)
        await git_host.lose_answer("create_commit")
        first = await until_answered(lambda: commit(git_host, repository, "cmd-1", expected_head=base))
        await git_host.push(repository, "main", "/other.txt", "other")
        again = await commit(git_host, repository, "cmd-1", expected_head=base)
        assert again == first and first.parent_sha == base

    async def test_a_branch_that_has_moved_on_takes_none(
        self, git_host: GitHost, repository: RepositoryHandle
    ) -> None:
        base = await head_of(git_host, repository)
        moved = await git_host.push(repository, "main", "/other.txt", "other")
        for _ in range(2):
            with pytest.raises(Conflict):
                await commit(git_host, repository, "cmd-1", expected_head=base)
        assert await head_of(git_host, repository) == moved

    async def test_of_rivals_for_one_head_one_has_it(
        self, git_host: GitHost, repository: RepositoryHandle
    ) -> None:
        base = await head_of(git_host, repository)
        rivals = [
            commit(
                git_host,
                repository,
                f"cmd-{number}",
                FileContent(f"src/{number}.py", "add", b"x"),
                expected_head=base,
            )
            for number in range(4)
        ]
        answers = await asyncio.gather(*rivals, return_exceptions=True)
        made = [one for one in answers if isinstance(one, ProvidedCommit)]
        assert len(made) == 1 and all(isinstance(one, Conflict) for one in answers if one not in made)
        assert await head_of(git_host, repository) == made[0].sha
