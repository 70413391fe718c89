"""Configuring how a project ships: defaults, revisions, and a policy whose parts fit together."""

import hashlib
import json
from typing import Any

import pytest

from domain.devops.delivery.delivery_policy import (
    ConfigureDelivery,
    DeliveryPolicy,
    ReactionSwitch,
    Severity,
)
from domain.kernel.errors import Invalid, Rejected
from domain.kernel.values import validated
from tests.domain.world import World

GRACE, ALAN, ADA = "grace@connectsoft.example", "alan@connectsoft.example", "ada@connectsoft.example"
OWNERS = {"name": "owners", "members": [GRACE, ALAN]}


def to_configure(**settings: Any) -> ConfigureDelivery:
    return ConfigureDelivery.model_validate(settings)


async def policy_of(world: World) -> DeliveryPolicy:
    return await DeliveryPolicy.of(world.work(ConfigureDelivery()))


def dev(**approvals: Any) -> list[dict[str, Any]]:
    return [{"name": "dev", "approvals": approvals}]


def delegated(**changes: Any) -> dict[str, Any]:
    fields = {"from": GRACE, "to": ALAN, "startsAt": "2026-06-01T00:00:00Z", "endsAt": "2026-06-30T00:00:00Z"}
    return fields | changes


async def test_a_project_that_configured_nothing_has_a_policy(world: World) -> None:
    policy = await policy_of(world)
    assert (policy.revision, policy.target_feed, policy.failing_severity) == (0, "packages", Severity.HIGH)
    assert [one.name for one in policy.environments] == ["dev", "test", "staging", "prod"]
    assert {one.name: [str(strategy) for strategy in one.strategies] for one in policy.environments} == {
        "dev": ["RollingUpdate"],
        "test": ["RollingUpdate"],
        "staging": ["RollingUpdate", "BlueGreen", "Canary"],
        "prod": ["RollingUpdate", "BlueGreen", "Canary"],
    }
    assert {one.default_strategy for one in policy.environments} == {"RollingUpdate"}
    approvals = policy.environment(None).approvals
    assert (approvals.required_approvals, approvals.expires_after_hours) == (1, 72)
    assert all(policy.is_on(switch) for switch in ReactionSwitch)


async def test_configuring_keeps_the_settings_and_tells_nobody(world: World) -> None:
    happened = await world.when(
        to_configure(target_feed="factory", switched_off=["planRelease"], delegations=[delegated()])
    )
    assert happened.names == ()
    policy = await policy_of(world)
    assert (policy.revision, policy.target_feed) == (1, "factory")
    assert not policy.is_on(ReactionSwitch.PLAN_RELEASE)
    assert (policy.delegations[0].from_, policy.delegations[0].to) == (GRACE, ALAN)
    assert (policy.created_by, policy.updated_by) == (ADA, ADA)


async def test_what_is_not_named_goes_back_to_its_default(world: World) -> None:
    await world.when(to_configure(target_feed="factory", groups=[OWNERS]))
    await world.when(to_configure(groups=[OWNERS]))
    policy = await policy_of(world)
    assert (policy.revision, policy.target_feed, len(policy.groups)) == (2, "packages", 1)


async def test_settings_made_from_an_older_revision_are_refused(world: World) -> None:
    await world.when(to_configure(expected_revision=0))
    no = await world.refused(to_configure(target_feed="factory", expected_revision=0))
    assert no == "the delivery policy is at revision 1, not 0: read it again"
    assert (await policy_of(world)).target_feed == "packages"
    await world.when(to_configure(target_feed="factory", expected_revision=1))


async def test_each_project_has_its_own(world: World) -> None:
    await world.when(to_configure(target_feed="factory"))
    world.partition = type(world.partition)("contoso", world.partition.project_id)
    assert (await policy_of(world)).target_feed == "packages"


async def test_an_environment_is_found_by_name_and_first_by_default(world: World) -> None:
    policy = await policy_of(world)
    assert policy.environment(None).name == "dev"
    assert policy.environment("prod").name == "prod"
    with pytest.raises(Rejected, match="environment qa is not on the path dev → test → staging → prod"):
        policy.environment("qa")


def test_the_hash_is_of_what_judges_a_release_and_nothing_else() -> None:
    def hash_of(**settings: Any) -> str:
        policy = DeliveryPolicy(delivery_policy_id="policy-1")
        policy.configure(to_configure(**settings))
        return policy.hash(policy.environment("dev"))

    environments = dev(groups=[{"group": "owners", "quorum": 1}])
    plain = hash_of(environments=environments, groups=[OWNERS])
    judged = {
        "approvals": {
            "expiresAfterHours": 72,
            "groups": [{"group": "owners", "quorum": 1}],
            "requiredApprovals": 1,
            "requiredApprovers": [],
        },
        "environment": "dev",
        "groups": [{"directoryGroup": None, "members": [GRACE, ALAN], "name": "owners"}],
    }
    canonical = json.dumps(judged, sort_keys=True, separators=(",", ":")).encode()
    assert plain == hashlib.sha256(canonical).hexdigest()
    other = {"name": "others", "members": [ADA]}
    assert hash_of(environments=environments, groups=[OWNERS, other], target_feed="factory") == plain
    assert hash_of(environments=environments, groups=[OWNERS | {"members": [GRACE]}]) != plain
    assert hash_of(environments=dev(groups=[{"group": "owners", "quorum": 2}]), groups=[OWNERS]) != plain


@pytest.mark.parametrize(
    ("word", "severity"), [("critical", "Critical"), (" HIGH", "High"), ("negligible", "Unknown")]
)
def test_a_scanners_word_is_read_in_any_case(word: str, severity: str) -> None:
    assert Severity.read(word) == severity


def test_severities_are_ordered() -> None:
    ordered = [Severity.UNKNOWN, Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL]
    for low, severity in enumerate(ordered):
        assert [one.is_at_least(severity) for one in ordered] == [index >= low for index in range(5)]


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"enviroments": []}, "enviroments"),
        ({"failingSeverty": "Critical"}, "failingSeverty"),
        ({"environments": [{"name": "prod", "aprovals": {}}]}, "environments.0.aprovals"),
        ({"environments": dev(requiredAprovers=[ADA])}, "environments.0.approvals.requiredAprovers"),
        ({"groups": [OWNERS | {"member": ADA}]}, "groups.0.member"),
        ({"delegations": [delegated(endAt="2026-07-01T00:00:00Z")]}, "delegations.0.endAt"),
    ],
)
def test_a_name_that_is_not_known_is_named_and_resets_nothing(settings: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        validated(ConfigureDelivery, settings)
    assert field in [error.field for error in refused.value.errors]


async def test_what_is_read_can_be_sent_back_and_is_refused_where_another_was_quicker(world: World) -> None:
    await world.when(to_configure(targetFeed="factory", environments=dev(requiredApprovals=2)))
    read = (await policy_of(world)).settings()
    await world.when(validated(ConfigureDelivery, read))
    again = (await policy_of(world)).settings()
    assert again == read | {"expectedRevision": 2}
    assert "at revision 2, not 1" in await world.refused(validated(ConfigureDelivery, read))
