"""Who made what, told from the commits and pull requests of a repository in memory."""

from collections.abc import Iterator

from adapters.co_authors import co_authors
from adapters.memory.git_model import MemoryCommit, MemoryPullRequest, MemoryRepository
from domain.kernel.errors import require
from domain.provided import ProvidedContributions

MOST_PATHS = 100_000
"""How many paths of a tree are told."""


def merged_by(repository: MemoryRepository, sha: str) -> MemoryPullRequest | None:
    merged = (one for one in repository.pull_requests.values() if one.status == "completed")
    return next((one for one in merged if one.merge_commit_sha == sha), None)


def contributions(repository: MemoryRepository, sha: str, since_sha: str | None) -> ProvidedContributions:
    for given in (sha, *([since_sha] if since_sha is not None else [])):
        require(given in repository.commits, f"commit {given} does not exist")
    known = set(repository.ancestry(since_sha)) if since_sha is not None else set()
    shas = [one for one in repository.ancestry(sha) if one not in known]
    merged = {one.number: one for found in shas if (one := merged_by(repository, found)) is not None}
    hidden = {squashed for one in merged.values() for squashed in _squashed(repository, one)}
    return ProvidedContributions(
        authors=tuple(sorted({who for one in {*shas, *hidden} for who in _makers(repository.commits[one])})),
        pull_request_authors=tuple(sorted({one.author for one in merged.values()})),
        mergers=tuple(sorted({one.merged_by for one in merged.values()})),
        pull_requests=tuple(sorted(merged)),
    )


def _squashed(repository: MemoryRepository, pull_request: MemoryPullRequest) -> Iterator[str]:
    """The commits that the merge made one of: their authors are not in what it left."""
    merge = repository.commits[pull_request.merge_commit_sha or pull_request.source_sha]
    if len(merge.parents) != 1:
        return
    target = set(repository.ancestry(merge.parents[0]))
    yield from (one for one in repository.ancestry(pull_request.source_sha) if one not in target)


def _makers(commit: MemoryCommit) -> Iterator[str]:
    yield commit.author
    yield from co_authors(commit.message)
    if commit.committer is not None and len(commit.parents) < 2:
        yield commit.committer
