"""The two Git hosts that the contract of `GitProvider` is held against, with what stands around them."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from adapters.azure_devops import AzureDevOps, PersonalAccessToken
from adapters.memory.git_provider import MemoryGitProvider
from domain.kernel.errors import Unavailable
from domain.kernel.work import Partition
from domain.ports import GitProvider
from domain.provided import FileContent, RepositoryHandle
from tests.azure_devops import OUTSIDE, AzureDevOpsEmulator, project_path, repository_path

HOOK_URL = "http://127.0.0.1:9/{tenantId}/{projectId}/hooks"
TWINS = 8
SINCE = timedelta(minutes=1)


def hook_password(partition: Partition) -> str:
    return f"hooks of {partition.tenant_id}"


@dataclass(frozen=True)
class Census:
    """What there is: of the partition its repositories, of the repository everything else."""

    repositories: int
    branches: int
    commits: int
    pull_requests: int
    policies: int
    hooks: int


class GitHost(Protocol):
    """A Git host as its other users have it."""

    @property
    def git(self) -> GitProvider: ...

    async def lose_answer(self, method: str) -> None:
        """The next call of this method has its effect, but its answer doesn't arrive."""

    async def census(self, handle: RepositoryHandle) -> Census: ...
    async def file(self, handle: RepositoryHandle, branch: str, path: str) -> bytes | None: ...
    async def push(
        self, handle: RepositoryHandle, branch: str, path: str, content: str, author: str = OUTSIDE
    ) -> str: ...
    async def set_status(self, handle: RepositoryHandle, number: int, name: str, state: str) -> None: ...
    async def vote(self, handle: RepositoryHandle, number: int, reviewer: int, vote: int) -> None: ...
    async def comment(self, handle: RepositoryHandle, number: int, text: str) -> None: ...
    async def complete(self, handle: RepositoryHandle, number: int) -> None: ...
    async def abandon(self, handle: RepositoryHandle, number: int) -> None: ...


class MemoryHost(GitHost):
    def __init__(self) -> None:
        self._memory = MemoryGitProvider()

    @property
    def git(self) -> GitProvider:
        return self._memory

    async def lose_answer(self, method: str) -> None:
        self._memory.lose_answer(method)

    async def census(self, handle: RepositoryHandle) -> Census:
        repository = self._memory.repository(handle)
        reachable = {sha for head in repository.refs.values() for sha in repository.ancestry(head)}
        return Census(
            repositories=len(self._memory.repositories_of(handle.partition)),
            branches=len(repository.refs),
            commits=len(reachable),
            pull_requests=len(repository.pull_requests),
            policies=sum(len(policies) for policies in repository.policies.values()),
            hooks=len(repository.hooks),
        )

    async def file(self, handle: RepositoryHandle, branch: str, path: str) -> bytes | None:
        repository = self._memory.repository(handle)
        return repository.commits[repository.refs[branch]].tree.get(path)

    async def push(
        self, handle: RepositoryHandle, branch: str, path: str, content: str, author: str = OUTSIDE
    ) -> str:
        there = await self.file(handle, branch, path) is not None
        change = FileContent(path, "edit" if there else "add", content.encode())
        return self._memory.push(handle, branch, [change], author=author)

    async def set_status(self, handle: RepositoryHandle, number: int, name: str, state: str) -> None:
        self._memory.set_status(handle, number, name, state)

    async def vote(self, handle: RepositoryHandle, number: int, reviewer: int, vote: int) -> None:
        self._memory.vote(handle, number, f"reviewer-{reviewer}", vote)

    async def comment(self, handle: RepositoryHandle, number: int, text: str) -> None:
        self._memory.comment(handle, number, "somebody", text)

    async def complete(self, handle: RepositoryHandle, number: int) -> None:
        self._memory.complete(handle, number)

    async def abandon(self, handle: RepositoryHandle, number: int) -> None:
        self._memory.abandon(handle, number)


_WRITES = {
    "create_repository": ("POST", "/git/repositories$"),
    "protect_branch": ("POST", "/policy/configurations$"),
    "register_hooks": ("POST", "/hooks/subscriptions$"),
    "create_branch": ("POST", "/refs$"),
    "create_commit": ("POST", "/pushes$"),
    "open_pull_request": ("POST", "/pullrequests$"),
    "merge_pull_request": ("PATCH", r"/pullrequests/\d+$"),
}


