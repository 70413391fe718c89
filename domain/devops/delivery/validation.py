"""What must hold across a delivery policy's parts; each problem names its field."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Protocol

from domain.devops.delivery.deployment_policy import FreezeWindow, IaCEngine
from domain.devops.delivery.environments import EnvironmentPolicy, GroupQuorum
from domain.devops.delivery.identities import (
    ApproverGroup,
    Delegation,
    KnownIdentity,
    People,
    identity_key,
)
from domain.devops.delivery.seats import Claim, filled

type Place = tuple[str | int, ...]
type Problem = tuple[Place, str]


class Parts(Protocol):
    """What a delivery policy is made of."""

    @property
    def environments(self) -> Sequence[EnvironmentPolicy]: ...
    @property
    def groups(self) -> Sequence[ApproverGroup]: ...
    @property
    def identities(self) -> Sequence[KnownIdentity]: ...
    @property
    def delegations(self) -> Sequence[Delegation]: ...
    @property
    def freezes(self) -> Sequence[FreezeWindow]: ...


def problems(policy: Parts) -> Iterator[Problem]:
    """(path of the field in Python's names, sentence), in the order of the document."""
    environments, groups, delegations = policy.environments, policy.groups, policy.delegations
    people = People(policy.identities)
    yield from _repeated("environments", "name", [one.name for one in environments])
    yield from _repeated("groups", "name", [one.name for one in groups])
    for index, environment in enumerate(environments):
        if environment.default_strategy not in environment.strategies:
            valid = ", ".join(environment.strategies)
            yield ("environments", index, "default_strategy"), f"must be one of its strategies: {valid}"
        for place, sentence in _of_approvals(environment, groups, people):
            yield ("environments", index, "approvals", *place), sentence
        for place, sentence in _of_deployment(environment):
            yield ("environments", index, *place), sentence
    for index, group in enumerate(groups):
        if not group.members and group.directory_group is None:
            yield ("groups", index, "members"), "must name somebody where there is no directoryGroup"
        for place, sentence in _twice(group.members, people):
            yield ("groups", index, "members", *place), sentence
    yield from _of_identities(policy.identities)
    for place, sentence in _of_freezes(policy.freezes):
        yield ("freezes", *place), sentence
    for index, delegation in enumerate(delegations):
        if people.same([delegation.from_], [delegation.to]):
            yield ("delegations", index, "to"), "must be another person"
        if delegation.ends_at <= delegation.starts_at:
            yield ("delegations", index, "ends_at"), "must be after startsAt"


def _repeated(collection: str, field: str, names: Sequence[str]) -> Iterator[Problem]:
    for index, name in enumerate(names):
        if name in names[:index]:
            yield (collection, index, field), f"{name} is there twice"


def _twice(names: Sequence[str], people: People) -> Iterator[Problem]:
    for index, name in enumerate(names):
        earlier = next((other for other in names[:index] if people.same([name], [other])), None)
        if earlier is not None:
            yield (index,), f"is the same person as {earlier}"


def _of_approvals(
    environment: EnvironmentPolicy, groups: Sequence[ApproverGroup], people: People
) -> Iterator[Problem]:
    wanted = environment.approvals.groups
    by_name = {group.name: group for group in groups}
    for index, seat in enumerate(wanted):
        group = by_name.get(seat.group)
        if group is None:
            yield ("groups", index, "group"), f"there is no group {seat.group}"
        elif any(seat.group == other.group for other in wanted[:index]):
            yield ("groups", index, "group"), f"{seat.group} is there twice"
        elif group.directory_group is None and seat.quorum > len(group.members):
            yield ("groups", index, "quorum"), f"{seat.group} has only {len(group.members)} members"
        elif group.directory_group is None and not _can_be_filled(wanted[: index + 1], by_name, people):
            yield (
                ("groups", index, "quorum"),
                "can't be filled beside the other groups': one person, one seat",
            )
    for place, sentence in _twice(environment.approvals.required_approvers, people):
        yield ("required_approvers", *place), sentence


def _can_be_filled(wanted: Iterable[GroupQuorum], groups: dict[str, ApproverGroup], people: People) -> bool:
    """Whether the members that are known suffice, groups of the directory aside: whose nobody knows here."""
    seats = {
        seat.group: seat.quorum
        for seat in wanted
        if seat.group in groups and groups[seat.group].directory_group is None
    }
    memberships: dict[str, set[str]] = {}
    for name in seats:
        for member in groups[name].members:
            memberships.setdefault(people.canonical([member]), set()).add(name)
    claims = (Claim(person, person, frozenset(names)) for person, names in memberships.items())
    return filled(claims, seats) == sum(seats.values())


def _of_identities(identities: Sequence[KnownIdentity]) -> Iterator[Problem]:
    owners: dict[str, str] = {}
    for index, identity in enumerate(identities):
        keys = [
            (("identities", index, "name"), identity.name),
            *((("identities", index, "aliases", at), alias) for at, alias in enumerate(identity.aliases)),
        ]
        for place, name in keys:
            owner = owners.setdefault(identity_key(name), f"{index}")
            if owner != f"{index}":
                yield place, f"is already {identities[int(owner)].name}"


def _of_deployment(environment: EnvironmentPolicy) -> Iterator[Problem]:
    weights = environment.canary_weights
    if any(later <= earlier for earlier, later in pairwise(weights)):
        yield ("canary_weights",), "must rise from step to step"
    source = environment.infrastructure
    if source is not None and source.engine is IaCEngine.BICEP and not source.legacy:
        yield ("infrastructure", "engine"), "Bicep is only for a stack that is marked legacy"
    for place, sentence in _of_freezes(environment.freezes):
        yield ("freezes", *place), sentence
    for field, gates in (("http", environment.gates.http), ("metrics", environment.gates.metrics)):
        for place, sentence in _repeated(field, "name", [gate.name for gate in gates]):
            yield ("gates", *place), sentence


def _of_freezes(freezes: Sequence[FreezeWindow]) -> Iterator[Problem]:
    for index, window in enumerate(freezes):
        if window.problem is not None:
            yield (index, "ends_at"), window.problem
