"""What a Git provider has and takes, in the terms of the `GitProvider` port."""

from dataclasses import dataclass
from datetime import datetime

from domain.kernel.work import Partition


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


@dataclass(frozen=True)
class ProvidedContributions:
    """Who made the commits of a range, and by which pull requests they came."""

    authors: tuple[str, ...]
    """E-mail addresses, or names where there is none: authors, co-authors, and committers of what is no
    merge"""
    pull_request_authors: tuple[str, ...]
    mergers: tuple[str, ...]
    """Who completed these pull requests."""
    pull_requests: tuple[int, ...]
