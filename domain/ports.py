"""Every door to the outside, on one page. Adapters implement them; `adapters/memory/` does in memory.

Every method may be called again with the same arguments after a crash, a timeout or an unknown answer, and
then finds its own effect instead of making a second one. What is away raises `Unavailable`; what the other
side refuses for good raises `Rejected` with the sentence to show.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Protocol

from domain.kernel.aggregate import Aggregate
from domain.kernel.envelope import Message
from domain.kernel.journal import Committed, Journal, Page, TraceNode, Transaction
from domain.kernel.work import Partition, Reader
from domain.provided import (
    FileContent,
    ProvidedCommit,
    ProvidedHook,
    ProvidedPolicy,
    ProvidedPullRequest,
    ProvidedRepository,
    RepositoryHandle,
)


class Store(Reader, Protocol):
    """Aggregates, the command journal, the outbox and the trace index."""

    async def commit(self, transaction: Transaction) -> Committed:
        """Write it all at once, unless this command has committed before.

        Raises `Rejected` with the key's sentence where a unique name is taken, `Conflict` where an aggregate
        changed since it was read, `Unavailable` where the outcome could not be established.
        """

    async def handled(self, partition: Partition, command_id: str) -> Journal | None:
        """The journal row of a command, if it has been handled; `pending` is looked up too."""

    async def settle(self, journal: Journal) -> None:
        """Index the trace, then delete the outbox row: the messages are out."""

    def unpublished(self, committed_before: datetime) -> AsyncIterator[Journal]:
        """What a crash or an absent broker left behind, oldest first as far as is known."""

    async def page[A: Aggregate](
        self, partition: Partition, kind: type[A], size: int, after: str | None = None
    ) -> Page[A]:
        """Aggregates of a kind in the order of their ids. Raises `Invalid` for a token it did not give."""

    async def trace(self, tenant_id: str, trace_id: str) -> Sequence[TraceNode]:
        """Every node of a trace in the order of time; empty where there is none."""

    async def receive(self, journal: Journal, raw: str) -> Committed:
        """Take in what the outside sent, once per command id, with its raw form beside the journal row."""

    async def mark(self, partition: Partition, name: str) -> datetime | None:
        """How far a periodic task of a partition has come; None before its first time."""

    async def set_mark(self, partition: Partition, name: str, moment: datetime) -> None:
        """Remember how far it has come."""

    def partitions(self) -> AsyncIterator[Partition]:
        """Every partition that ever committed something."""

    async def ping(self) -> None:
        """Raises `Unavailable` where the store does not answer."""


class Broker(Protocol):
    """Topics and queues."""

    async def publish(self, messages: Sequence[Message]) -> None:
        """Send, batched per destination and in order. Raises `Unavailable`; some may have been sent then."""

    async def ping(self) -> None:
        """Raises `Unavailable` where the broker does not answer."""


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
    ) -> ProvidedCommit:
        """Commit on top of the branch, once; `since` is when the command was issued (bounds the search)."""

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

    async def ping(self) -> None:
        """Raises `Unavailable` where the provider does not answer."""
