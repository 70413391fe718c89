"""Who calls: genuine tokens, keys and principals name their actor, and not one of the forged ones does."""

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from domain.kernel.actor import Actor
from functions.bootstrap import now
from functions.callers import NotAuthenticated
from functions.roles import MACHINE_ROLES, Role
from functions.tokens import LEEWAY
from infra.local.issuer.people import Subject
from tests.functions.conftest import ACME, OTHER, STAFF
from tests.functions.forgeries import forged_tokens
from tests.functions.gate import Gate, counted, identity_of, opened, refused, settings_of
from tests.functions.principals import APP_SERVICE, forged_principals, not_app_service, principal
from tests.functions.requests import MACHINE_KEY, request

ADA = Subject("ada", roles=("contributor", "release-manager"), groups=("owners",), tid=ACME)
BUILD = Subject("build-server", is_application=True, roles=("contributor", "approver"), tid=ACME)


@pytest_asyncio.fixture(scope="module")
async def gate() -> AsyncIterator[Gate]:
    async with opened() as gate:
        yield gate


@pytest.fixture(scope="module")
def counts() -> Iterator[Counter[str]]:
    with counted("test_identity") as counts:
        yield counts


@pytest.mark.parametrize("version", ["1.0", "2.0"])
async def test_a_persons_token_names_the_person(gate: Gate, version: str) -> None:
    token = gate.issuer.token(ADA, version=version, email="ada@home.example")
    caller = await gate.bears(token)
    assert caller.actor == Actor(
        "ada@connectsoft.example", aliases=(ADA.oid, "ada@home.example"), groups=("owners",)
    )
    assert caller.tenants == {"acme", "acme-labs"}
    assert caller.grants == {
        (role, tenant)
        for role in (Role.CONTRIBUTOR, Role.RELEASE_MANAGER)
        for tenant in ("acme", "acme-labs")
    }


@pytest.mark.parametrize("version", ["1.0", "2.0"])
async def test_an_applications_token_names_a_service_principal_that_never_approves(
    gate: Gate, version: str
) -> None:
    for idtyp in ("app", None):
        caller = await gate.bears(gate.issuer.token(BUILD, version=version, idtyp=idtyp))
        assert caller.actor == Actor("build-server", aliases=(BUILD.oid,), is_service=True)
        assert {role for role, _ in caller.grants} == {Role.CONTRIBUTOR}


async def test_without_a_sign_in_name_a_person_is_their_object_id(gate: Gate) -> None:
    caller = await gate.bears(gate.issuer.token(ADA, preferred_username=None))
    assert caller.actor.name == ADA.oid


async def test_the_clocks_may_differ_a_little(gate: Gate) -> None:
    moment = int(now().timestamp())
    little = LEEWAY - 15
    await gate.bears(gate.issuer.token(ADA, exp=moment - little))
    await gate.bears(gate.issuer.token(ADA, nbf=moment + little, iat=moment + little))


async def test_no_forged_token_is_believed(gate: Gate, counts: Counter[str]) -> None:
    await gate.bears(gate.forger.token())  # what they are forged from is good
    cases = list(forged_tokens(gate.forger))
    assert len(cases) > 200
    believed = [await refused(counts, "tokens", what, gate.bears(token)) for what, token in cases]
    assert [each for each in believed if each] == []
    assert gate.forger.server.reads == 0, "an address in a token was followed"


async def test_a_key_that_signs_for_one_directory_signs_for_no_other(
    gate: Gate, counts: Counter[str]
) -> None:
    """The document for all of Entra ID's tenants holds such keys beside everybody's."""
    token = gate.issuer.token(ADA)
    for directory, is_good in ((OTHER, False), (ACME, True), ("{tenantid}", True)):
        gate.issuer.signs_for = directory
        identity = identity_of(settings_of(gate.issuer))
        asking = identity.of_request(request(headers={"Authorization": f"Bearer {token}"}, key=None))
        if is_good:
            assert (await asking).actor.name == "ada@connectsoft.example"
        else:
            assert await refused(counts, "tokens", f"a key of {directory}", asking) is None


async def test_a_header_that_holds_more_or_less_than_one_bearer_token_is_refused(
    gate: Gate, counts: Counter[str]
) -> None:
    good = gate.issuer.token(ADA)
    assert await gate.asks(Authorization=f"bearer {good}")
    for header in (
        *("", " ", "Bearer", "Bearer ", good, f"Basic {good}", f"Token {good}", f"Bearer  {good}"),
        *(f" Bearer {good}", f"Bearer {good} ", f"Bearer\t{good}", f"Bearer {good}\n", f"Bearer {good},"),
        *(f"Bearer {good},Bearer {good}", f"Bearer {good}, Bearer {good}", f"Bearer {good} {good}"),
        *(f"Bearer Bearer {good}", f"Basic x,Bearer {good}", f'Bearer "{good}"', "Bearer \udcff"),
    ):
        # A good key beside it changes nothing: a bad token never falls back to it.
        asking = gate.asks(Authorization=header, x_functions_key=MACHINE_KEY)
        assert await refused(counts, "headers", repr(header[:20]), asking) is None


