"""Decisions on a release, and whether they come to what its policy asks for."""

from collections.abc import Iterable, Sequence
from enum import StrEnum

from domain.devops.delivery.environments import ApprovalPolicy
from domain.devops.delivery.identities import Identity, People
from domain.devops.delivery.seats import Claim, filled
from domain.kernel.values import Identifier, Model, Person, Timestamp


class ApprovalDecision(StrEnum):
    APPROVED = "Approved"
    REJECTED = "Rejected"


class ApproverIdentity(Model):
    """Who decides: a person, for themself or in the place of one who delegated it to them. `groups` are those
    of the policy in which the person whose voice it is may fill a seat, as found when the decision fell."""

    person: Identity
    on_behalf_of: Identity | None = None
    groups: tuple[str, ...] = ()

    @property
    def voice(self) -> Identity:
        """Whose decision it counts as."""
        return self.on_behalf_of or self.person

    @property
    def everyone(self) -> tuple[Identity, ...]:
        """Whoever has a part in it."""
        return (self.person,) if self.on_behalf_of is None else (self.person, self.on_behalf_of)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for identity in self.everyone for name in identity.names)


class Decision(Model):
    """A decision as the release keeps it, so that decisions that fall at once meet there."""

    approval_id: Identifier
    approver: ApproverIdentity
    decision: ApprovalDecision
    decided_at: Timestamp


class PolicyCheckResult(Model):
    """What one rule of the policy says."""

    name: str
    passed: bool
    sentence: str


class Delegated(Model):
    """A delegation that a decision made use of."""

    from_person: Person
    to_person: Person
    starts_at: Timestamp
    ends_at: Timestamp


def approvers_of(decisions: Iterable[Decision]) -> tuple[ApproverIdentity, ...]:
    """Who has approved, in the order in which they did."""
    return tuple(one.approver for one in decisions if one.decision is ApprovalDecision.APPROVED)


def count(
    policy: ApprovalPolicy, approvers: Sequence[ApproverIdentity], people: People
) -> tuple[PolicyCheckResult, ...]:
    """One line for the number of approvals, one for each group's, one for each required approver.

    An approval is one person's voice, given by one person, and neither counts twice. More approvals never
    make a line fail that passed, and their order does not matter.
    """
    claims = [
        Claim(
            people.canonical(one.person.names),
            people.canonical(one.voice.names),
            frozenset((*one.groups, _ALL)),
        )
        for one in approvers
    ]
    needed = policy.required_approvals
    given = filled(claims, {_ALL: needed})
    persons = "approval" if needed == 1 else "approvals by different persons"
    lines = [_line("approvals", given == needed, f"{given} of {needed} required {persons} given")]
    lines += _of_groups(policy, claims)
    for required in policy.required_approvers:
        approved = any(people.same([required], one.voice.names) for one in approvers)
        said = "has approved" if approved else "has not approved yet"
        lines.append(_line("requiredApprover", approved, f"required approver {required} {said}"))
    return tuple(lines)


# What every approval counts towards; no group has this name, for a group's name is not empty.
_ALL = ""


def _of_groups(policy: ApprovalPolicy, claims: Sequence[Claim]) -> list[PolicyCheckResult]:
    """Groups are filled in the order of the policy, so that it is always the same one that lacks somebody."""
    lines: list[PolicyCheckResult] = []
    seats: dict[str, int] = {}
    before = 0
    for wanted in policy.groups:
        seats[wanted.group] = wanted.quorum
        together = filled(claims, seats)
        given, before = together - before, together
        sentence = f"{given} of {wanted.quorum} required approvals of group {wanted.group} given"
        lines.append(_line("groupQuorum", given == wanted.quorum, sentence))
    return lines


def _line(name: str, passed: bool, sentence: str) -> PolicyCheckResult:
    return PolicyCheckResult(name=name, passed=passed, sentence=sentence)
