"""Every door to the outside, on one page. Adapters implement them; `adapters/memory.py` does in memory.

Every method may be called again with the same arguments after a crash, a timeout or an unknown answer, and
then finds its own effect instead of making a second one. What is away raises `Unavailable`; what the other
side refuses for good raises `Rejected` with the sentence to show.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from domain.kernel.aggregate import Aggregate
from domain.kernel.envelope import Message
from domain.kernel.work import Loaded, Partition, Reader, Record


@dataclass(frozen=True)
class Outcome:
    """What a command came to; kept for ever. `reply` is what every repeat of the command is answered."""

    command_id: str
    command: str
    fingerprint: str
    rejection: str | None
    reply: dict[str, Any]


@dataclass(frozen=True)
class TraceNode:
    """One command or fact in a trace, as its causal graph shows it."""

    id: str
    type: str
    scope: str
    """`command`, `observation`, `domain` or `integration`"""
    tenant_id: str
    project_id: str
    trace_id: str
    correlation_id: str
    causation_id: str | None
    occurred_at: str
    actor: str
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Journal:
    """A command's permanent row: outcome, every message it emitted, and its nodes in the trace."""

    partition: Partition
    outcome: Outcome
    messages: tuple[Message, ...]
    trace: tuple[TraceNode, ...]
    pending: bool
    """True while its messages and trace are not known to be written."""


@dataclass(frozen=True)
class Transaction:
    """One command's whole effect, written at once or not at all."""

    journal: Journal
    records: tuple[Record, ...]


@dataclass(frozen=True)
class Committed:
    """`repeated` says that an earlier delivery had committed; the journal is then that one's."""

    journal: Journal
    repeated: bool


@dataclass(frozen=True)
class Page[A: Aggregate]:
    items: tuple[Loaded[A], ...]
    next: str | None
    """Opaque token of the next page; None at the end."""


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


@dataclass(frozen=True)
class RepositoryHandle:
    """Where a repository lives at its provider."""

    partition: Partition
    external_id: str


@dataclass(frozen=True)
class ProvidedRepository:
    external_id: str
    remote_url: str
    head_sha: str | None
    """Head of the default branch; None while it does not exist."""


@dataclass(frozen=True)
class ProvidedHook:
    """A service hook as the provider has it; `status` is the provider's word, `enabled` where it works."""

    subscription_id: str
    event_type: str
    status: str


@dataclass(frozen=True)
class ProvidedPolicy:
    """A branch policy as the provider has it."""

    policy_id: str
    kind: str
    setting: str


@dataclass(frozen=True)
class FileContent:
    """One change of a commit. `operation` is add, edit, delete or rename; `content` is None for a delete."""

    path: str
    operation: str
    content: bytes | None = None
    previous_path: str | None = None


@dataclass(frozen=True)
class ProvidedCommit:
    sha: str
    tree_hash: str
    parent_sha: str | None


@dataclass(frozen=True)
class ProvidedCheck:
    """A status check: `state` is pending, succeeded or failed."""

    name: str
    state: str
    required: bool
    description: str = ""
    target_url: str | None = None


@dataclass(frozen=True)
class ProvidedReview:
    """A reviewer's vote: 10 approved, 5 approved with suggestions, 0 none, -5 waiting, -10 rejected."""

    reviewer: str
    vote: int
    required: bool


@dataclass(frozen=True)
class ProvidedComment:
    comment_id: str
    author: str
    text: str
    posted_at: datetime


@dataclass(frozen=True)
class ProvidedPolicyResult:
    """A policy's verdict: queued, running, approved, rejected, notApplicable or broken."""

    name: str
    status: str
    blocking: bool


@dataclass(frozen=True)
class ProvidedPullRequest:
    """A pull request as the provider has it now."""

    number: int
    status: str
    """active, completed or abandoned"""
    source_branch: str
    target_branch: str
    title: str
    description: str
    source_sha: str
    operation_id: str | None
    """The command that opened it, where it was one of ours."""
    merge_operation_id: str | None = None
    """The command that asked for its merge (`CS-Operation-Id` in the merge message), where it was ours."""
    merge_commit_sha: str | None = None
    """Set once the merge is complete."""
    closed_at: datetime | None = None
    checks: tuple[ProvidedCheck, ...] = ()
    reviews: tuple[ProvidedReview, ...] = ()
    comments: tuple[ProvidedComment, ...] = ()
    policies: tuple[ProvidedPolicyResult, ...] = ()


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
