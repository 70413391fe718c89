"""Every command, setting and view, asked for by everybody, in their own tenant and others', at both doors."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from types import ModuleType

import pytest
import pytest_asyncio

from domain.catalogue import catalogue
from domain.kernel.errors import Invalid
from functions.bootstrap import MissingSetting, Settings
from functions.callers import Forbidden, NotAuthenticated
from functions.commands import handle_message
from functions.roles import MACHINE_ROLES, NEEDED, NoRole, Permission, Role, needed
from infra.local.issuer.people import Subject
from infra.local.issuer.server import Issuer
from tests import report
from tests.functions.conftest import ACME, SETTINGS, MemoryPlatform
from tests.functions.everybody import (
    NOWHERE,
    OF_PERSONS,
    OTHER,
    OWN,
    QUEUED,
    WRITES,
    Someone,
    Watched,
    ask,
    everybody,
    http_functions,
    with_machines,
)
from tests.functions.gate import identity_of, settings_of
from tests.functions.requests import message

# What the table of roles comes to, said once more: a mistake there must not be one here.
WHO = {
    "contributor": {
        *("ProvisionRepository", "CreateBranch", "CreateCommit", "OpenPullRequest", "MergePullRequest"),
        *("GeneratePipeline", "RunPipeline"),
    },
    "release-manager": {
        *("PlanRelease", "PromoteDeployment"),
        *("StopTheLine", "HoldDeployment", "LiftHold", "CancelPromotion"),
    },
    "approver": {"ApproveRelease"},
    "operator": {
        *("ConfigureDelivery", "ProvisionInfrastructure", "SyncGitOps"),
        *("StopTheLine", "ResumeTheLine", "HoldDeployment", "LiftHold", "CancelPromotion"),
    },
    "incident-commander": {
        *("StopTheLine", "ResumeTheLine", "HoldDeployment", "LiftHold", "CancelPromotion", "BypassFreeze"),
    },
    "reader": set[str](),
}


@pytest_asyncio.fixture(scope="module")
async def issuer() -> AsyncIterator[Issuer]:
    issuer = Issuer()
    await issuer.start()
    yield issuer
    await issuer.stop()


@pytest.fixture
def house(memory: MemoryPlatform, issuer: Issuer) -> MemoryPlatform:
    return with_machines(memory, issuer)


@pytest.fixture(scope="module")
def counts() -> Iterator[Counter[str]]:
    counts: Counter[str] = Counter()
    yield counts
    doors = ", ".join(f"{door} {number}" for door, number in sorted(counts.items()) if "wrongly" not in door)
    wrong = f"{counts['wrongly allowed']} wrongly allowed, {counts['wrongly denied']} wrongly denied"
    report.say(f"test_authorisation: {doors}; {wrong}")


def allowed(name: str, someone: Someone) -> bool:
    """What must come of it in their own tenant."""
    if name in WRITES:
        return any(name in WHO[role] for role in someone.roles)
    return bool(someone.roles)


def judge(counts: Counter[str], wrong: list[str], what: str, was: bool, should: bool) -> None:
    if was != should:
        counts["wrongly allowed" if was else "wrongly denied"] += 1
        wrong.append(f"{what}: {'allowed' if was else 'denied'}")


async def test_http_lets_each_caller_do_what_their_roles_say_and_nothing_else(
    function_app: ModuleType, house: MemoryPlatform, issuer: Issuer, counts: Counter[str]
) -> None:
    watched = Watched(house.store)
    house.store = watched  # type: ignore[assignment]
    wrong: list[str] = []
    callers = list(everybody(issuer))
    for name, function in http_functions(function_app).items():
        for someone in callers:
            for tenant in (OWN, OTHER, NOWHERE):
                watched.asked.clear()
                answer = await ask(function, tenant, someone)
                counts["http"] += 1
                was = bool(watched.asked) or answer.status_code not in (401, 403, 404)
                should = tenant == OWN and allowed(name, someone)
                what = f"{name} in {tenant} for {someone.name} ({answer.status_code})"
                judge(counts, wrong, what, was, should)
                if not should:
                    expected = 401 if not someone.is_known else 403 if tenant == OWN else 404
                    assert answer.status_code == expected, what
    assert wrong == []


async def test_a_queue_lets_each_caller_do_what_their_roles_say_and_nothing_else(
    house: MemoryPlatform, issuer: Issuer, counts: Counter[str]
) -> None:
    wrong: list[str] = []
    callers = [someone for someone in everybody(issuer) if "Authorization" in someone.headers]
    for name in QUEUED:
        for someone in callers:
            for tenant in (OWN, OTHER, NOWHERE):
                counts["queue"] += 1
                was = await taken(name, tenant, {"cs-authorization": someone.headers["Authorization"]})
                should = tenant == OWN and allowed(name, someone)
                judge(counts, wrong, f"{name} in {tenant} for {someone.name}", was, should)
    assert wrong == []


async def test_a_queues_own_principal_does_what_its_setting_says_and_nothing_else(
    house: MemoryPlatform, issuer: Issuer, counts: Counter[str]
) -> None:
    wrong: list[str] = []
    for role in sorted(set(Role) - OF_PERSONS):
        given = {"name": "bus", "roles": [role], "tenants": [OWN]}
        read = Settings.read(SETTINGS | {"Identity__serviceBus": json.dumps(given)}).identity.service_bus
        house.identity = identity_of(replace(settings_of(issuer), service_bus=read))
        for name in QUEUED:
            for tenant in (OWN, OTHER, NOWHERE):
                counts["queue"] += 1
                was = await taken(name, tenant, {})
                judge(counts, wrong, f"{name} in {tenant}, {role}", was, tenant == OWN and name in WHO[role])
    house.identity = identity_of(settings_of(issuer))
    for name in QUEUED:
        counts["queue"] += 1
        machines = set[str]().union(*(names for role, names in WHO.items() if role not in OF_PERSONS))
        judge(counts, wrong, name, await taken(name, OTHER, {}), name in machines)
    assert wrong == []


async def taken(name: str, tenant: str, properties: dict[str, str]) -> bool:
    """Whether a command came through its queue to be read: its payload is that of no command."""
    envelope = {
        "eventId": "cmd-1",
        "eventType": name,
        "tenantId": tenant,
        "projectId": "booking",
        "traceId": "trace-1",
        "correlationId": "corr-1",
        "occurredAt": "2026-06-11T18:22:05Z",
        "payload": {},
    }
    try:
        await handle_message(message(envelope, properties), name)
    except (Forbidden, NotAuthenticated):
        return False
    except Invalid:
        return True
    raise AssertionError(f"{name} takes an empty payload: give this test one that it does not take")


def test_every_command_and_setting_has_a_row_and_nothing_that_only_the_platform_sends() -> None:
    for handler in catalogue().handlers.values():
        is_asked_for = not (handler.is_observation or handler.is_step)
        assert (handler.name in NEEDED) == is_asked_for, handler.name
    assert {*WRITES} <= set[str]().union(*WHO.values())


def test_the_table_says_what_this_suite_says() -> None:
    for role, names in WHO.items():
        assert {name for name, roles in NEEDED.items() if role in roles and "_" not in name} == names
    assert WHO.keys() == set(Role)
    assert all(roles == set(Role) for name, roles in NEEDED.items() if "_" in name)


def test_what_only_a_person_may_no_machine_may() -> None:
    assert set(Role) - OF_PERSONS == MACHINE_ROLES
    assert NEEDED["ApproveRelease"] == {Role.APPROVER}
    assert NEEDED["BypassFreeze"] == {Role.INCIDENT_COMMANDER}


@pytest.mark.parametrize("setting", ["Identity__machineKeys", "Identity__serviceBus"])
@pytest.mark.parametrize("role", sorted(OF_PERSONS))
def test_no_setting_gives_a_machine_what_only_persons_hold(setting: str, role: str) -> None:
    machine = {"name": "bus", "roles": [role], "tenants": [OWN]}
    key = machine | {"sha256": "0" * 64}
    given = json.dumps([key] if setting == "Identity__machineKeys" else machine)
    with pytest.raises(MissingSetting, match=f"{setting}: bus can't hold '{role}'"):
        Settings.read(SETTINGS | {setting: given})


def test_what_has_no_row_stops_the_app_by_name() -> None:
    with pytest.raises(NoRole, match="DemolishRepository"):
        needed("DemolishRepository")


def test_a_permission_names_its_roles() -> None:
    assert (
        str(Permission("X", frozenset({Role.READER, Role.OPERATOR}))) == "X needs the role operator or reader"
    )


async def test_the_actor_of_a_command_is_its_caller(house: MemoryPlatform, issuer: Issuer) -> None:
    token = issuer.token(Subject("ada", roles=("contributor",), tid=ACME))
    envelope = {
        "eventId": "cmd-1",
        "eventType": "ProvisionRepository",
        "tenantId": OWN,
        "projectId": "booking",
        "traceId": "trace-1",
        "correlationId": "corr-1",
        "occurredAt": "2026-06-11T18:22:05Z",
        "payload": {"name": "booking"},
    }
    await handle_message(message(envelope, {"cs-authorization": f"Bearer {token}"}), "ProvisionRepository")
    (fact, *_) = house.broker.published
    assert fact.properties["cs-actor"] == "ada@connectsoft.example"
    assert fact.properties["cs-initiator"] == "ada@connectsoft.example"
