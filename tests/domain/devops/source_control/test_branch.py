"""Branch: unique per repository, from a commit that exists, closed to direct commits when protected."""

import asyncio

import pytest

from domain.devops.source_control.branch import (
    Branch,
    BranchCreated,
    CreateBranch,
    ObserveBranch,
    create_branch,
)
from domain.devops.source_control.commit import CreateCommit
from domain.devops.source_control.pull_request import MergePullRequest, PullRequestMerged
from domain.devops.source_control.repository import BranchProtection, Repository
from domain.kernel.errors import NotFound
from domain.provided import FileContent
from tests.domain.devops.source_control.given import (
    CHECK,
    CHECKED,
    NO_SHA,
    a_branch,
    a_commit,
    a_pull_request,
    a_repository,
    file,
    head_of,
    to_open,
)
from tests.domain.world import World


def commit_to(repository: Repository, branch: str) -> CreateCommit:
    return CreateCommit(
        repository_id=repository.id, branch=branch, message="m", artifact_id="a", files=(file("b.txt"),)
    )


async def test_creating_tells_everything_of_the_branch(world: World) -> None:
    repository = await a_repository(world)
    head = await head_of(world, repository)
    command = CreateBranch(repository_id=repository.id, name="feature/a", from_commit_sha=head)
    happened = await world.when(command)
    fact = happened.only(BranchCreated)
    assert happened.envelopes[0].payload == {
        "branchId": fact.branch_id,
        "repositoryId": repository.repository_id,
        "name": "feature/a",
        "fromCommitSha": head,
        "isProtected": False,
    }
    branch = await world.read(Branch, fact.branch_id)
    assert (branch.from_commit_sha, branch.head_commit_sha, branch.status) == (head, head, "Active")
    assert (branch.is_protected, branch.policy_bindings, branch.aggregate_version) == (False, (), 1)
    assert await world.git.branch_head(repository.handle, "feature/a") == head


async def test_a_protected_branch_has_its_policies_bound(world: World) -> None:
    repository = await a_repository(world)
    protection = BranchProtection(required_checks=(CHECK,), required_approvers=2)
    branch = await a_branch(world, repository, "release/1", protection=protection)
    assert branch.is_protected
    assert [(one.kind, one.setting) for one in branch.policy_bindings] == [
        ("statusCheck", CHECK),
        ("minimumApprovers", "2"),
    ]
    assert all(binding.policy_id for binding in branch.policy_bindings)


async def test_a_second_branch_of_a_name_is_refused(world: World) -> None:
    repository = await a_repository(world, name="booking")
    await a_branch(world, repository, "feature/a")
    again = CreateBranch(
        repository_id=repository.id, name="feature/a", from_commit_sha=await head_of(world, repository)
    )
    assert await world.refused(again) == "branch feature/a already exists in repository booking"


async def test_the_default_branch_has_its_name_too(world: World) -> None:
    repository = await a_repository(world, name="booking")
    again = CreateBranch(
        repository_id=repository.id, name="main", from_commit_sha=await head_of(world, repository)
    )
    assert await world.refused(again) == "branch main already exists in repository booking"


async def test_of_two_at_once_one_gets_the_name_and_the_other_the_sentence(world: World) -> None:
    repository = await a_repository(world, name="booking")
    payload = {
        "repositoryId": repository.id,
        "name": "feature/a",
        "fromCommitSha": await head_of(world, repository),
    }
    replies = await asyncio.gather(*(world.send("CreateBranch", payload) for _ in range(2)))
    assert sorted(str(reply.get("reason")) for reply in replies) == [
        "None",
        "branch feature/a already exists in repository booking",
    ]


async def test_another_repositorys_branch_may_have_the_name(world: World) -> None:
    first = await a_branch(world, await a_repository(world), "feature/a")
    second = await a_branch(world, await a_repository(world), "feature/a")
    assert first.branch_id != second.branch_id


async def test_the_base_commit_must_exist(world: World) -> None:
    repository = await a_repository(world)
    command = CreateBranch(repository_id=repository.id, name="feature/a", from_commit_sha=NO_SHA)
    assert await world.refused(command) == f"commit {NO_SHA} does not exist"
    assert await world.git.branch_head(repository.handle, "feature/a") is None


async def test_a_name_that_is_a_folder_of_another_branch_is_refused(world: World) -> None:
    repository = await a_repository(world)
    await a_branch(world, repository, "feature/a")
    command = CreateBranch(
        repository_id=repository.id, name="feature", from_commit_sha=await head_of(world, repository)
    )
    assert "feature conflicts with" in await world.refused(command)


async def test_a_branch_of_a_repository_that_does_not_exist_is_not_found(world: World) -> None:
    with pytest.raises(NotFound, match="Repository repo-9 does not exist"):
        await world.when(CreateBranch(repository_id="repo-9", name="a", from_commit_sha=NO_SHA))


async def test_a_protected_branch_takes_no_direct_commit(world: World) -> None:
    repository = await a_repository(world)
    branch = await a_branch(world, repository, "release/1", protection=CHECKED)
    no = await world.refused(commit_to(repository, "release/1"))
    assert no == "branch release/1 is protected: it changes by pull request with passing checks"
    assert await head_of(world, repository, "release/1") == branch.head_commit_sha


async def test_a_protected_default_branch_takes_no_direct_commit(world: World) -> None:
    repository = await a_repository(world, protection=CHECKED)
    no = await world.refused(commit_to(repository, "main"))
    assert no == "branch main is protected: it changes by pull request with passing checks"


