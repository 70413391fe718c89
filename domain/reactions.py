"""Every "when X happened, send Y", on one page."""

from domain.devops.source_control.branch import ObserveBranch
from domain.devops.source_control.pull_request import ObservePullRequest, PullRequestOpened
from domain.devops.source_control.repository import RepositoryProvisioned
from domain.kernel.reaction import Reactions

reactions = Reactions()


@reactions.reaction
def take_in_default_branch(event: RepositoryProvisioned) -> ObserveBranch | None:
    """A repository came with a default branch: give it its own aggregate, protected as asked."""
    if event.head_commit_sha is None:
        return None
    return ObserveBranch(repository_id=event.repository_id, name=event.default_branch)


@reactions.reaction
def read_first_evaluation(event: PullRequestOpened) -> ObservePullRequest:
    """Policies are evaluated after the pull request opens: read their first verdict."""
    return ObservePullRequest(repository_id=event.repository_id, number=event.number)
