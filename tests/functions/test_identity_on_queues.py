"""Who sends a message: a token is judged by when it was sent; without one it is the queue's principal."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import azure.functions as func
import pytest
import pytest_asyncio

from domain.kernel.actor import Actor
from functions.bootstrap import Settings, now
from functions.identity import Identity
from functions.roles import MACHINE_ROLES
from functions.signing_keys import SigningKeys
from functions.tokens import LEEWAY
from infra.local.issuer.people import Subject
from tests.functions.conftest import ACME, SETTINGS
from tests.functions.forgeries import forged_tokens
from tests.functions.gate import PROOF_KEY, Gate, counted, identity_of, opened, refused, settings_of
from tests.functions.requests import message

ADA = Subject("ada", roles=("contributor",), tid=ACME)


@pytest_asyncio.fixture(scope="module")
async def gate() -> AsyncIterator[Gate]:
    async with opened() as gate:
        yield gate


@pytest.fixture(scope="module")
def counts() -> Iterator[Counter[str]]:
    with counted("test_identity_on_queues") as counts:
        yield counts


def sent(token: str, at: datetime | None) -> func.ServiceBusMessage:
    return message("{}", {"cs-authorization": f"Bearer {token}"}, sent=at)


async def test_a_messages_token_is_judged_by_when_it_was_sent(gate: Gate, counts: Counter[str]) -> None:
    token = gate.issuer.token(ADA, lifetime=60)
    later = now() + timedelta(days=2)
    in_time = now() + timedelta(seconds=30)
    waited = Identity(settings_of(gate.issuer), SigningKeys(gate.issuer.jwks_url), PROOF_KEY, lambda: later)
    for moment in (in_time, in_time.astimezone(UTC).replace(tzinfo=None)):
        assert (await waited.of_message(sent(token, moment))).actor.name == "ada@connectsoft.example"
    for late in (later, None, now() + timedelta(seconds=60 + LEEWAY + 5)):
        assert await refused(counts, "messages", f"sent {late}", waited.of_message(sent(token, late))) is None


async def test_no_forged_token_is_believed_on_a_queue_either(gate: Gate, counts: Counter[str]) -> None:
    cases = [*forged_tokens(gate.forger), ("nothing", ""), ("no bearer", "x y")]
    believed = [
        await refused(counts, "messages", what, gate.identity.of_message(sent(token, None)))
        for what, token in cases
    ]
    assert [each for each in believed if each] == []


async def test_a_client_without_a_token_is_the_queues_principal(gate: Gate) -> None:
    caller = await gate.identity.of_message(message("{}", {"cs-actor": "grace", "cs-initiator": "grace"}))
    assert (caller.actor, caller.is_platform) == (Actor("service-bus", is_service=True), False)
    assert caller.grants == {(role, "*") for role in MACHINE_ROLES}
    settings = replace(
        settings_of(gate.issuer),
        service_bus=Settings.read(
            SETTINGS | {"Identity__serviceBus": json.dumps({"name": "bus", "roles": [], "tenants": []})}
        ).identity.service_bus,
    )
    narrowed = await identity_of(settings).of_message(message("{}"))
    assert (narrowed.actor.name, narrowed.grants, narrowed.tenants) == ("bus", frozenset(), frozenset())
