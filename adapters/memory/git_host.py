"""What the Git host in memory holds, and what its other users do: reviewers, checks, people who push."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from adapters.memory.git_model import MemoryCommit, MemoryPullRequest, MemoryRepository, changed
from adapters.memory.outside import Outside
from domain.kernel.errors import Rejected
from domain.kernel.work import Partition
from domain.provided import (
    FileContent,
    ProvidedCheck,
    ProvidedComment,
    ProvidedPullRequest,
    ProvidedReview,
    RepositoryHandle,
)

STRATEGIES = {"noFastForward": True, "rebaseMerge": True, "squash": False, "rebase": False}
"""Whether the strategy leaves a merge commit with two parents."""


class MemoryGitHost(Outside):
    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__("Azure DevOps")
        self._now = now
        self._repositories: dict[RepositoryHandle, MemoryRepository] = {}
        self._numbers = 0

    def set_status(
        self, handle: RepositoryHandle, number: int, name: str, state: str, description: str = ""
    ) -> None:
        """A status check named `genre/name` reports on the head of the source: pending, succeeded, failed."""
        pull_request = self._pull_request(self._repository(handle), number)
        check = ProvidedCheck(name, state, required=False, description=description)
        pull_request.statuses[name] = (pull_request.source_sha, check)
        self._complete_if_allowed(self._repository(handle), number)

    def vote(self, handle: RepositoryHandle, number: int, reviewer: str, vote: int) -> None:
        pull_request = self._pull_request(self._repository(handle), number)
        pull_request.votes[reviewer] = ProvidedReview(reviewer, vote, required=False)
        self._complete_if_allowed(self._repository(handle), number)

    def comment(self, handle: RepositoryHandle, number: int, author: str, text: str) -> None:
        comments = self._pull_request(self._repository(handle), number).comments
        comments.append(ProvidedComment(f"{len(comments) + 1}/1", author, text, self._now()))

    def opened_by(self, handle: RepositoryHandle, number: int, author: str) -> None:
        """It was this one who opened it."""
        self._pull_request(self._repository(handle), number).author = author

    def push(
        self,
        handle: RepositoryHandle,
        branch: str,
        changes: Sequence[FileContent],
        message: str = "outside",
        *,
        author: str = "outside",
        committer: str | None = None,
    ) -> str:
        """Somebody pushes a commit, on a new branch without history where there is none; its sha."""
        found = self._repository(handle)
        head = found.refs.get(branch)
        tree = changed(found.commits[head].tree if head is not None else {}, changes)
        parents = (head,) if head is not None else ()
        sha = found.add(MemoryCommit(tree, parents, message, author, committer=committer))
        (found.set_ref if head is not None else found.new_ref)(branch, sha, self._now())
        return sha

    def complete(self, handle: RepositoryHandle, number: int, by: str = "outside") -> str:
        """Somebody merges it in the browser, whatever the policies say; the merge commit's sha."""
        found = self._repository(handle)
        self._pull_request(found, number).merged_by = by
        return self._merge(found, self._pull_request(found, number), "noFastForward", None)

    def abandon(self, handle: RepositoryHandle, number: int) -> None:
        pull_request = self._pull_request(self._repository(handle), number)
        pull_request.status, pull_request.closed_at = "abandoned", self._now()

    def conflict(self, handle: RepositoryHandle, number: int) -> None:
        """From now on the pull request cannot be merged."""
        self._pull_request(self._repository(handle), number).conflicting = True

    def repository(self, handle: RepositoryHandle) -> MemoryRepository:
        """The repository as it is, for a test to look into."""
        return self._repository(handle)

    def repositories_of(self, partition: Partition) -> list[MemoryRepository]:
        return [found for found in self._repositories.values() if found.partition == partition]

    def _repository(self, handle: RepositoryHandle) -> MemoryRepository:
        found = self._repositories.get(handle)
        if found is None:
            raise Rejected(f"repository {handle.external_id} does not exist")
        return found

    def _pull_request(self, repository: MemoryRepository, number: int) -> MemoryPullRequest:
        found = repository.pull_requests.get(number)
        if found is None:
            raise Rejected(f"pull request {number} does not exist")
        return found

    def _complete_if_allowed(self, repository: MemoryRepository, number: int) -> None:
        """What somebody set to complete by itself is merged once its policies are satisfied."""
        one = self._pull_request(repository, number)
        results = repository.policy_results(one)
        unmet = any(result.blocking and result.status != "approved" for result in results)
        if one.completes_itself and one.status == "active" and not unmet and not one.conflicting:
            self._merge(repository, one, "noFastForward", None)

    def _merge(
        self,
        repository: MemoryRepository,
        pull_request: MemoryPullRequest,
        strategy: str,
        operation_id: str | None,
    ) -> str:
        target = repository.refs[pull_request.target]
        tree = repository.merged_tree(pull_request.source_sha, target)
        if tree is None or pull_request.conflicting:
            raise Rejected(
                f"merge conflicts: pull request {pull_request.number} from {pull_request.source} "
                f"to {pull_request.target}"
            )
        parents = (target, pull_request.source_sha) if STRATEGIES[strategy] else (target,)
        title = f"Merged PR {pull_request.number}: {pull_request.title}"
        sha = repository.add(MemoryCommit(tree, parents, title, "Software Factory", operation_id))
        repository.set_ref(pull_request.target, sha, self._now())
        pull_request.status, pull_request.merge_commit_sha = "completed", sha
        pull_request.merge_operation_id = operation_id
        pull_request.closed_at = self._now()
        self.effects["merge"] += 1
        return sha

    def _view(self, repository: MemoryRepository, one: MemoryPullRequest) -> ProvidedPullRequest:
        return ProvidedPullRequest(
            number=one.number,
            status=one.status,
            source_branch=one.source,
            target_branch=one.target,
            title=one.title,
            description=one.description,
            source_sha=one.source_sha,
            operation_id=one.operation_id,
            merge_operation_id=one.merge_operation_id,
            merge_commit_sha=one.merge_commit_sha,
            closed_at=one.closed_at,
            checks=repository.checks(one),
            reviews=tuple(one.votes.values()),
            comments=tuple(one.comments),
            policies=repository.policy_results(one),
        )
