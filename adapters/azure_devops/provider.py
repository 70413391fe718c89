"""The Git host Azure DevOps, over its REST API 7.1; counterpart in memory: `adapters.memory.git_provider`."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import override

from adapters.azure_devops import branches, commits, files, merging, policies, pull_requests, repositories
from adapters.azure_devops.client import Api
from adapters.azure_devops.contributions import contributions, merged_by
from adapters.azure_devops.credentials import Credential
from adapters.azure_devops.errors import SERVICE, Kind, Refusal
from adapters.azure_devops.hooks import register_hooks
from adapters.azure_devops.projects import Projects
from adapters.azure_devops.pull_request_view import read_pull_request
from domain.kernel.errors import Unavailable
from domain.kernel.work import Partition
from domain.ports import GitProvider
from domain.provided import (
    FileContent,
    ProvidedCommit,
    ProvidedContributions,
    ProvidedHook,
    ProvidedPolicy,
    ProvidedPullRequest,
    ProvidedRepository,
    RepositoryHandle,
)


class AzureDevOps(GitProvider):
    """`url_template` and `hook_url_template` hold `{tenantId}` and `{projectId}`, so tenants never meet.

    `hook_password` gives each project one of its own: whoever may read it there learns no other's.
    `deadline` bounds each call of the port, `call_timeout` each request; both are in seconds.
    """

    provider = "AzureDevOps"

    def __init__(
        self,
        url_template: str,
        credential: Credential,
        hook_url_template: str,
        hook_password: Callable[[Partition], str],
        *,
        hook_user: str = "azure-devops",
        deadline: float = 30.0,
        call_timeout: float = 20.0,
    ) -> None:
        self.projects = Projects(
            url_template,
            credential,
            hook_url_template,
            hook_password,
            hook_user=hook_user,
            deadline=deadline,
            call_timeout=call_timeout,
        )
        self._call, self._repository = self.projects.call, self.projects.repository

    async def close(self) -> None:
        """Let go of connections and of the credential."""
        await self.projects.close()

    @override
    async def create_repository(
        self, partition: Partition, name: str, default_branch: str, *, initialize: bool, operation_id: str
    ) -> ProvidedRepository:
        async with self._call(partition) as api:
            return await repositories.create_repository(api, name, default_branch, initialize, operation_id)

    @override
    async def protect_branch(
        self, repository: RepositoryHandle, branch: str, required_checks: Sequence[str], approvers: int
    ) -> Sequence[ProvidedPolicy]:
        async with self._repository(repository) as (api, id):
            await api.get(f"git/repositories/{id}")  # policies may be set for what does not exist
            return await policies.protect_branch(api, id, branch, required_checks, approvers)

    @override
    async def register_hooks(
        self, repository: RepositoryHandle, event_types: Sequence[str]
    ) -> Sequence[ProvidedHook]:
        receiver = self.projects.receiver(repository.partition)
        async with self._repository(repository) as (api, id):
            return await register_hooks(api, id, event_types, receiver)

    @override
    async def branch_head(self, repository: RepositoryHandle, branch: str) -> str | None:
        async with self._repository(repository) as (api, id):
            return await branches.head_of(api, id, branch)

    @override
    async def create_branch(self, repository: RepositoryHandle, branch: str, from_sha: str) -> str:
        async with self._repository(repository) as (api, id):
            return await branches.create(api, id, branch, from_sha)

    @override
    async def create_commit(
        self,
        repository: RepositoryHandle,
        branch: str,
        message: str,
        changes: Sequence[FileContent],
        *,
        author: str,
        operation_id: str,
        since: datetime,
        expected_head: str | None = None,
    ) -> ProvidedCommit:
        async with self._repository(repository) as (api, id):
            return await commits.create_commit(
                api, id, branch, message, changes, author, operation_id, since, expected_head
            )

    @override
    async def open_pull_request(
        self,
        repository: RepositoryHandle,
        source: str,
        target: str,
        title: str,
        description: str,
        *,
        operation_id: str,
    ) -> ProvidedPullRequest:
        async with self._repository(repository) as (api, id):
            number = await pull_requests.open_pull_request(
                api, id, source, target, title, description, operation_id
            )
            return await _read(api, id, number)

    @override
    async def complete_when_allowed(self, repository: RepositoryHandle, number: int) -> None:
        async with self._repository(repository) as (api, id):
            await pull_requests.complete_when_allowed(api, id, number)

    @override
    async def pull_request(self, repository: RepositoryHandle, number: int) -> ProvidedPullRequest | None:
        async with self._repository(repository) as (api, id):
            try:
                return await read_pull_request(api, id, number)
            except Refusal as refusal:
                if refusal.kind is not Kind.REPOSITORY_MISSING:
                    raise
                return None

    @override
    async def merge_pull_request(
        self,
        repository: RepositoryHandle,
        number: int,
        *,
        expected_source_sha: str,
        strategy: str,
        operation_id: str,
    ) -> ProvidedPullRequest:
        async with self._repository(repository) as (api, id):
            await merging.merge_pull_request(api, id, number, expected_source_sha, strategy, operation_id)
            return await _read(api, id, number)

    @override
    async def changed_since(
        self, repository: RepositoryHandle, since: datetime
    ) -> tuple[Sequence[int], Sequence[str]]:
        async with self._repository(repository) as (api, id):
            return await repositories.changed_since(api, id, since)

    @override
    async def file_paths(self, repository: RepositoryHandle, commit_sha: str) -> Sequence[str]:
        async with self._repository(repository) as (api, id):
            return await files.file_paths(api, id, commit_sha)

    @override
    async def file(self, repository: RepositoryHandle, commit_sha: str, path: str) -> bytes | None:
        async with self._repository(repository) as (api, id):
            return await files.file(api, id, commit_sha, path)

    @override
    async def merged_by(self, repository: RepositoryHandle, commit_sha: str) -> int | None:
        async with self._repository(repository) as (api, id):
            return await merged_by(api, id, commit_sha)

    @override
    async def contributions(
        self, repository: RepositoryHandle, commit_sha: str, since_sha: str | None
    ) -> ProvidedContributions:
        async with self._repository(repository) as (api, id):
            return await contributions(api, id, commit_sha, since_sha)

    @override
    async def ping(self) -> None:
        await self.projects.ping()


async def _read(api: Api, repository_id: str, number: int) -> ProvidedPullRequest:
    found = await read_pull_request(api, repository_id, number)
    if found is None:
        raise Unavailable(SERVICE, f"pull request {number} can't be read back")
    return found
