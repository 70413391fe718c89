"""Deciding on a release: what is recorded, when it is complete, and when it is too late."""

from datetime import timedelta

import pytest

from domain.devops.delivery.delivery_policy import policy_hash
from domain.devops.release.approvals import ApprovalDecision
from domain.devops.release.release_approval import ReleaseApproval, ReleaseApproved
from domain.devops.release.release_line import ReleaseLine
from domain.devops.release.release_plan import ReleasePlan
from domain.kernel.actor import Actor, service
from domain.kernel.errors import NotFound, Rejected
from domain.kernel.values import timestamp
from tests.domain.devops.release.given import (
    ADA,
    ALAN,
    EVE,
    GRACE,
    HEIDI,
    MODULE,
    a_release,
    again,
    configure,
    decided,
    on_path,
    refused,
    to_decide,
)
from tests.domain.world import World


async def approval_of(world: World, release: ReleasePlan, person: Actor) -> ReleaseApproval:
    return await world.read(ReleaseApproval, ReleaseApproval.id_for(release.release_id, person.name))


async def test_the_approval_that_a_release_lacked_makes_it_approved(world: World) -> None:
    release = await a_release(world)
    world.clock.step(60)
    happened = await decided(world, release, GRACE, comment="Looks good.")
    happened.only(ReleaseApproved)
    assert happened.envelopes[0].payload == {
        "releaseId": release.release_id,
        "moduleId": MODULE,
        "buildResultId": release.build_result_id,
        "version": "1.4.0",
        "targetEnvironment": "dev",
        "strategy": "RollingUpdate",
        "approvedBy": ["grace@connectsoft.example"],
        "policyHash": release.policy_hash,
        "approvedAt": timestamp(world.clock.now()),
    }
    assert (await again(world, release)).status == "Approved"
    approval = await approval_of(world, release, GRACE)
    assert (approval.decision, approval.comment, approval.aggregate_version) == ("Approved", "Looks good.", 1)
    assert happened.journal.outcome.reply["aggregate"] == {
        "type": "ReleaseApproval",
        "id": approval.approval_id,
        "version": 1,
    }


async def test_who_approved_does_not_leave_the_platform(world: World) -> None:
    release = await a_release(world)
    world.actor = GRACE
    await world.dispatch(world.envelope(to_decide(release)))
    bodies = [
        m.body for m in world.published("integration") if m.properties["cs-event-type"] == "ReleaseApproved"
    ]
    assert len(bodies) == 1
    assert "grace" not in bodies[0]


async def test_a_decision_keeps_what_the_policy_said_and_on_what(world: World) -> None:
    groups = [{"name": "owners", "members": [GRACE.name]}]
    approvals = {"required_approvals": 2, "groups": [{"group": "owners"}]}
    await configure(world, environments=on_path("dev", **approvals), groups=groups)
    release = await a_release(world)
    await decided(world, release, ALAN)
    await decided(world, release, GRACE)
    result = (await approval_of(world, release, GRACE)).policy_result
    assert result is not None
    assert result.policy_hash == release.policy_hash == policy_hash(release.policy)
    assert (result.inputs.planner, result.inputs.initiator) == (ADA.name, ADA.name)
    assert EVE in [one.identity.name for one in result.inputs.contributors]
    assert [one.person.name for one in result.inputs.approved_before] == [ALAN.name]
    assert result.inputs.approver.groups == ("owners",)
    assert [(check.name, check.passed) for check in result.checks] == [
        ("plannerIsNotApprover", True),
        ("initiatorIsNotApprover", True),
        ("authorIsNotApprover", True),
        ("pullRequestAuthorIsNotApprover", True),
        ("mergerIsNotApprover", True),
        ("starterIsNotApprover", True),
        ("approvals", True),
        ("groupQuorum", True),
    ]
    first = (await approval_of(world, release, ALAN)).policy_result
    assert first is not None
    assert [check.name for check in first.checks if not check.passed] == ["approvals", "groupQuorum"]


async def test_nothing_is_approved_before_the_whole_policy_is_satisfied(world: World) -> None:
    groups = [
        {"name": "owners", "members": [GRACE.name, HEIDI.name]},
        {"name": "security", "directory_group": "group-7"},
    ]
    approvals = {
        "required_approvals": 3,
        "groups": [{"group": "owners"}, {"group": "security"}],
        "required_approvers": [ALAN.name],
    }
    await configure(world, environments=on_path("dev", **approvals), groups=groups)
    release = await a_release(world)
    guard = Actor("mallory@connectsoft.example", groups=("group-7",))
    for person in (GRACE, HEIDI, guard):
        assert (await decided(world, release, person)).names == ()
        assert (await again(world, release)).status == "PendingApproval"
    fact = (await decided(world, release, ALAN)).only(ReleaseApproved)
    assert fact.approved_by == (GRACE.name, HEIDI.name, guard.name, ALAN.name)


async def test_a_member_of_the_directorys_group_is_one_by_their_token_only(world: World) -> None:
    groups = [{"name": "security", "directory_group": "group-7"}]
    await configure(world, environments=on_path("dev", groups=[{"group": "security"}]), groups=groups)
    release = await a_release(world)
    assert (await decided(world, release, Actor(GRACE.name, groups=("group-8",)))).names == ()
    guard = Actor(ALAN.name, groups=("group-7",))
    assert (await decided(world, release, guard)).names == ("ReleaseApproved",)