async def test_a_protected_branch_changes_by_pull_request_once_its_checks_passed(world: World) -> None:
    repository, pull_request = await a_pull_request(world, CHECKED)
    merge = MergePullRequest(pull_request_id=pull_request.id)
    assert await world.refused(merge) == f"required check {CHECK} is pending"
    world.git.set_status(repository.handle, pull_request.number, CHECK, "succeeded")
    assert (await world.when(merge)).only(PullRequestMerged).target_branch == "main"


async def test_a_repositorys_default_branch_is_taken_in(world: World) -> None:
    repository = await a_repository(world, protection=CHECKED)
    branch = await world.read(Branch, Branch.id_for(repository.id, "main"))
    head = await head_of(world, repository)
    assert (branch.name, branch.head_commit_sha, branch.from_commit_sha) == ("main", head, head)
    assert (branch.status, branch.is_protected) == ("Active", True)
    assert [one.setting for one in branch.policy_bindings] == [CHECK]


async def test_taking_in_the_default_branch_is_a_consequence_in_the_same_trace(world: World) -> None:
    reply = await world.send("ProvisionRepository", {"name": "booking"}, trace_id="trace-of-birth")
    await world.dispatcher.drain()
    nodes = await world.store.trace(world.partition.tenant_id, "trace-of-birth")
    assert [node.type for node in nodes] == ["ProvisionRepository", "RepositoryProvisioned", "ObserveBranch"]
    assert nodes[2].causation_id == reply["events"][0]["eventId"]


async def test_a_branch_that_moved_is_followed(world: World) -> None:
    repository = await a_repository(world)
    branch = await a_branch(world, repository, "feature/a")
    sha = world.git.push(repository.handle, "feature/a", [FileContent("a", "add", b"a")])
    happened = await world.when(ObserveBranch(repository_id=repository.id, name="feature/a"))
    assert happened.facts == ()
    moved = await world.read(Branch, branch.id)
    assert (moved.head_commit_sha, moved.from_commit_sha) == (sha, branch.from_commit_sha)
    assert moved.aggregate_version == 1


async def delete(world: World, repository: Repository, name: str) -> None:
    """Somebody deletes the branch at the provider, and the service hook tells."""
    del world.git.repository(repository.handle).refs[name]
    await world.when(ObserveBranch(repository_id=repository.id, name=name))


async def test_a_deleted_branch_takes_no_commit(world: World) -> None:
    repository = await a_repository(world)
    branch = await a_branch(world, repository, "feature/a")
    await delete(world, repository, "feature/a")
    assert (await world.read(Branch, branch.id)).status == "Deleted"
    assert await world.refused(commit_to(repository, "feature/a")) == "branch feature/a is deleted"


async def test_a_deleted_branchs_name_is_free_again(world: World) -> None:
    repository = await a_repository(world)
    await a_branch(world, repository, "feature/a")
    await delete(world, repository, "feature/a")
    await a_commit(world, repository, "main")
    again = await a_branch(world, repository, "feature/a")
    assert (again.status, again.aggregate_version) == ("Active", 2)
    assert again.from_commit_sha == again.head_commit_sha == await head_of(world, repository)
    await a_commit(world, repository, "feature/a", file("b.py"))


async def test_a_branch_made_again_without_protection_is_not_protected_anywhere(world: World) -> None:
    repository = await a_repository(world)
    await a_branch(world, repository, "release/1", protection=CHECKED)
    await delete(world, repository, "release/1")
    again = await a_branch(world, repository, "release/1")
    assert (again.is_protected, again.policy_bindings) == (False, ())
    await a_commit(world, repository, "release/1")


async def test_a_branch_that_came_back_outside_is_active_again(world: World) -> None:
    repository = await a_repository(world)
    branch = await a_branch(world, repository, "feature/a")
    await delete(world, repository, "feature/a")
    sha = world.git.push(repository.handle, "feature/a", [FileContent("a", "add", b"a")])
    await world.when(ObserveBranch(repository_id=repository.id, name="feature/a"))
    back = await world.read(Branch, branch.id)
    assert (back.status, back.head_commit_sha) == ("Active", sha)


async def test_a_branch_that_nobody_asked_for_is_left_alone(world: World) -> None:
    repository = await a_repository(world)
    world.git.push(repository.handle, "outside", [FileContent("a", "add", b"a")])
    await world.when(ObserveBranch(repository_id=repository.id, name="outside"))
    assert await world.store.load(world.partition, Branch, Branch.id_for(repository.id, "outside")) is None


async def test_a_branch_that_was_pushed_outside_can_be_taken_in_by_its_command(world: World) -> None:
    repository = await a_repository(world)
    base = await head_of(world, repository)
    await world.git.create_branch(repository.handle, "feature/a", base)
    sha = world.git.push(repository.handle, "feature/a", [FileContent("a", "add", b"a")])
    branch = await a_branch(world, repository, "feature/a")
    assert (branch.from_commit_sha, branch.head_commit_sha) == (base, sha)


async def test_observing_a_branch_of_a_repository_that_nobody_knows_is_no_error(world: World) -> None:
    assert (await world.when(ObserveBranch(repository_id="repo-9", name="main"))).facts == ()


async def test_a_crash_between_the_provider_and_the_commit_makes_no_second_branch(world: World) -> None:
    repository = await a_repository(world)
    head = await head_of(world, repository)
    command = CreateBranch(repository_id=repository.id, name="a", from_commit_sha=head, protection=CHECKED)
    envelope = world.envelope(command)
    await create_branch(command, world.work(command, envelope), world.git)
    effects = dict(world.git.effects)
    (await world.when(command, envelope)).only(BranchCreated)
    assert world.git.effects == effects


async def test_a_pull_request_can_start_from_a_created_branch(world: World) -> None:
    repository = await a_repository(world)
    await a_branch(world, repository)
    await a_commit(world, repository)
    assert (await world.when(to_open(repository))).names == ("PullRequestOpened",)
