"""Deciding in the place of another: by their delegation, in its time, and never twice."""

from datetime import timedelta

import pytest

from domain.devops.release.release_approval import ReleaseApproval, ReleaseApproved
from domain.devops.release.release_plan import ReleasePlan
from domain.kernel.actor import Actor
from tests.domain.devops.release.given import (
    ALAN,
    GRACE,
    HEIDI,
    a_release,
    configure,
    decided,
    delegation,
    on_path,
    refused,
)
from tests.domain.world import World


async def approval_of(world: World, release: ReleasePlan, person: Actor) -> ReleaseApproval:
    return await world.read(ReleaseApproval, ReleaseApproval.id_for(release.release_id, person.name))


async def test_a_delegate_stands_for_a_required_approver(world: World) -> None:
    approvals = {"required_approvals": 1, "required_approvers": [GRACE.name]}
    between = [delegation(world, GRACE.name, ALAN.name)]
    await configure(world, environments=on_path("dev", **approvals), delegations=between)
    release = await a_release(world)
    fact = (await decided(world, release, ALAN, on_behalf_of=GRACE.name)).only(ReleaseApproved)
    assert fact.approved_by == (ALAN.name,)
    result = (await approval_of(world, release, ALAN)).policy_result
    assert result is not None and result.inputs.delegation is not None
    assert (result.inputs.delegation.from_person, result.inputs.delegation.to_person) == (
        GRACE.name,
        ALAN.name,
    )


async def test_a_delegate_who_does_not_say_so_decides_for_themself(world: World) -> None:
    approvals = {"required_approvals": 1, "required_approvers": [GRACE.name]}
    between = [delegation(world, GRACE.name, ALAN.name)]
    await configure(world, environments=on_path("dev", **approvals), delegations=between)
    release = await a_release(world)
    assert (await decided(world, release, ALAN)).names == ()


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_delegation_counts_within_its_time_only(world: World, moment: str) -> None:
    between = delegation(world, GRACE.name, ALAN.name, days=1)
    if moment == "before":
        between["starts_at"] = world.clock.now() + timedelta(seconds=1)
    await configure(world, delegations=[between])
    release = await a_release(world)
    if moment == "after":
        world.clock.step(24 * 3600)
    no = await refused(world, release, ALAN, on_behalf_of=GRACE.name)
    assert no == f"no delegation from {GRACE.name} to {ALAN.name} is in force"


@pytest.mark.parametrize("first", ["delegate", "delegator"])
async def test_delegate_and_delegator_are_one_decision(world: World, first: str) -> None:
    between = [delegation(world, GRACE.name, ALAN.name)]
    await configure(world, environments=on_path("dev", required_approvals=2), delegations=between)
    release = await a_release(world)
    if first == "delegate":
        await decided(world, release, ALAN, on_behalf_of=GRACE.name)
        said = [await refused(world, release, GRACE), await refused(world, release, ALAN)]
    else:
        await decided(world, release, GRACE)
        said = [await refused(world, release, ALAN, on_behalf_of=GRACE.name)]
    assert all("has already decided on release" in sentence for sentence in said)


async def test_a_delegate_is_counted_once_though_two_delegated_to_them(world: World) -> None:
    between = [delegation(world, GRACE.name, ALAN.name), delegation(world, HEIDI.name, ALAN.name)]
    await configure(world, environments=on_path("dev", required_approvals=2), delegations=between)
    release = await a_release(world)
    await decided(world, release, ALAN, on_behalf_of=GRACE.name)
    assert "has already decided" in await refused(world, release, ALAN, on_behalf_of=HEIDI.name)


async def test_a_required_approver_decides_in_person(world: World) -> None:
    approvals = {"required_approvals": 2, "required_approvers": [GRACE.name, ALAN.name]}
    between = [delegation(world, GRACE.name, ALAN.name)]
    await configure(world, environments=on_path("dev", **approvals), delegations=between)
    release = await a_release(world)
    no = await refused(world, release, ALAN, on_behalf_of=GRACE.name)
    assert no == f"{ALAN.name} is a required approver and decides in person"


async def test_a_delegate_does_not_lend_their_own_groups(world: World) -> None:
    groups = [{"name": "security", "directory_group": "group-7"}]
    between = [delegation(world, GRACE.name, ALAN.name)]
    environments = on_path("dev", groups=[{"group": "security"}])
    await configure(world, environments=environments, groups=groups, delegations=between)
    release = await a_release(world)
    guard = Actor(ALAN.name, groups=("group-7",))
    assert (await decided(world, release, guard, on_behalf_of=GRACE.name)).names == ()
    assert (await approval_of(world, release, ALAN)).approver.groups == ()


async def test_a_delegate_fills_the_seat_of_whom_they_stand_for(world: World) -> None:
    groups = [{"name": "owners", "members": [GRACE.name]}]
    between = [delegation(world, GRACE.name, ALAN.name)]
    environments = on_path("dev", groups=[{"group": "owners"}])
    await configure(world, environments=environments, groups=groups, delegations=between)
    release = await a_release(world)
    assert (await decided(world, release, ALAN, on_behalf_of=GRACE.name)).names == ("ReleaseApproved",)
