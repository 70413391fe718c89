"""Who decides on a release: a person, for themself or in the place of one who delegated it to them."""

from datetime import datetime

from domain.devops.delivery.delivery_policy import DeliveryPolicy
from domain.devops.delivery.identities import Delegation
from domain.devops.release.approvals import ApproverIdentity
from domain.devops.release.release_plan import ReleasePlan
from domain.kernel.actor import Actor
from domain.kernel.errors import Rejected, require


def approver_of(
    actor: Actor, on_behalf_of: str | None, plan: ReleasePlan, policy: DeliveryPolicy, now: datetime
) -> tuple[ApproverIdentity, Delegation | None]:
    """The approver, and the delegation that they make use of. Raises `Rejected` where there is none."""
    require(not actor.is_service, "only a person decides on a release")
    people = policy.people
    person = people.identity(actor.name, *actor.aliases)
    if on_behalf_of is None:
        return ApproverIdentity(person=person, groups=_groups(plan, person.names, actor, policy)), None
    by_name = plan.policy.approvals.required_approvers
    # In another's place they would spend the one decision that is theirs, and the release could never pass.
    require(
        not any(people.same([name], person.names) for name in by_name),
        f"{actor.name} is a required approver and decides in person",
    )
    delegation = _delegation(on_behalf_of, person.names, policy, now)
    voice = people.identity(delegation.from_)
    groups = _groups(plan, voice.names, None, policy)
    return ApproverIdentity(person=person, on_behalf_of=voice, groups=groups), delegation


def _delegation(wanted: str, to: tuple[str, ...], policy: DeliveryPolicy, now: datetime) -> Delegation:
    """The delegation in force from the wanted person to the other: only their own, it is not handed on."""
    people = policy.people
    for delegation in policy.delegations:
        between = people.same([delegation.from_], [wanted]) and people.same([delegation.to], to)
        if between and delegation.is_in_force(now) and not people.same([delegation.from_], to):
            return delegation
    raise Rejected(f"no delegation from {wanted} to {to[0]} is in force")


def _groups(
    plan: ReleasePlan, names: tuple[str, ...], present: Actor | None, policy: DeliveryPolicy
) -> tuple[str, ...]:
    """The policy's groups in which this voice may fill a seat. The directory vouches for who is present; of
    whom another stands for, only the names in the policy are known."""
    vouched = present.groups if present is not None else ()
    return tuple(
        group.name
        for group in plan.policy.groups
        if (group.directory_group is not None and group.directory_group in vouched)
        or any(policy.people.same([member], names) for member in group.members)
    )
