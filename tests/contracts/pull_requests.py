"""What the suites about pull requests share: one to open, to read and to merge."""

import pytest

from domain.provided import ProvidedPullRequest, RepositoryHandle
from tests.git_hosts import GitHost, head_of


async def open_one(
    git_host: GitHost, handle: RepositoryHandle, operation_id: str = "cmd-open", description: str = "Adds it."
) -> ProvidedPullRequest:
    return await git_host.git.open_pull_request(
        handle, "feature/a", "main", "Add a", description, operation_id=operation_id
    )


async def read(git_host: GitHost, handle: RepositoryHandle, number: int) -> ProvidedPullRequest:
    found = await git_host.git.pull_request(handle, number)
    assert found is not None
    return found


async def merge(
    git_host: GitHost,
    handle: RepositoryHandle,
    opened: ProvidedPullRequest,
    operation_id: str = "cmd-merge",
    strategy: str = "noFastForward",
) -> ProvidedPullRequest:
    return await git_host.git.merge_pull_request(
        handle,
        opened.number,
        expected_source_sha=opened.source_sha,
        strategy=strategy,
        operation_id=operation_id,
    )


@pytest.fixture
async def feature(git_host: GitHost, repository: RepositoryHandle) -> RepositoryHandle:
    """A branch `feature/a` with a commit that `main` doesn't have."""
    await git_host.git.create_branch(repository, "feature/a", await head_of(git_host, repository))
    await git_host.push(repository, "feature/a", "/a.txt", "a")
    return repository
