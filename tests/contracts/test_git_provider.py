"""What every `GitProvider` keeps to about repositories, their protection and their hooks."""

import asyncio

import pytest

from domain.kernel.errors import Rejected
from domain.kernel.work import Partition
from domain.provided import ProvidedRepository, RepositoryHandle
from tests import azure_devops as emulator_fixtures
from tests import git_hosts
from tests.git_hosts import TWINS, GitHost, head_of, until_answered

azure_devops, emulator_host = emulator_fixtures.azure_devops, git_hosts.emulator_host
git_host, partition, repository = git_hosts.git_host, git_hosts.partition, git_hosts.repository

HOOKS = ("git.push", "git.pullrequest.updated")


class TestRepositories:
    async def create(
        self, git_host: GitHost, partition: Partition, initialize: bool = True
    ) -> ProvidedRepository:
        return await git_host.git.create_repository(
            partition, "shop-api", "main", initialize=initialize, operation_id="cmd-1"
        )

    async def test_creating_twice_makes_one_with_one_first_commit(
        self, git_host: GitHost, partition: Partition
    ) -> None:
        first = await self.create(git_host, partition)
        assert await self.create(git_host, partition) == first
        handle = RepositoryHandle(partition, first.external_id)
        assert first.head_sha == await head_of(git_host, handle)
        assert first.remote_url.startswith("http")
        census = await git_host.census(handle)
        assert (census.repositories, census.branches, census.commits) == (1, 1, 1)
        assert await git_host.file(handle, "main", "/README.md") == b"# shop-api\n"

    async def test_a_lost_answer_makes_no_second_one(self, git_host: GitHost, partition: Partition) -> None:
        await git_host.lose_answer("create_repository")
        made = await until_answered(lambda: self.create(git_host, partition))
        census = await git_host.census(RepositoryHandle(partition, made.external_id))
        assert (census.repositories, census.commits) == (1, 1)

    async def test_concurrent_twins_make_one(self, git_host: GitHost, partition: Partition) -> None:
        made = await asyncio.gather(*(self.create(git_host, partition) for _ in range(TWINS)))
        assert len(set(made)) == 1
        census = await git_host.census(RepositoryHandle(partition, made[0].external_id))
        assert (census.repositories, census.commits) == (1, 1)

    async def test_without_initialize_it_stays_empty_until_it_is_asked_for(
        self, git_host: GitHost, partition: Partition
    ) -> None:
        empty = await self.create(git_host, partition, initialize=False)
        assert empty.head_sha is None
        assert await git_host.git.branch_head(RepositoryHandle(partition, empty.external_id), "main") is None
        assert (await self.create(git_host, partition)).head_sha is not None

    async def test_tenants_and_projects_of_one_repository_name_never_meet(
        self, git_host: GitHost, partition: Partition
    ) -> None:
        made = await self.create(git_host, partition)
        for other in (Partition(f"{partition.tenant_id}-b", "shop"), Partition(partition.tenant_id, "books")):
            assert (await self.create(git_host, other)).external_id != made.external_id
            stolen = RepositoryHandle(other, made.external_id)
            with pytest.raises(Rejected, match=f"^repository {made.external_id} does not exist$"):
                await git_host.git.branch_head(stolen, "main")
            assert await git_host.git.pull_request(stolen, 1) is None


class TestProtection:
    CHECKS = ("ci/build", "security/scan")

    async def test_the_branch_has_exactly_these_policies(
        self, git_host: GitHost, repository: RepositoryHandle
    ) -> None:
        git = git_host.git
        first = await git.protect_branch(repository, "main", self.CHECKS, 2)
        assert [(policy.kind, policy.setting) for policy in first] == [
            ("statusCheck", "ci/build"),
            ("statusCheck", "security/scan"),
            ("minimumApprovers", "2"),
        ]
        assert await git.protect_branch(repository, "main", self.CHECKS, 2) == first
        changed = await git.protect_branch(repository, "main", ["ci/build"], 1)
        assert [policy.policy_id for policy in changed] == [first[0].policy_id, first[2].policy_id]
        assert changed[1].setting == "1"
        assert (await git_host.census(repository)).policies == 2
        assert await git.protect_branch(repository, "main", (), 0) == type(first)()
        assert (await git_host.census(repository)).policies == 0

    async def test_a_lost_answer_makes_no_second_policy(
        self, git_host: GitHost, repository: RepositoryHandle
    ) -> None:
        await git_host.lose_answer("protect_branch")
        await until_answered(lambda: git_host.git.protect_branch(repository, "main", self.CHECKS, 1))
        assert (await git_host.census(repository)).policies == 3

    async def test_concurrent_twins_leave_one_of_each(
        self, git_host: GitHost, repository: RepositoryHandle
    ) -> None:
        calls = (git_host.git.protect_branch(repository, "main", self.CHECKS, 1) for _ in range(TWINS))
        await asyncio.gather(*calls)
        assert (await git_host.census(repository)).policies == 3

    async def test_other_branches_keep_theirs(self, git_host: GitHost, repository: RepositoryHandle) -> None:
        await git_host.git.protect_branch(repository, "main", ["ci/build"], 0)
        await git_host.git.protect_branch(repository, "release/1", ["ci/build"], 0)
        await git_host.git.protect_branch(repository, "release/1", (), 0)
        assert (await git_host.census(repository)).policies == 1


class TestHooks:
    async def test_there_is_one_per_event_type(self, git_host: GitHost, repository: RepositoryHandle) -> None:
        first = await git_host.git.register_hooks(repository, HOOKS)
        assert [(hook.event_type, hook.status) for hook in first] == [(type, "enabled") for type in HOOKS]
        again = await git_host.git.register_hooks(repository, HOOKS)
        assert [hook.subscription_id for hook in again] == [hook.subscription_id for hook in first]
        assert (await git_host.census(repository)).hooks == 2

    async def test_a_lost_answer_makes_no_second_one(
        self, git_host: GitHost, repository: RepositoryHandle
    ) -> None:
        await git_host.lose_answer("register_hooks")
        await until_answered(lambda: git_host.git.register_hooks(repository, HOOKS))
        assert (await git_host.census(repository)).hooks == 2

    async def test_concurrent_twins_leave_one_of_each(
        self, git_host: GitHost, repository: RepositoryHandle
    ) -> None:
        await asyncio.gather(*(git_host.git.register_hooks(repository, HOOKS) for _ in range(TWINS)))
        assert (await git_host.census(repository)).hooks == 2


async def test_the_host_answers_a_ping(git_host: GitHost, repository: RepositoryHandle) -> None:
    await git_host.git.ping()
