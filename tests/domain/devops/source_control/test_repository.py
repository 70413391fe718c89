"""Repository: unique by name, of one provider for good, closed to commits until its default branch is."""

import asyncio
from typing import Any

import pytest

from domain.devops.source_control.branch import Branch, CreateBranch, ObserveBranch
from domain.devops.source_control.commit import CreateCommit
from domain.devops.source_control.reconciliation import ObserveRepository, observations_due
from domain.devops.source_control.repository import (
    HOOK_EVENTS,
    BranchProtection,
    ProvisionRepository,
    Repository,
    RepositoryProvider,
    RepositoryProvisioned,
    provision_repository,
)
from domain.kernel.errors import Invalid, Rejected
from domain.kernel.values import validated
from domain.kernel.work import Partition
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
)
from tests.domain.world import ACTOR, START, World


async def test_provisioning_tells_everything_of_the_repository(world: World) -> None:
    happened = await world.when(ProvisionRepository(name="booking"))
    fact = happened.only(RepositoryProvisioned)
    repository = await world.read(Repository, fact.repository_id)
    (envelope,) = happened.envelopes
    assert envelope.payload == {
        "repositoryId": repository.repository_id,
        "name": "booking",
        "provider": "AzureDevOps",
        "remoteUrl": "https://git.invalid/connectsoft/proj-booking-saas/_git/booking",
        "defaultBranch": "main",
        "headCommitSha": await world.git.branch_head(repository.handle, "main"),
        "visibility": "Private",
    }
    assert envelope.causation_id == happened.journal.outcome.command_id


async def test_a_provisioned_repository_is_stored_whole(world: World) -> None:
    protection = BranchProtection(required_checks=(CHECK, "scan/secrets"), required_approvers=2)
    repository = await a_repository(
        world, name="booking", default_branch="trunk", visibility="Internal", protection=protection
    )
    assert repository.name == "booking"
    assert repository.module_id == "module-reservations-api"
    assert (repository.provider, repository.visibility, repository.status) == (
        "AzureDevOps",
        "Internal",
        "Ready",
    )
    assert repository.default_branch == "trunk"
    assert [(one.name, one.value) for one in repository.settings] == [
        ("requiredCheck", CHECK),
        ("requiredCheck", "scan/secrets"),
        ("requiredApprovers", "2"),
    ]
    assert repository.protection == protection
    assert tuple(hook.event_type for hook in repository.webhooks) == HOOK_EVENTS
    assert all(hook.subscription_id and hook.status == "enabled" for hook in repository.webhooks)
    assert (repository.created_at, repository.created_by) == (START, ACTOR)
    assert repository.aggregate_version == 1


async def test_a_second_repository_of_a_name_is_refused(world: World) -> None:
    await a_repository(world, name="booking")
    effects = dict(world.git.effects)
    no = await world.refused(ProvisionRepository(name="booking", protection=CHECKED))
    assert no == "a repository named booking already exists"
    assert world.git.effects == effects, "the first one's policies are not touched"


async def test_letter_case_does_not_make_another_name(world: World) -> None:
    await a_repository(world, name="booking")
    effects = dict(world.git.effects)
    no = await world.refused(ProvisionRepository(name="Booking", protection=CHECKED))
    assert no == "a repository named Booking already exists"
    assert world.git.effects == effects, "it is refused before the provider is asked"


@pytest.mark.parametrize(
    "where", [Partition("connectsoft", "other"), Partition("contoso", "proj-booking-saas")]
)
async def test_another_projects_and_another_tenants_repository_may_have_the_name(
    world: World, where: Partition
) -> None:
    first = await a_repository(world, name="booking")
    world.partition = where
    second = await a_repository(world, name="booking")
    assert second.repository_id != first.repository_id
    assert second.external_id != first.external_id


async def test_of_two_at_once_one_gets_the_name_and_the_other_the_sentence(world: World) -> None:
    sends = [world.send("ProvisionRepository", {"name": "booking"}) for _ in range(2)]
    replies = await asyncio.gather(*sends)
    assert sorted(reply["outcome"] for reply in replies) == ["accepted", "rejected"]
    rejected = next(reply for reply in replies if reply["outcome"] == "rejected")
    assert rejected["reason"] == "a repository named booking already exists"
    assert world.git.effects["repository"] == 1


async def test_the_provider_does_not_change_after_provisioning(world: World) -> None:
    repository = await a_repository(world)
    with pytest.raises(Rejected) as no:
        repository.provider = RepositoryProvider.GITHUB
    assert no.value.sentence == "provider is immutable after provisioning"


async def test_a_provider_that_is_not_connected_is_refused_before_anything_is_made(world: World) -> None:
    no = await world.refused(ProvisionRepository(name="booking", provider=RepositoryProvider.GITHUB))
    assert no == "provider GitHub is not connected"
    assert not world.git.effects


EMPTY = "default branch main must exist before commits are accepted"


async def test_without_its_default_branch_a_repository_takes_no_commit_and_no_branch(world: World) -> None:
    repository = await a_repository(world, initialize=False)
    assert repository.status == "Empty"
    commit = CreateCommit(
        repository_id=repository.id, branch="main", message="m", artifact_id="a", files=(file(),)
    )
    assert await world.refused(commit) == EMPTY
    branch = CreateBranch(repository_id=repository.id, name="feature/a", from_commit_sha=NO_SHA)
    assert await world.refused(branch) == EMPTY


