"""What source-control tests begin with: a repository, a branch, a commit, a pull request."""

from typing import Any

from domain.devops.source_control.branch import Branch, BranchCreated, CreateBranch
from domain.devops.source_control.commit import CommitCreated, CreateCommit, FileInput
from domain.devops.source_control.pull_request import (
    OpenPullRequest,
    PullRequest,
    PullRequestOpened,
)
from domain.devops.source_control.pull_request_observation import ObservePullRequest
from domain.devops.source_control.repository import (
    BranchProtection,
    ProvisionRepository,
    Repository,
    RepositoryProvisioned,
)
from tests.domain.world import World

NO_SHA = "0" * 40
CHECK = "build/validate"
CHECKED = BranchProtection(required_checks=(CHECK,))
APPROVED = BranchProtection(required_approvers=1)


def file(path: str = "src/app.py", content: str = "print(1)\n", **changes: Any) -> FileInput:
    return FileInput.model_validate({"path": path, "content": content} | changes)


async def a_repository(world: World, **changes: Any) -> Repository:
    """Provisioned, and the reactions have run."""
    command = ProvisionRepository.model_validate({"name": world.name("booking")} | changes)
    fact = (await world.given(command)).only(RepositoryProvisioned)
    return await world.read(Repository, fact.repository_id)


async def head_of(world: World, repository: Repository, branch: str = "main") -> str:
    head = await world.git.branch_head(repository.handle, branch)
    assert head is not None, f"{branch} does not exist"
    return head


async def a_branch(
    world: World, repository: Repository, name: str = "feature/reservations", **changes: Any
) -> Branch:
    command = CreateBranch.model_validate(
        {
            "repository_id": repository.repository_id,
            "name": name,
            "from_commit_sha": await head_of(world, repository),
        }
        | changes
    )
    fact = (await world.given(command)).only(BranchCreated)
    return await world.read(Branch, fact.branch_id)


async def a_commit(
    world: World, repository: Repository, branch: str = "feature/reservations", *files: FileInput
) -> CommitCreated:
    command = CreateCommit(
        repository_id=repository.repository_id,
        branch=branch,
        message="Generate the reservations API",
        artifact_id="artifact-7",
        files=files or (file(),),
    )
    return (await world.given(command)).only(CommitCreated)


def to_open(repository: Repository, **changes: Any) -> OpenPullRequest:
    fields: dict[str, Any] = {
        "repository_id": repository.repository_id,
        "source_branch": "feature/reservations",
        "target_branch": "main",
        "title": "Reservations API",
        "description": "Generated from the blueprint.",
    }
    return OpenPullRequest.model_validate(fields | changes)


async def a_feature(world: World, protection: BranchProtection | None = None) -> Repository:
    """A repository whose `feature/reservations` is one commit ahead of `main`, which may be protected."""
    repository = await a_repository(world, protection=protection)
    await a_branch(world, repository)
    await a_commit(world, repository)
    return repository


async def a_pull_request(
    world: World, protection: BranchProtection | None = None
) -> tuple[Repository, PullRequest]:
    """Open from `feature/reservations` to `main`, its first evaluation read."""
    repository = await a_feature(world, protection)
    fact = (await world.given(to_open(repository))).only(PullRequestOpened)
    return repository, await world.read(PullRequest, fact.pull_request_id)


def to_observe(repository: Repository, number: int = 1, *, adopt: bool = False) -> ObservePullRequest:
    return ObservePullRequest(repository_id=repository.id, number=number, adopt=adopt)


async def stored(world: World, repository: Repository, number: int = 1) -> PullRequest | None:
    id = PullRequest.id_for(repository.id, number)
    loaded = await world.store.load(world.partition, PullRequest, id)
    return loaded.aggregate if loaded is not None else None


async def again(world: World, repository: Repository) -> PullRequest:
    pull_request = await stored(world, repository)
    assert pull_request is not None
    return pull_request
