"""PullRequest: review and merge between two branches, gated by what `review.py` holds."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field

from domain.devops.source_control import source_control
from domain.devops.source_control.git_names import BranchName, CommitSha, ShortBranchName
from domain.devops.source_control.repository import Repository
from domain.devops.source_control.review import (
    CheckState,
    PolicyEvaluation,
    PullRequestCheck,
    PullRequestComment,
    PullRequestReview,
    checks_of,
    comments_of,
    policy_evaluation_of,
    reviews_of,
)
from domain.kernel.aggregate import Aggregate
from domain.kernel.command import Command
from domain.kernel.errors import NotFound, require
from domain.kernel.event import Event
from domain.kernel.values import NO_NUL, Identifier, Line, Timestamp, derived_id
from domain.kernel.work import Work
from domain.ports import GitProvider
from domain.provided import ProvidedPullRequest

Description = Annotated[str, Field(max_length=3800), NO_NUL]


class PullRequestStatus(StrEnum):
    OPEN = "Open"
    MERGED = "Merged"
    ABANDONED = "Abandoned"


# Monotonic: never back. A pull request that was abandoned, revived at the provider and merged there is
# Merged, for that is what happened to the branch.
_RANK = {PullRequestStatus.OPEN: 0, PullRequestStatus.ABANDONED: 1, PullRequestStatus.MERGED: 2}
_FROM_PROVIDER = {
    "active": PullRequestStatus.OPEN,
    "abandoned": PullRequestStatus.ABANDONED,
    "completed": PullRequestStatus.MERGED,
}


class MergeStrategy(StrEnum):
    NO_FAST_FORWARD = "noFastForward"
    SQUASH = "squash"
    REBASE = "rebase"
    REBASE_MERGE = "rebaseMerge"


class OpenPullRequest(Command):
    """Have a pull request from source to target."""

    repository_id: Identifier
    source_branch: ShortBranchName
    target_branch: ShortBranchName
    title: Line
    description: Description = ""


class MergePullRequest(Command):
    """Merge what has passed its required checks and its policy."""

    pull_request_id: Identifier
    merge_strategy: MergeStrategy = MergeStrategy.NO_FAST_FORWARD


@source_control.event("Governance", "Observability")
class PullRequestOpened(Event):
    """A pull request is open and awaiting checks and policy."""

    pull_request_id: Identifier
    repository_id: Identifier
    number: int
    source_branch: str
    target_branch: str
    title: str


@source_control.event("Governance", "Observability")
class PullRequestMerged(Event):
    """A pull request is merged into its target branch."""

    pull_request_id: Identifier
    repository_id: Identifier
    number: int
    source_branch: str
    target_branch: str
    merge_commit_sha: str
    merged_at: Timestamp


@source_control.aggregate(prefix="pr", collection="pull-requests")
class PullRequest(Aggregate):
    pull_request_id: Identifier
    repository_id: Identifier
    number: int
    source_branch: BranchName
    target_branch: BranchName
    title: str
    description: str = ""
    status: PullRequestStatus = PullRequestStatus.OPEN
    source_commit_sha: CommitSha | None = None
    policy_evaluation: PolicyEvaluation = PolicyEvaluation()
    merge_commit_sha: CommitSha | None = None
    merged_at: Timestamp | None = None
    checks: tuple[PullRequestCheck, ...] = ()
    reviews: tuple[PullRequestReview, ...] = ()
    comments: tuple[PullRequestComment, ...] = ()

    @staticmethod
    def id_for(repository_id: str, number: int) -> str:
        """Follows from repository and number, so that a service hook finds it without a look-up."""
        return derived_id("pr", repository_id, number)

    @classmethod
    def of(cls, repository_id: str, provided: ProvidedPullRequest) -> Self:
        """A new one as the provider has it; what stands between it and its merge is observed later."""
        return cls(
            pull_request_id=cls.id_for(repository_id, provided.number),
            repository_id=repository_id,
            number=provided.number,
            source_branch=provided.source_branch,
            target_branch=provided.target_branch,
            title=provided.title,
            description=provided.description,
            source_commit_sha=provided.source_sha,
        )

    @property
    def required_checks(self) -> tuple[PullRequestCheck, ...]:
        return tuple(check for check in self.checks if check.required)

    def open(self) -> None:
        require_different(self.source_branch, self.target_branch)
        self.record(
            PullRequestOpened(
                pull_request_id=self.pull_request_id,
                repository_id=self.repository_id,
                number=self.number,
                source_branch=self.source_branch,
                target_branch=self.target_branch,
                title=self.title,
            )
        )

    def require_mergeable(self) -> None:
        require(self.status is PullRequestStatus.OPEN, f"pull request {self.number} is {self.status}")
        for check in self.required_checks:
            require(check.state is not CheckState.PENDING, f"required check {check.name} is pending")
            require(check.state is CheckState.SUCCEEDED, f"required check {check.name} has failed")
        unmet = ", ".join(f"{result.name} is {result.status}" for result in self.policy_evaluation.unmet)
        require(self.policy_evaluation.passed, f"policy has not passed: {unmet}")

    def merge(self, commit_sha: str, at: datetime) -> None:
        self._become(PullRequestStatus.MERGED)
        self.merge_commit_sha, self.merged_at = commit_sha, at
        self.record(
            PullRequestMerged(
                pull_request_id=self.pull_request_id,
                repository_id=self.repository_id,
                number=self.number,
                source_branch=self.source_branch,
                target_branch=self.target_branch,
                merge_commit_sha=commit_sha,
                merged_at=at,
            )
        )

    def _become(self, status: PullRequestStatus) -> None:
        before = self.status
        require(_RANK[status] > _RANK[before], f"pull request {self.number} is {before}, not {status}")
        self.status = status

    def observe(self, provided: ProvidedPullRequest, now: datetime, *, adopt: bool) -> None:
        """Take over what the provider has; the status only where it went on, and not without `adopt` where a
        command of ours merged it."""
        self.title, self.description = provided.title, provided.description
        self.source_commit_sha = provided.source_sha
        self.checks, self.reviews = checks_of(provided), reviews_of(provided)
        self.comments, self.policy_evaluation = comments_of(provided), policy_evaluation_of(provided)
        self._observe_status(provided, now, adopt)

    def _observe_status(self, provided: ProvidedPullRequest, now: datetime, adopt: bool) -> None:
        status = _FROM_PROVIDER.get(provided.status, self.status)
        if _RANK[status] <= _RANK[self.status]:
            return
        if status is not PullRequestStatus.MERGED:
            self._become(status)
        elif provided.merge_operation_id is not None and not adopt:
            return  # our own command is about to record it
        elif provided.merge_commit_sha is not None:  # else it is still to come: merged is what has a commit
            self.merge(provided.merge_commit_sha, provided.closed_at or now)


def require_different(source: str, target: str) -> None:
    require(source != target, f"source and target branch are both {source}")


@source_control.handler
async def open_pull_request(command: OpenPullRequest, work: Work, git: GitProvider) -> None:
    require_different(command.source_branch, command.target_branch)
    repository = await work.get(Repository, command.repository_id)
    provided = await git.open_pull_request(
        repository.handle,
        command.source_branch,
        command.target_branch,
        command.title,
        command.description,
        operation_id=work.command_id,
    )
    pull_request = PullRequest.of(command.repository_id, provided)
    if await work.find(PullRequest, pull_request.pull_request_id) is not None:
        return  # the reconciler was quicker and has recorded our own pull request
    work.add(pull_request)
    pull_request.open()


@source_control.handler
async def merge_pull_request(command: MergePullRequest, work: Work, git: GitProvider) -> None:
    pull_request = await work.get(PullRequest, command.pull_request_id)
    repository = await work.get(Repository, pull_request.repository_id)
    # The decision is made on what the provider has now; what hooks told may be seconds old.
    provided = await git.pull_request(repository.handle, pull_request.number)
    if provided is None:
        raise NotFound("pull request", str(pull_request.number))
    if provided.merge_operation_id == work.command_id and provided.merge_commit_sha is not None:
        # An earlier try of this command merged it; a service hook may have recorded that already.
        if pull_request.status is not PullRequestStatus.MERGED:
            pull_request.merge(provided.merge_commit_sha, provided.closed_at or work.now)
        return
    pull_request.observe(provided, work.now, adopt=False)
    pull_request.require_mergeable()
    merged = await git.merge_pull_request(
        repository.handle,
        pull_request.number,
        expected_source_sha=provided.source_sha,
        strategy=command.merge_strategy,
        operation_id=work.command_id,
    )
    assert merged.merge_commit_sha is not None
    pull_request.merge(merged.merge_commit_sha, merged.closed_at or work.now)