async def test_the_fact_of_an_empty_repository_says_that_it_has_no_head(world: World) -> None:
    happened = await world.given(ProvisionRepository(name="booking", initialize=False))
    fact = happened.only(RepositoryProvisioned)
    assert fact.head_commit_sha is None
    stored = await world.store.load(world.partition, Branch, Branch.id_for(fact.repository_id, "main"))
    assert stored is None


async def test_a_first_push_from_outside_opens_an_empty_repository(world: World) -> None:
    repository = await a_repository(world, initialize=False, protection=CHECKED)
    sha = world.git.push(repository.handle, "main", [FileContent("README.md", "add", b"# hi")])
    happened = await world.when(ObserveBranch(repository_id=repository.id, name="main"))
    assert happened.facts == (), "RepositoryProvisioned told of its default branch"
    assert (await world.read(Repository, repository.id)).status == "Ready"
    branch = await world.read(Branch, Branch.id_for(repository.id, "main"))
    assert (branch.head_commit_sha, branch.is_protected) == (sha, True)
    assert [(one.kind, one.setting) for one in branch.policy_bindings] == [("statusCheck", CHECK)]


async def test_a_push_to_another_branch_does_not_open_an_empty_repository(world: World) -> None:
    repository = await a_repository(world, initialize=False)
    world.git.push(repository.handle, "feature/a", [FileContent("a", "add", b"a")])
    await world.when(ObserveBranch(repository_id=repository.id, name="feature/a"))
    assert (await world.read(Repository, repository.id)).status == "Empty"


async def test_an_opened_repository_takes_commits(world: World) -> None:
    repository = await a_repository(world)
    assert (await a_commit(world, repository, "main")).branch == "main"


async def test_the_same_provider_repository_always_has_the_same_id(world: World) -> None:
    repository = await a_repository(world)
    assert repository.repository_id == Repository.id_for(world.partition, repository.external_id)
    assert repository.repository_id.startswith("repo-")


async def test_a_crash_between_the_provider_and_the_commit_makes_no_second_repository(world: World) -> None:
    command = ProvisionRepository(name="booking", protection=CHECKED)
    envelope = world.envelope(command)
    await provision_repository(command, world.work(command, envelope), world.git)
    effects = dict(world.git.effects)
    fact = (await world.when(command, envelope)).only(RepositoryProvisioned)
    assert world.git.effects == effects
    assert fact.repository_id == (await world.read(Repository, fact.repository_id)).repository_id


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a/b"}, "name"),
        ({"name": "-a"}, "name"),
        ({"name": "a."}, "name"),
        ({"name": "a" * 65}, "name"),
        ({"name": "booking", "provider": "GitLab"}, "provider"),
        ({"name": "booking", "visibility": "Hidden"}, "visibility"),
        ({"name": "booking", "defaultBranch": "a..b"}, "defaultBranch"),
        ({"name": "booking", "protection": {}}, "protection"),
        ({"name": "booking", "protection": {"requiredApprovers": 11}}, "protection.requiredApprovers"),
        ({"name": "booking", "protection": {"requiredApprovers": -1}}, "protection.requiredApprovers"),
        ({"name": "booking", "protection": {"requiredChecks": ["build"]}}, "protection.requiredChecks.0"),
    ],
)
def test_what_is_wrong_with_a_request_is_named(payload: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        validated(ProvisionRepository, payload)
    assert [error.field for error in refused.value.errors] == [field]


def test_protection_that_asks_for_nothing_says_so() -> None:
    with pytest.raises(Invalid, match="must require at least one check or approver"):
        validated(BranchProtection, {"requiredChecks": [], "requiredApprovers": 0})


async def test_a_lost_service_hook_and_a_lost_policy_are_mended(world: World) -> None:
    repository = await a_repository(world, protection=CHECKED)
    at_provider = world.git.repository(repository.handle)
    lost = at_provider.hooks.pop("git.push")
    at_provider.policies["main"].clear()
    happened = await world.when(ObserveRepository(repository_id=repository.id))
    assert happened.facts == ()
    mended = {hook.event_type: hook for hook in (await world.read(Repository, repository.id)).webhooks}
    assert tuple(mended) == HOOK_EVENTS
    assert mended["git.push"].subscription_id != lost.subscription_id
    assert [policy.setting for policy in at_provider.policies["main"].values()] == [CHECK]


async def test_observing_a_repository_that_is_as_it_should_be_changes_nothing(world: World) -> None:
    repository = await a_repository(world, protection=CHECKED)
    effects = dict(world.git.effects)
    world.clock.step()
    await world.when(ObserveRepository(repository_id=repository.id))
    assert world.git.effects == effects
    assert (await world.read(Repository, repository.id)).updated_at == repository.updated_at


async def test_what_a_lost_hook_may_hide_is_looked_at_again(world: World) -> None:
    repository, pull_request = await a_pull_request(world)
    since = world.clock.step()
    await a_branch(world, repository, "feature/b")
    observations = await observations_due(repository, since, world.git)
    names = [type(observation).__name__ for observation in observations]
    assert names == ["ObserveRepository", "ObservePullRequest", "ObserveBranch"]
    assert [one.model_dump(exclude={"repository_id"}) for one in observations] == [
        {},
        {"number": pull_request.number, "adopt": True},
        {"name": "feature/b"},
    ]


async def test_observing_a_repository_that_nobody_knows_is_no_error(world: World) -> None:
    assert (await world.when(ObserveRepository(repository_id="repo-9"))).facts == ()
