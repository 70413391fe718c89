"""What stands between a pull request and its merge: checks, reviews, comments and policy."""

from enum import StrEnum

from domain.kernel.values import Model, Person, Timestamp
from domain.provided import ProvidedPullRequest


class CheckState(StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class PullRequestCheck(Model):
    """A status check on the pull request's latest iteration."""

    name: str
    state: CheckState
    required: bool
    description: str = ""
    target_url: str | None = None


class PullRequestReview(Model):
    """A reviewer's vote: 10 approved, 5 approved with suggestions, 0 none, -5 waiting, -10 rejected."""

    reviewer: Person
    vote: int
    required: bool


class PullRequestComment(Model):
    comment_id: str
    author: Person
    text: str
    posted_at: Timestamp


class PolicyResult(Model):
    """One policy's verdict: queued, running, approved, rejected, notApplicable or broken."""

    name: str
    status: str
    blocking: bool

    @property
    def passed(self) -> bool:
        return not self.blocking or self.status in ("approved", "notApplicable")


class PolicyEvaluation(Model):
    """The verdict of all policies of the target branch on this pull request."""

    results: tuple[PolicyResult, ...] = ()

    @property
    def unmet(self) -> tuple[PolicyResult, ...]:
        return tuple(result for result in self.results if not result.passed)

    @property
    def passed(self) -> bool:
        return not self.unmet


def checks_of(provided: ProvidedPullRequest) -> tuple[PullRequestCheck, ...]:
    return tuple(
        PullRequestCheck(
            name=check.name,
            state=CheckState(check.state),
            required=check.required,
            description=check.description,
            target_url=check.target_url,
        )
        for check in provided.checks
    )


def reviews_of(provided: ProvidedPullRequest) -> tuple[PullRequestReview, ...]:
    return tuple(
        PullRequestReview(reviewer=review.reviewer, vote=review.vote, required=review.required)
        for review in provided.reviews
    )


def comments_of(provided: ProvidedPullRequest) -> tuple[PullRequestComment, ...]:
    return tuple(
        PullRequestComment(
            comment_id=comment.comment_id,
            author=comment.author,
            text=comment.text,
            posted_at=comment.posted_at,
        )
        for comment in provided.comments
    )


def policy_evaluation_of(provided: ProvidedPullRequest) -> PolicyEvaluation:
    return PolicyEvaluation(
        results=tuple(
            PolicyResult(name=result.name, status=result.status, blocking=result.blocking)
            for result in provided.policies
        )
    )
