"""Settings of who may call: what could let anybody in stops the app, by name."""

import json
from typing import Any

import pytest

from functions.bootstrap import MissingSetting, Settings
from functions.identity_settings import IdentitySettings
from functions.roles import MACHINE_ROLES
from tests.functions.conftest import ACME, OTHER, SETTINGS
from tests.functions.principals import APP_SERVICE

LOCAL = {
    "Identity__issuers": "http://127.0.0.1:8090/{tenantid}/v2.0",
    "Identity__jwksUrl": "http://localhost:8090/common/discovery/v2.0/keys",
    "Identity__localIssuer": "true",
}
MACHINE = {"name": "ci", "sha256": "0" * 64, "roles": ["contributor"], "tenants": ["acme"]}


def read(**changes: str) -> IdentitySettings:
    return Settings.read(SETTINGS | changes).identity


def test_an_issuer_on_this_machine_is_believed_where_it_is_asked_for() -> None:
    assert read(**LOCAL).jwks_url == LOCAL["Identity__jwksUrl"]


@pytest.mark.parametrize("marker", [None, "", "false", "no", "1"])
@pytest.mark.parametrize("name", ["Identity__issuers", "Identity__jwksUrl"])
def test_without_the_marker_an_address_must_be_https(name: str, marker: str | None) -> None:
    given = {name: LOCAL[name]} | ({} if marker is None else {"Identity__localIssuer": marker})
    with pytest.raises(MissingSetting, match=f"{name} must be an https address"):
        read(**given)


@pytest.mark.parametrize(
    "variable",
    ["WEBSITE_SITE_NAME", "WEBSITE_INSTANCE_ID", "WEBSITE_POD_NAME", "CONTAINER_APP_NAME"],
)
def test_in_azure_the_marker_is_refused(variable: str) -> None:
    with pytest.raises(MissingSetting, match=r"Identity__localIssuer must not be set in Azure"):
        read(**LOCAL, **{variable: "something"})


@pytest.mark.parametrize(
    "address",
    [
        "http://login.microsoftonline.com/{tenantid}/v2.0",
        "http://127.0.0.1.evil.example/",
        "http://127.0.0.1@evil.example/",
        "https://user@login.microsoftonline.com/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "//127.0.0.1/",
        "login.microsoftonline.com",
        "https://",
    ],
)
@pytest.mark.parametrize("name", ["Identity__issuers", "Identity__jwksUrl"])
def test_even_with_the_marker_only_this_machine_may_go_without_https(name: str, address: str) -> None:
    with pytest.raises(MissingSetting, match=name):
        read(**LOCAL | {name: address})


@pytest.mark.parametrize(
    "text",
    [
        "acme",
        "[]",
        '{"not-a-guid": ["acme"]}',
        json.dumps({ACME: "acme"}),
        json.dumps({ACME.upper(): ["acme"]}),
        json.dumps({ACME: ["a/b"]}),
        json.dumps({ACME: [""]}),
        json.dumps({ACME: ["ac*"]}),
        json.dumps({ACME: ["acme"], OTHER: ["Acme"]}),
    ],
)
def test_a_map_of_tenants_that_can_not_be_meant_is_refused(text: str) -> None:
    with pytest.raises(MissingSetting, match="Identity__tenants"):
        read(Identity__tenants=text)


BAD_MACHINES: list[dict[str, Any]] = [
    {"roles": ["approver"]},
    {"roles": ["contributor", "approver"]},
    {"roles": ["owner"]},
    {"roles": ["contributor@acme"]},
    {"roles": "contributor"},
    {"tenants": "acme"},
    {"tenants": ["a/b"]},
    {"name": ""},
    {"name": "a b"},
    {"sha256": "short"},
    {"sha256": "A" * 64},
    {"key": "the key itself"},
]


@pytest.mark.parametrize("changes", BAD_MACHINES)
def test_a_machines_key_that_can_not_be_meant_is_refused(changes: dict[str, Any]) -> None:
    read(Identity__machineKeys=json.dumps([MACHINE]))
    with pytest.raises(MissingSetting, match="Identity__machineKeys"):
        read(Identity__machineKeys=json.dumps([MACHINE | changes]))


@pytest.mark.parametrize("changes", [each for each in BAD_MACHINES if "sha256" not in each])
def test_a_queues_principal_that_can_not_be_meant_is_refused(changes: dict[str, Any]) -> None:
    principal = {name: value for name, value in MACHINE.items() if name != "sha256"}
    assert read(Identity__serviceBus=json.dumps(principal)).service_bus.name == "ci"
    with pytest.raises(MissingSetting, match="Identity__serviceBus"):
        read(Identity__serviceBus=json.dumps(principal | changes))


def test_unless_told_otherwise_a_queues_client_is_a_machine_of_all_roles() -> None:
    principal = read().service_bus
    assert (principal.name, principal.roles, principal.tenants) == (
        "service-bus",
        sorted(MACHINE_ROLES),
        ["*"],
    )


def test_app_service_authenticates_where_all_its_marks_are_there() -> None:
    assert read(**APP_SERVICE).platform_authenticates is True
    assert read().platform_authenticates is False
