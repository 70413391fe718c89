"""A delivery policy whose parts fit together: whatever does not is named by its field."""

from typing import Any

import pytest

from domain.devops.delivery.delivery_policy import (
    ConfigureDelivery,
)
from domain.kernel.errors import FieldError, Invalid
from domain.kernel.values import validated

GRACE, ALAN, ADA = "grace@connectsoft.example", "alan@connectsoft.example", "ada@connectsoft.example"
OWNERS = {"name": "owners", "members": [GRACE, ALAN]}


def problems(**settings: Any) -> list[FieldError]:
    """What is wrong with settings as they come over the wire."""
    try:
        validated(ConfigureDelivery, settings, at="payload")
    except Invalid as invalid:
        return list(invalid.errors)
    return []


def dev(**approvals: Any) -> list[dict[str, Any]]:
    return [{"name": "dev", "approvals": approvals}]


def delegated(**changes: Any) -> dict[str, Any]:
    fields = {"from": GRACE, "to": ALAN, "startsAt": "2026-06-01T00:00:00Z", "endsAt": "2026-06-30T00:00:00Z"}
    return fields | changes


@pytest.mark.parametrize(
    ("settings", "field", "problem"),
    [
        ({"environments": []}, "environments", "must not be empty"),
        (
            {"environments": [{"name": "dev"}, {"name": "dev"}]},
            "environments.1.name",
            "dev is there twice",
        ),
        ({"environments": [{"name": "Dev"}]}, "environments.0.name", "must be lower-case letters"),
        (
            {"environments": [{"name": "dev", "strategies": []}]},
            "environments.0.strategies",
            "must not be empty",
        ),
        (
            {"environments": [{"name": "dev", "strategies": ["Canary"], "defaultStrategy": "BlueGreen"}]},
            "environments.0.defaultStrategy",
            "must be one of its strategies: Canary",
        ),
        (
            {"environments": dev(requiredApprovals=0)},
            "environments.0.approvals.requiredApprovals",
            "Input should be greater than or equal to 1",
        ),
        (
            {"environments": dev(groups=[{"group": "owners"}])},
            "environments.0.approvals.groups.0.group",
            "there is no group owners",
        ),
        (
            {"environments": dev(groups=[{"group": "owners"}, {"group": "owners"}]), "groups": [OWNERS]},
            "environments.0.approvals.groups.1.group",
            "owners is there twice",
        ),
        (
            {"environments": dev(groups=[{"group": "owners", "quorum": 3}]), "groups": [OWNERS]},
            "environments.0.approvals.groups.0.quorum",
            "owners has only 2 members",
        ),
        (
            {
                "environments": dev(groups=[{"group": "owners", "quorum": 2}, {"group": "security"}]),
                "groups": [OWNERS, {"name": "security", "members": ["Grace <grace@connectsoft.example>"]}],
            },
            "environments.0.approvals.groups.1.quorum",
            "can't be filled beside the other groups': one person, one seat",
        ),
        (
            {"environments": dev(requiredApprovers=[GRACE, "Grace+2@connectsoft.example"])},
            "environments.0.approvals.requiredApprovers.1",
            f"is the same person as {GRACE}",
        ),
        (
            {"environments": dev(requiredApprovers=[" "])},
            "environments.0.approvals.requiredApprovers.0",
            "must name a person",
        ),
        ({"groups": [OWNERS, OWNERS]}, "groups.1.name", "owners is there twice"),
        (
            {"groups": [{"name": "owners"}]},
            "groups.0.members",
            "must name somebody where there is no directoryGroup",
        ),
        (
            {"groups": [{"name": "owners", "members": [GRACE, "GRACE@connectsoft.example"]}]},
            "groups.0.members.1",
            f"is the same person as {GRACE}",
        ),
        (
            {"identities": [{"name": GRACE, "aliases": ["oid-1"]}, {"name": ALAN, "aliases": ["OID-1"]}]},
            "identities.1.aliases.0",
            f"is already {GRACE}",
        ),
        (
            {"identities": [{"name": GRACE}, {"name": "Grace Hopper <grace@connectsoft.example>"}]},
            "identities.1.name",
            f"is already {GRACE}",
        ),
        (
            {"delegations": [delegated(to="Grace+1@connectsoft.example")]},
            "delegations.0.to",
            "must be another person",
        ),
        (
            {"delegations": [delegated(endsAt="2026-06-01T00:00:00Z")]},
            "delegations.0.endsAt",
            "must be after startsAt",
        ),
        ({"targetFeed": "no/feed"}, "targetFeed", "must be letters, digits"),
        ({"failingSeverity": "Awful"}, "failingSeverity", "Input should be"),
        ({"expectedRevision": -1}, "expectedRevision", "Input should be greater than or equal to 0"),
    ],
)
def test_what_does_not_fit_together_is_named(settings: dict[str, Any], field: str, problem: str) -> None:
    (error,) = problems(**settings)
    assert error.field == f"payload.{field}"
    assert error.problem.startswith(problem)


def test_everything_that_is_wrong_is_named_at_once() -> None:
    found = problems(
        environments=[*dev(groups=[{"group": "nobody"}]), {"name": "dev"}], delegations=[delegated(to=GRACE)]
    )
    assert [error.field for error in found] == [
        "payload.environments.1.name",
        "payload.environments.0.approvals.groups.0.group",
        "payload.delegations.0.to",
    ]


def test_a_group_of_the_directory_may_be_of_any_size() -> None:
    groups = [{"name": "security", "directoryGroup": "group-7"}]
    assert problems(environments=dev(groups=[{"group": "security", "quorum": 5}]), groups=groups) == []
