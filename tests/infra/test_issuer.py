"""The laptop's issuer: it speaks as Entra ID does, in a process of its own, and takes keys away if asked."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest
import pytest_asyncio

from infra.local.issuer.client import application_token, token
from infra.local.issuer.people import AUDIENCE, FABRIKAM, PEOPLE, STAFF
from infra.local.processes import Server


@pytest_asyncio.fixture(scope="module")
async def issuer(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    log = tmp_path_factory.mktemp("issuer") / "issuer.log"
    async with Server("infra.local.issuer", log_file=Path(log)) as server:
        yield server


@pytest_asyncio.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def read(session: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    async with session.get(url) as answer:
        assert answer.status == 200
        document: dict[str, Any] = await answer.json()
        return document


async def claims_of(session: aiohttp.ClientSession, issuer: Server, encoded: str) -> dict[str, Any]:
    """As any client would check it, with the keys that discovery leads to."""
    tid = jwt.decode(encoded, options={"verify_signature": False})["tid"]
    found = await read(session, f"{issuer.ready['url']}/{tid}/v2.0/.well-known/openid-configuration")
    keys = jwt.PyJWKSet.from_dict(await read(session, found["jwks_uri"]))
    key = keys[jwt.get_unverified_header(encoded)["kid"]]
    claims: dict[str, Any] = jwt.decode(encoded, key, algorithms=["RS256"], audience=AUDIENCE)
    assert claims["iss"] in (found["issuer"], found["issuer"].removesuffix("v2.0"))
    return claims


async def test_a_persons_token_is_signed_with_a_published_key(
    issuer: Server, session: aiohttp.ClientSession
) -> None:
    url = issuer.ready["url"]
    claims = await claims_of(session, issuer, await token(session, url, "ada"))
    assert (claims["preferred_username"], claims["tid"]) == ("ada@connectsoft.example", STAFF)
    assert claims["roles"] == list(PEOPLE["ada"])
    assert claims["scp"] and claims["sub"] != claims["oid"]
    assert claims["exp"] - claims["iat"] == 3600


async def test_a_person_has_the_same_object_id_in_every_token_and_another_in_every_directory(
    issuer: Server, session: aiohttp.ClientSession
) -> None:
    url = issuer.ready["url"]
    wanted: tuple[dict[str, str], ...] = ({}, {"version": "1.0"}, {"tid": FABRIKAM})
    made = [await claims_of(session, issuer, await token(session, url, "ada", **more)) for more in wanted]
    assert made[0]["oid"] == made[1]["oid"] != made[2]["oid"]
    assert (made[1]["ver"], made[1]["upn"]) == ("1.0", "ada@connectsoft.example")


async def test_an_applications_token_has_no_scope_and_is_its_own_subject(
    issuer: Server, session: aiohttp.ClientSession
) -> None:
    encoded = await application_token(session, issuer.ready["url"], "build-server", ["contributor"])
    claims = await claims_of(session, issuer, encoded)
    assert (claims["azp"], claims["idtyp"], claims["sub"]) == ("build-server", "app", claims["oid"])
    assert "scp" not in claims and "preferred_username" not in claims


async def test_a_test_may_ask_for_any_claim_and_any_time(
    issuer: Server, session: aiohttp.ClientSession
) -> None:
    more: dict[str, Any] = {"lifetime": 60, "claims": {"email": "a@x.example", "scp": None}}
    claims = await claims_of(session, issuer, await token(session, issuer.ready["url"], "ada", **more))
    assert (claims["email"], "scp" in claims, claims["exp"] - claims["iat"]) == ("a@x.example", False, 60)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"person": "a", "lifetime": "long"}'])
async def test_what_is_no_request_is_refused(
    issuer: Server, session: aiohttp.ClientSession, body: bytes
) -> None:
    async with session.post(f"{issuer.ready['url']}/token", data=body) as answer:
        assert answer.status == 400


async def test_rotating_keeps_the_earlier_keys_until_they_are_taken_away(
    issuer: Server, session: aiohttp.ClientSession
) -> None:
    url = issuer.ready["url"]
    encoded = await token(session, url, "ada")
    async with session.post(f"{url}/_local/rotate") as answer:
        assert len((await answer.json())["published"]) == 2
    await claims_of(session, issuer, encoded)
    newer = await token(session, url, "ada")
    assert jwt.get_unverified_header(newer)["kid"] != jwt.get_unverified_header(encoded)["kid"]
    async with session.post(f"{url}/_local/rotate?keep=false") as answer:
        assert len((await answer.json())["published"]) == 1
    with pytest.raises(KeyError):
        await claims_of(session, issuer, encoded)
