"""Counting approvals: laws that hold of any approvals under any policy."""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.devops.delivery.environments import ApprovalPolicy, GroupQuorum
from domain.devops.delivery.identities import Identity, KnownIdentity, People
from domain.devops.delivery.seats import Claim, filled
from domain.devops.release.approvals import ApproverIdentity, count

NAMES = ("ada", "alan", "barbara", "grace", "heidi")
GROUPS = ("operations", "owners", "security")
PEOPLE = People([KnownIdentity(name="grace", aliases=("hopper", "sp-grace"))])


def approver(name: str, *groups: str, on_behalf_of: str | None = None) -> ApproverIdentity:
    voice = None if on_behalf_of is None else Identity(name=on_behalf_of)
    return ApproverIdentity(person=Identity(name=name), on_behalf_of=voice, groups=groups)


names = st.sampled_from((*NAMES, "Grace", "hopper", "sp-grace", "ADA", "ada "))
approvers = st.builds(
    lambda name, groups, voice: approver(name, *sorted(groups), on_behalf_of=voice),
    names,
    st.frozensets(st.sampled_from(GROUPS)),
    st.none() | names,
)
policies = st.builds(
    lambda required, quorums, named: ApprovalPolicy(
        required_approvals=required,
        groups=tuple(GroupQuorum(group=group, quorum=quorum) for group, quorum in quorums.items()),
        required_approvers=tuple(named),
    ),
    st.integers(1, 4),
    st.dictionaries(st.sampled_from(GROUPS), st.integers(1, 3)),
    st.lists(st.sampled_from(NAMES), max_size=2, unique=True),
)


def passed(policy: ApprovalPolicy, given: list[ApproverIdentity]) -> list[bool]:
    return [check.passed for check in count(policy, given, PEOPLE)]


@given(policies, st.lists(approvers, max_size=6), approvers)
def test_one_more_approval_never_undoes_a_satisfied_policy(
    policy: ApprovalPolicy, before: list[ApproverIdentity], more: ApproverIdentity
) -> None:
    """Which group a person's one seat is counted in may change with what is known of them; not the whole."""
    assert all(passed(policy, [*before, more])) >= all(passed(policy, before))


@given(policies, st.lists(approvers, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_approvals_does_not_matter(
    policy: ApprovalPolicy, approvals: list[ApproverIdentity], random: object
) -> None:
    shuffled = list(approvals)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert count(policy, shuffled, PEOPLE) == count(policy, approvals, PEOPLE)


@given(policies, st.lists(approvers, max_size=6))
def test_a_satisfied_policy_has_as_many_persons_and_as_many_voices(
    policy: ApprovalPolicy, approvals: list[ApproverIdentity]
) -> None:
    if not all(passed(policy, approvals)):
        return
    needed = max(policy.required_approvals, sum(group.quorum for group in policy.groups))
    assert len({PEOPLE.canonical(one.person.names) for one in approvals}) >= needed
    assert len({PEOPLE.canonical(one.voice.names) for one in approvals}) >= needed


@given(policies, st.lists(approvers, min_size=1, max_size=5))
def test_a_person_never_counts_twice(policy: ApprovalPolicy, approvals: list[ApproverIdentity]) -> None:
    """Saying it again, under another name or in another letter case, changes nothing."""
    again = {"grace": "Sp-Grace", "hopper": "GRACE"}
    repeated = [
        one.model_copy(update={"person": Identity(name=again.get(one.person.name, one.person.name.upper()))})
        for one in approvals
    ]
    assert passed(policy, [*approvals, *repeated]) == passed(policy, approvals)


claims = st.builds(
    Claim,
    st.sampled_from(NAMES),
    st.sampled_from(NAMES),
    st.frozensets(st.sampled_from(GROUPS)),
)


@settings(max_examples=150)
@given(st.lists(claims, max_size=5), st.dictionaries(st.sampled_from(GROUPS), st.integers(1, 2), max_size=3))
def test_seats_are_filled_as_trying_every_seating_fills_them(
    given_claims: list[Claim], seats: dict[str, int]
) -> None:
    known: dict[str, frozenset[str]] = {}
    for claim in given_claims:
        known[claim.voice] = known.get(claim.voice, frozenset()) | claim.groups
    claims = [Claim(claim.person, claim.voice, known[claim.voice]) for claim in given_claims]
    assert filled(given_claims, seats) == _best(claims, dict(seats), frozenset(), frozenset())


def _best(left: list[Claim], free: dict[str, int], persons: frozenset[str], voices: frozenset[str]) -> int:
    if not left:
        return 0
    claim, *rest = left
    best = _best(rest, free, persons, voices)
    if claim.person in persons or claim.voice in voices:
        return best
    for group in claim.groups:
        if free.get(group, 0) > 0:
            onward = _best(
                rest, free | {group: free[group] - 1}, persons | {claim.person}, voices | {claim.voice}
            )
            best = max(best, 1 + onward)
    return best


def test_a_person_fills_one_groups_seat() -> None:
    policy = ApprovalPolicy(groups=(GroupQuorum(group="owners"), GroupQuorum(group="security")))
    both = approver("grace", "owners", "security")
    assert passed(policy, [both]) == [True, True, False]
    assert passed(policy, [both, approver("alan", "owners")]) == [True, True, True]
    assert passed(policy, [both, approver("alan")]) == [True, True, False]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_whoever_fits_in_one_group_only_gets_that_seat(order: tuple[int, ...]) -> None:
    policy = ApprovalPolicy(groups=tuple(GroupQuorum(group=group) for group in GROUPS))
    approvals = (
        approver("ada", *GROUPS),
        approver("alan", "operations", "owners"),
        approver("grace", "operations"),
    )
    assert all(passed(policy, [approvals[index] for index in order]))
    assert not any(all(passed(policy, list(two))) for two in combinations(approvals, 2))


def test_a_delegate_gives_the_others_voice_and_not_their_own() -> None:
    policy = ApprovalPolicy(required_approvers=("grace",))
    assert passed(policy, [approver("alan", on_behalf_of="hopper")]) == [True, True]
    assert passed(policy, [approver("grace", on_behalf_of="alan")]) == [True, False]


def test_the_lines_say_what_is_missing() -> None:
    policy = ApprovalPolicy(
        required_approvals=2,
        groups=(GroupQuorum(group="security", quorum=2),),
        required_approvers=("grace", "heidi"),
    )
    assert [check.sentence for check in count(policy, [approver("hopper", "security")], PEOPLE)] == [
        "1 of 2 required approvals by different persons given",
        "1 of 2 required approvals of group security given",
        "required approver grace has approved",
        "required approver heidi has not approved yet",
    ]
