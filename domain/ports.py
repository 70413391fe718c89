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
    BlobHandle,
    FileContent,
    ProvidedApproval,
    ProvidedCommit,
    ProvidedContributions,
    ProvidedHook,
    ProvidedManifest,
    ProvidedPackage,
    ProvidedPolicy,
    ProvidedPreview,
    ProvidedPullRequest,
    ProvidedRepository,
    ProvidedResults,
    ProvidedRun,
    ProvidedScan,
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


class PipelineProvider(Protocol):
    """Pipelines, their runs and what they leave. A run belongs to a project; its id is the project's own."""

    templates_repository: str
    """`Project/Repository` of the published pipeline templates, in the same organization."""

    async def template_versions(self, partition: Partition) -> Sequence[str]:
        """The published versions of the pipeline templates, oldest first, as semantic versions."""

    async def ensure_pipeline(
        self, repository: RepositoryHandle, name: str, path: str, default_branch: str
    ) -> str:
        """Create or get the pipeline of this YAML path; answers its id. The YAML need not be there yet.

        Raises `Rejected` where the name is taken by another path's.
        """

    async def preview(
        self, repository: RepositoryHandle, pipeline_id: str, branch: str, yaml: str
    ) -> ProvidedPreview:
        """Have the provider expand this YAML without running it. Raises `Rejected` with what is wrong."""

    async def register_pipeline_hooks(
        self, repository: RepositoryHandle, pipeline_id: str, event_types: Sequence[str]
    ) -> Sequence[ProvidedHook]:
        """Have one working subscription per event type of this pipeline that posts to our webhook."""

    async def run_pipeline(
        self,
        repository: RepositoryHandle,
        pipeline_id: str,
        branch: str,
        *,
        operation_id: str,
        since: datetime,
    ) -> ProvidedRun:
        """Start a run, once: a repeat finds it by its parameter `csOperationId`, from `since` on.

        Raises `Rejected` where the branch or a valid YAML on it does not exist.
        """

    async def run(self, partition: Partition, run_id: int) -> ProvidedRun | None:
        """Read it whole: state, result, stages and jobs; None where it does not exist."""

    async def runs_since(
        self, partition: Partition, pipeline_ids: Sequence[str], since: datetime
    ) -> Sequence[int]:
        """Ids of runs of these pipelines that are going on, or were queued or finished since."""

    async def results(self, partition: Partition, run_id: int) -> ProvidedResults:
        """Test counts and coverage of a completed run."""

    async def artifact_names(self, partition: Partition, run_id: int) -> Sequence[str]:
        """The artifacts that a run published."""

    def artifact(self, partition: Partition, run_id: int, name: str) -> AsyncIterator[bytes]:
        """An artifact's files as one zip."""

    def logs(self, partition: Partition, run_id: int) -> AsyncIterator[bytes]:
        """A run's whole log as text, each task's part under a line with its name."""

    async def approvals(self, partition: Partition, run_id: int) -> Sequence[ProvidedApproval]:
        """The gates of the provider's own environments that a run has met."""

    async def decide(
        self, partition: Partition, approval_id: str, *, approved: bool, comment: str
    ) -> ProvidedApproval:
        """Decide on a gate, or answer what was decided. Raises `Rejected` where it was decided otherwise."""


class BlobStore(Protocol):
    """Logs and artifacts. What is stored is proved by its checksum and never changes."""

    async def put(self, partition: Partition, name: str, content: AsyncIterator[bytes]) -> BlobHandle:
        """Store under a name, or find the same content there. Raises `Rejected` where other content is."""

    def read(self, partition: Partition, blob: BlobHandle) -> AsyncIterator[bytes]:
        """The content; raises `Rejected` at its end where the checksum is not the stored one."""

    async def ping(self) -> None:
        """Raises `Unavailable` where the store does not answer."""


class PackageFeed(Protocol):
    """NuGet feeds of a project."""

    async def publish(
        self, partition: Partition, feed: str, package_id: str, version: str, content: bytes
    ) -> ProvidedPackage:
        """Publish, once: the same bytes there already are a success. Raises `Rejected` where the version
        exists with other bytes, or the feed takes no such package."""

    async def package(
        self, partition: Partition, feed: str, package_id: str, version: str
    ) -> ProvidedPackage | None:
        """Look it up; None where it does not exist."""


class ContainerRegistry(Protocol):
    """A registry over the OCI distribution API."""

    registry: str
    """Its host, as images are named by it."""

    async def manifest(
        self, partition: Partition, repository: str, reference: str
    ) -> ProvidedManifest | None:
        """By tag or digest; None where it does not exist. Raises `Rejected` for a repository that is not
        this project's."""

    async def ping(self) -> None:
        """Raises `Unavailable` where the registry does not answer."""


class ImageScanner(Protocol):
    """Vulnerability scans of what is in the registry."""

    async def scan(
        self, partition: Partition, registry: str, repository: str, digest: str
    ) -> ProvidedScan | None:
        """The newest scan; None as long as none has been seen, which does not mean clean."""

    async def scanned_since(self, partition: Partition, since: datetime) -> Sequence[tuple[str, str, str]]:
        """(registry, repository, digest) of the project's images that were scanned since."""
