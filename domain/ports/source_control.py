"""The Git host."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from domain.kernel.work import Partition
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


class GitProvider(Protocol):
    """A Git host. `operation_id` is the command's id: it marks an effect, so that a repeat finds it."""

    provider: str
    """As in `RepositoryProvider`: AzureDevOps or GitHub."""

    async def create_repository(
        self, partition: Partition, name: str, default_branch: str, *, initialize: bool, operation_id: str
    ) -> ProvidedRepository:
        """Create or get; with `initialize` the default branch gets a first commit where it has none."""

    async def protect_branch(
        self, repository: RepositoryHandle, branch: str, required_checks: Sequence[str], approvers: int
    ) -> Sequence[ProvidedPolicy]:
        """Have exactly these policies on the branch: status checks by name, and a number of approvers."""

    async def register_hooks(
        self, repository: RepositoryHandle, event_types: Sequence[str]
    ) -> Sequence[ProvidedHook]:
        """Have one working subscription per event type that posts to our webhook."""

    async def branch_head(self, repository: RepositoryHandle, branch: str) -> str | None:
        """Head commit of a branch; None where it does not exist."""

    async def create_branch(self, repository: RepositoryHandle, branch: str, from_sha: str) -> str:
        """Create or get, at `from_sha` or grown from it; answers the head.

        Raises `Rejected` where the commit does not exist or the name is taken by something else.
        """

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
        """Commit on top of the branch, once; `since` is when the command was issued (bounds the search).

        With `expected_head` only on top of that commit: raises `Conflict` where the branch has moved on.
        """

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
        """Open, once. Raises `Rejected` where somebody else's is active between the same branches."""

    async def complete_when_allowed(self, repository: RepositoryHandle, number: int) -> None:
        """Have the provider merge it by itself once the branch's policies are satisfied; one that is closed
        stays as it is."""

    async def pull_request(self, repository: RepositoryHandle, number: int) -> ProvidedPullRequest | None:
        """Read it whole: state, checks, reviews, comments and policy results."""

    async def merge_pull_request(
        self,
        repository: RepositoryHandle,
        number: int,
        *,
        expected_source_sha: str,
        strategy: str,
        operation_id: str,
    ) -> ProvidedPullRequest:
        """Merge or return what was merged; waits for the asynchronous completion.

        Raises `Rejected` on merge conflicts and policies, `Conflict` where the source moved on.
        """

    async def changed_since(
        self, repository: RepositoryHandle, since: datetime
    ) -> tuple[Sequence[int], Sequence[str]]:
        """What a lost hook may have hidden: numbers of pull requests that are active or closed since, and
        names of branches pushed since."""

    async def file_paths(self, repository: RepositoryHandle, commit_sha: str) -> Sequence[str]:
        """Every file of a commit, relative to the root; of a very large tree the first 100,000."""

    async def file(self, repository: RepositoryHandle, commit_sha: str, path: str) -> bytes | None:
        """A file's content at a commit; None where it does not exist."""

    async def merged_by(self, repository: RepositoryHandle, commit_sha: str) -> int | None:
        """The number of the pull request whose merge made this commit."""

    async def contributions(
        self, repository: RepositoryHandle, commit_sha: str, since_sha: str | None
    ) -> ProvidedContributions:
        """Who made what `commit_sha` has beyond `since_sha`, or all that it has."""

    async def ping(self) -> None:
        """Raises `Unavailable` where the provider does not answer."""