class EmulatorHost(GitHost):
    def __init__(self, emulator: AzureDevOpsEmulator) -> None:
        self.emulator = emulator
        self.adapter = AzureDevOps(
            emulator.url_template, PersonalAccessToken(emulator.pat), HOOK_URL, hook_password
        )

    @property
    def git(self) -> GitProvider:
        return self.adapter

    async def lose_answer(self, method: str) -> None:
        await self.emulator.fault("cut-after-commit", *_WRITES[method])

    async def file(self, handle: RepositoryHandle, branch: str, path: str) -> bytes | None:
        return await self.emulator.file(handle, branch, path)

    async def push(
        self, handle: RepositoryHandle, branch: str, path: str, content: str, author: str = OUTSIDE
    ) -> str:
        return await self.emulator.push(handle, branch, path, content, author)

    async def set_status(self, handle: RepositoryHandle, number: int, name: str, state: str) -> None:
        await self.emulator.set_status(handle, number, name, state)

    async def vote(self, handle: RepositoryHandle, number: int, reviewer: int, vote: int) -> None:
        await self.emulator.vote(handle, number, reviewer, vote)

    async def comment(self, handle: RepositoryHandle, number: int, text: str) -> None:
        await self.emulator.comment(handle, number, text)

    async def complete(self, handle: RepositoryHandle, number: int) -> None:
        await self.emulator.complete(handle, number)

    async def abandon(self, handle: RepositoryHandle, number: int) -> None:
        await self.emulator.abandon(handle, number)

    async def census(self, handle: RepositoryHandle) -> Census:
        root, project = repository_path(handle), project_path(handle.partition)
        refs = await self.emulator.values(f"{root}/refs", {"filter": "heads/"})
        shas = set()
        for ref in refs:
            query = {"searchCriteria.itemVersion.version": ref["name"].removeprefix("refs/heads/")}
            shas |= {commit["commitId"] for commit in await self.emulator.values(f"{root}/commits", query)}
        everything = {"searchCriteria.status": "all"}
        subscriptions = await self.emulator.values(f"{handle.partition.tenant_id}/_apis/hooks/subscriptions")
        return Census(
            repositories=len(await self.emulator.values(f"{project}/git/repositories")),
            branches=len(refs),
            commits=len(shas),
            pull_requests=len(await self.emulator.values(f"{root}/pullrequests", everything)),
            policies=len(await self.emulator.values(f"{project}/policy/configurations")),
            hooks=len(subscriptions),
        )


@pytest.fixture
async def emulator_host(azure_devops: AzureDevOpsEmulator) -> AsyncIterator[EmulatorHost]:
    host = EmulatorHost(azure_devops)
    yield host
    # A fault that never fired has tested nothing.
    unspent = await azure_devops.unspent_faults()
    await host.adapter.close()
    assert unspent == []


@pytest.fixture(params=["memory", "azure_devops"])
def git_host(request: pytest.FixtureRequest) -> GitHost:
    """Each test that asks for it runs twice."""
    if request.param == "memory":
        return MemoryHost()
    host: EmulatorHost = request.getfixturevalue("emulator_host")
    return host


@pytest.fixture
def partition() -> Partition:
    """A tenant of its own for every test."""
    return Partition(f"tenant-{uuid.uuid4().hex[:12]}", "shop")


@pytest.fixture
async def repository(git_host: GitHost, partition: Partition) -> RepositoryHandle:
    """With a first commit on `main`."""
    made = await git_host.git.create_repository(
        partition, "shop-api", "main", initialize=True, operation_id="cmd-provision"
    )
    return RepositoryHandle(partition, made.external_id)


async def head_of(git_host: GitHost, handle: RepositoryHandle, branch: str = "main") -> str:
    head = await git_host.git.branch_head(handle, branch)
    assert head is not None
    return head


async def until_answered[T](call: Callable[[], Awaitable[T]], tries: int = 3) -> T:
    """What a queue does: deliver again after a failure that may pass."""
    for _ in range(tries - 1):
        try:
            return await call()
        except Unavailable:
            continue
    return await call()


async def until[T](read: Callable[[], Awaitable[T]], done: Callable[[T], bool]) -> T:
    """What a reconciler does: read again until the host, which takes its time, has come that far."""
    async with asyncio.timeout(10):
        while not done(found := await read()):  # noqa: ASYNC110 - the host tells nobody
            await asyncio.sleep(0.02)
    return found


def a_minute_ago() -> datetime:
    return datetime.now(UTC) - SINCE