@pytest.mark.parametrize(
    "again_as", ["grace@connectsoft.example", "Grace+2@ConnectSoft.example", "oid-grace"]
)
async def test_a_person_decides_once_by_whatever_name(world: World, again_as: str) -> None:
    identities = [{"name": GRACE.name, "aliases": ["oid-grace"]}]
    await configure(world, environments=on_path("dev", required_approvals=2), identities=identities)
    release = await a_release(world)
    await decided(world, release, GRACE)
    no = await refused(world, release, Actor(again_as))
    assert no == f"{again_as} has already decided on release {release.release_id}"
    assert len((await again(world, release)).decisions) == 1


async def test_a_person_decides_once_though_only_their_token_tells_that_it_is_them(world: World) -> None:
    await configure(world, environments=on_path("dev", required_approvals=2))
    release = await a_release(world)
    await decided(world, release, Actor("oid-grace", (GRACE.name,)))
    assert "has already decided" in await refused(world, release, GRACE)


async def test_a_rejection_is_the_end_of_it(world: World) -> None:
    await configure(world, environments=on_path("dev", required_approvals=2))
    release = await a_release(world)
    await decided(world, release, ALAN)
    assert (await decided(world, release, GRACE, decision="Rejected", comment="Not yet.")).names == ()
    assert (await again(world, release)).status == "Rejected"
    assert await refused(world, release, HEIDI) == f"release {release.release_id} was rejected"
    approval = await approval_of(world, release, GRACE)
    assert approval.decision is ApprovalDecision.REJECTED and approval.policy_result is not None
    assert (
        approval.policy_result.checks[-1].sentence == "1 of 2 required approvals by different persons given"
    )


async def test_an_approved_release_takes_no_more_decisions(world: World) -> None:
    release = await a_release(world)
    await decided(world, release, GRACE)
    assert await refused(world, release, ALAN) == f"release {release.release_id} is already Approved"


async def test_a_release_that_was_not_approved_in_time_has_expired(world: World) -> None:
    release = await a_release(world)
    world.clock.step(72 * 3600 - 1)
    assert release.status_at(world.clock.now()) == "PendingApproval"
    world.clock.step(1)
    assert release.status_at(world.clock.now()) == "Expired"
    no = await refused(world, release, GRACE)
    assert no == f"release {release.release_id} was not approved within 72 hours and has expired"


async def test_a_release_that_was_approved_in_time_does_not_expire(world: World) -> None:
    release = await a_release(world)
    await decided(world, release, GRACE)
    later = world.clock.now() + timedelta(days=30)
    assert (await again(world, release)).status_at(later) == "Approved"


async def test_a_service_does_not_decide(world: World) -> None:
    release = await a_release(world)
    assert await refused(world, release, service("sp-bot")) == "only a person decides on a release"


async def test_a_release_that_nobody_knows_is_not_found(world: World) -> None:
    release = (await a_release(world)).model_copy(update={"release_id": "rel-9"})
    with pytest.raises(NotFound, match="ReleasePlan rel-9 does not exist"):
        await decided(world, release, GRACE)


async def test_deciding_twice_by_one_command_decides_once(world: World) -> None:
    release = await a_release(world)
    world.actor = GRACE
    envelope = world.envelope(to_decide(release))
    first = await world.dispatch(envelope)
    second = await world.dispatch(envelope, may_be_repeat=True)
    assert first.outcome.reply == second.outcome.reply
    assert len((await again(world, release)).decisions) == 1


async def test_the_line_of_releases_follows_what_is_approved(world: World) -> None:
    release = await a_release(world)
    id = ReleaseLine.id_for(world.partition, MODULE, "dev")
    assert await world.store.load(world.partition, ReleaseLine, id) is None
    await decided(world, release, GRACE)
    line = await world.read(ReleaseLine, id)
    assert (line.release_id, line.version, line.commit_sha) == (
        release.release_id,
        "1.4.0",
        release.commit_sha,
    )
    assert line.commit_in("repo-elsewhere") is None


async def test_policy_must_have_been_evaluated_before_a_decision(world: World) -> None:
    release = await a_release(world)
    await decided(world, release, GRACE)
    approval = await approval_of(world, release, GRACE)
    unevaluated = ReleaseApproval(
        approval_id="appr-1", release_id=release.release_id, approver=approval.approver, comment=""
    )
    with pytest.raises(Rejected) as no:
        unevaluated.decide(ApprovalDecision.APPROVED, world.clock.now())
    assert no.value.sentence == "policy must have been evaluated before the decision"
    assert unevaluated.decision is None


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("decision", ApprovalDecision.REJECTED, "a decision is immutable once recorded"),
        ("decided_at", None, "a decision is immutable once recorded"),
        ("comment", "On second thought.", "a decision is immutable once recorded"),
        ("policy_result", None, "what the policy said is immutable once recorded"),
    ],
)
async def test_a_decision_is_immutable(world: World, field: str, value: object, sentence: str) -> None:
    release = await a_release(world)
    await decided(world, release, GRACE)
    approval = await approval_of(world, release, GRACE)
    with pytest.raises(Rejected) as no:
        setattr(approval, field, value)
    assert no.value.sentence == sentence