async def test_a_key_names_its_service_principal_and_nothing_near_it_does(
    gate: Gate, counts: Counter[str]
) -> None:
    caller = await gate.asks(x_functions_key=MACHINE_KEY)
    assert caller.actor == Actor("function-key", is_service=True)
    assert caller.grants == {(role, "*") for role in MACHINE_ROLES}
    digest = hashlib.sha256(MACHINE_KEY.encode()).hexdigest()
    for key in (
        *("", " ", "wrong", digest, MACHINE_KEY[:-1], MACHINE_KEY + " ", MACHINE_KEY.upper(), "\udcff", "*"),
        *(f"{MACHINE_KEY},{MACHINE_KEY}", f"function-key:{MACHINE_KEY}", f"Bearer {MACHINE_KEY}"),
    ):
        assert await refused(counts, "keys", repr(key), gate.asks(x_functions_key=key)) is None


async def test_without_any_credential_nobody_calls(gate: Gate) -> None:
    with pytest.raises(NotAuthenticated) as refused_:
        await gate.asks()
    assert refused_.value.credential is False


async def test_app_services_principal_counts_only_where_app_service_set_it(
    gate: Gate, counts: Counter[str]
) -> None:
    header = principal(gate.issuer.url, ACME)
    behind = identity_of(settings_of(gate.issuer, APP_SERVICE))
    asked = request(headers={"X-MS-CLIENT-PRINCIPAL": header}, key=None)
    caller = await behind.of_request(asked)
    assert (caller.actor.name, caller.actor.groups) == ("grace@connectsoft.example", ("owners",))
    assert caller.grants == {(Role.APPROVER, "acme"), (Role.APPROVER, "acme-labs")}
    for environment in not_app_service():
        identity = identity_of(settings_of(gate.issuer, environment))
        what = f"in {environment}"
        assert await refused(counts, "principals", what, identity.of_request(asked)) is None


async def test_no_forged_principal_is_believed(gate: Gate, counts: Counter[str]) -> None:
    """What App Service hands on from another provider, directory or application."""
    behind = identity_of(settings_of(gate.issuer, APP_SERVICE))
    for what, header in forged_principals(gate.issuer.url):
        asking = behind.of_request(request(headers={"X-MS-CLIENT-PRINCIPAL": header}, key=None))
        assert await refused(counts, "principals", what, asking) is None


async def test_a_principal_beside_a_credential_changes_nothing(gate: Gate) -> None:
    behind = identity_of(settings_of(gate.issuer, APP_SERVICE))
    header = {"X-MS-CLIENT-PRINCIPAL": principal(gate.issuer.url, ACME)}
    caller = await behind.of_request(request(headers=header))
    assert caller.actor.name == "function-key"
    token = gate.issuer.token(ADA)
    caller = await behind.of_request(request(headers=header | {"Authorization": f"Bearer {token}"}, key=None))
    assert caller.actor.name == "ada@connectsoft.example"


async def test_an_application_behind_app_service_is_no_person(gate: Gate) -> None:
    behind = identity_of(settings_of(gate.issuer, APP_SERVICE))
    for changes in ({"idtyp": "app"}, {"sub": ...}, {"sub": "same", "oid": "same"}):
        header = principal(gate.issuer.url, ACME, appid="build-server", **changes)
        caller = await behind.of_request(request(headers={"X-MS-CLIENT-PRINCIPAL": header}, key=None))
        assert (caller.actor.name, caller.actor.is_service, caller.grants) == (
            "build-server",
            True,
            frozenset(),
        )


@pytest.mark.parametrize(
    ("values", "tid", "home", "grants"),
    [
        (["reader"], ACME, {"acme", "acme-labs"}, {("reader", "acme"), ("reader", "acme-labs")}),
        (["reader@acme"], ACME, {"acme", "acme-labs"}, {("reader", "acme")}),
        (
            ["reader@other", "reader@*", "reader@", "@acme", "Reader", "owner"],
            ACME,
            {"acme", "acme-labs"},
            (),
        ),
        ([], ACME, {"acme", "acme-labs"}, ()),
        (["approver@acme"], OTHER, {"other"}, ()),
        (["reader"], STAFF, {"*"}, {("reader", "*")}),
        (
            ["reader@acme", "approver@other"],
            STAFF,
            {"acme", "other"},
            {("reader", "acme"), ("approver", "other")},
        ),
        ([], STAFF, (), ()),
    ],
)
async def test_a_role_reaches_no_further_than_its_directorys_tenants(
    gate: Gate, values: list[str], tid: str, home: Any, grants: Any
) -> None:
    caller = await gate.bears(gate.issuer.token(Subject("ada", roles=values, tid=tid)))
    assert (set(caller.tenants), set(caller.grants)) == (set(home), set(grants))
