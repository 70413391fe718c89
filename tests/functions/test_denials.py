"""How somebody is denied: what they are told, and that another tenant's things are as good as not there."""

import json
from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import azure.functions as func
import pytest
import pytest_asyncio

from domain.kernel.values import derived_id
from functions.commands import handle_message
from functions.roles import Role
from infra.local.issuer.people import Subject
from infra.local.issuer.server import Issuer
from tests.functions.conftest import ACME, MemoryPlatform
from tests.functions.everybody import (
    NOWHERE,
    OTHER,
    OWN,
    Someone,
    Watched,
    ask,
    http_functions,
    with_machines,
)
from tests.functions.gate import identity_of, settings_of
from tests.functions.requests import message


@pytest_asyncio.fixture(scope="module")
async def issuer() -> AsyncIterator[Issuer]:
    issuer = Issuer()
    await issuer.start()
    yield issuer
    await issuer.stop()


@pytest.fixture
def house(memory: MemoryPlatform, issuer: Issuer) -> MemoryPlatform:
    return with_machines(memory, issuer)


async def test_what_is_anothers_answers_exactly_like_what_does_not_exist(
    function_app: ModuleType, house: MemoryPlatform, issuer: Issuer
) -> None:
    """Status, headers and body, byte for byte; and nothing is read to find out."""
    ids = await provisioned(house, OTHER)
    watched = Watched(house.store)
    house.store = watched  # type: ignore[assignment]
    token = issuer.token(Subject("somebody", roles=tuple(Role), tid=ACME))
    someone = Someone("a person with every role", {"Authorization": f"Bearer {token}"}, frozenset(Role))
    items = 0
    for name, function in http_functions(function_app).items():
        for id in ids:
            own = await ask(function, OWN, someone, id=id)
            watched.asked.clear()
            others, nowhere = [await ask(function, tenant, someone, id=id) for tenant in (OTHER, NOWHERE)]
            assert watched.asked == [], name
            assert parts(others, OTHER) == parts(nowhere, NOWHERE), name
            if own.status_code == 404:
                assert parts(others) == parts(own), name
                items += 1
    assert items >= 3 * len(ids), "aggregates, commands and traces are answered by their ids"


def parts(answer: func.HttpResponse, tenant: str | None = None) -> tuple[Any, ...]:
    body = answer.get_body().decode()
    if tenant is not None:
        body = body.replace(f"tenant {tenant} ", "tenant ... ")
    return answer.status_code, dict(answer.headers), answer.mimetype, answer.charset, body


async def provisioned(house: MemoryPlatform, tenant: str) -> list[str]:
    """A repository in a tenant; the ids of the repository, its command and its trace."""
    envelope = {
        "eventId": derived_id("cmd", tenant),
        "eventType": "ProvisionRepository",
        "tenantId": tenant,
        "projectId": "booking",
        "traceId": "trace-other",
        "correlationId": "corr-1",
        "occurredAt": "2026-06-11T18:22:05Z",
        "payload": {"name": "booking"},
    }
    journal = await handle_message(message(envelope), "ProvisionRepository")
    await house.dispatcher.drain()
    return [journal.outcome.reply["aggregate"]["id"], journal.outcome.command_id, "trace-other"]


async def test_who_lacks_a_role_is_told_which(
    function_app: ModuleType, house: MemoryPlatform, issuer: Issuer
) -> None:
    token = issuer.token(Subject("somebody", tid=ACME))
    someone = Someone("a person", {"Authorization": f"Bearer {token}"}, frozenset())
    functions = http_functions(function_app)
    answer = await ask(functions["PlanRelease"], OWN, someone)
    assert answer.mimetype == "application/problem+json"
    body = json.loads(answer.get_body())
    assert body["detail"] == "PlanRelease needs the role release-manager in tenant acme"
    read = json.loads((await ask(functions["get_trace"], OWN, someone)).get_body())
    assert read["detail"] == "get_trace needs a role in tenant acme"


async def test_a_credential_that_proves_nothing_is_told_nothing(
    function_app: ModuleType, house: MemoryPlatform, issuer: Issuer
) -> None:
    expired = issuer.token(Subject("somebody", tid=ACME), lifetime=-3600)
    function = http_functions(function_app)["get_trace"]
    seen = set()
    for headers in ({"Authorization": f"Bearer {expired}"}, {"Authorization": "x"}, {"x-functions-key": "x"}):
        answer = await ask(function, OWN, Someone("nobody", headers, frozenset()))
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
        seen.add(answer.get_body())
    assert len(seen) == 1


async def test_while_the_issuer_is_away_a_token_is_no_lie_yet(
    function_app: ModuleType, house: MemoryPlatform, issuer: Issuer
) -> None:
    away = Issuer()
    await away.start()
    house.identity = identity_of(settings_of(away))
    await away.stop()
    token = away.token(Subject("somebody", roles=("reader",), tid=ACME))
    someone = Someone("a person", {"Authorization": f"Bearer {token}"}, frozenset())
    answer = await ask(http_functions(function_app)["get_trace"], OWN, someone)
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
