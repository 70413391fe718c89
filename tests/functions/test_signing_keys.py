"""The issuer's keys over a real server: kept, found anew after a rollover, and served on while it is away."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

from domain.kernel.errors import Unavailable
from functions.signing_keys import LARGEST_DOCUMENT, Pace, SigningKeys
from infra.local.issuer.keys import Key
from infra.local.issuer.server import Issuer

PACE = Pace()


class Clock:
    """Goes on when told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds

    def wait(self, seconds: float) -> None:
        self.seconds += seconds


@pytest_asyncio.fixture
async def issuer() -> AsyncIterator[Issuer]:
    issuer = Issuer()
    await issuer.start()
    yield issuer
    await issuer.stop()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(issuer: Issuer, clock: Clock) -> SigningKeys:
    return SigningKeys(issuer.jwks_url, PACE, clock)


async def back(issuer: Issuer) -> None:
    """At the address where it was."""
    await issuer.start(int(issuer.url.rpartition(":")[2]))


async def test_keys_are_read_once_however_many_ask(issuer: Issuer, keys: SigningKeys) -> None:
    kid = issuer.ring.current.kid
    found = await asyncio.gather(*(keys.get(kid) for _ in range(20)))
    assert issuer.reads == 1
    assert found[0] is not None and all(each is found[0] for each in found)


async def test_a_new_key_is_found_when_it_is_first_met(
    issuer: Issuer, keys: SigningKeys, clock: Clock
) -> None:
    old = issuer.ring.current.kid
    await keys.get(old)
    new = issuer.ring.rotate(keep=True).kid
    clock.wait(PACE.between)
    assert await keys.get(new) is not None
    assert await keys.get(old) is not None
    assert issuer.reads == 2


async def test_unknown_keys_make_us_ask_only_so_often(
    issuer: Issuer, keys: SigningKeys, clock: Clock
) -> None:
    for turn in range(3):
        for number in range(50):
            assert await keys.get(f"unknown-{number}") is None
        assert issuer.reads == 1 + turn
        clock.wait(PACE.between)


async def test_a_key_that_was_taken_away_counts_no_longer_once_the_keys_are_read_again(
    issuer: Issuer, keys: SigningKeys, clock: Clock
) -> None:
    taken = issuer.ring.current.kid
    assert await keys.get(taken) is not None
    issuer.ring.rotate(keep=False)
    clock.wait(PACE.fresh)
    assert await keys.get(taken) is None


async def test_known_keys_serve_on_while_the_issuer_is_away_but_not_for_ever(
    issuer: Issuer, keys: SigningKeys, clock: Clock
) -> None:
    kid = issuer.ring.current.kid
    await keys.get(kid)
    await issuer.stop()
    clock.wait(PACE.fresh + 1)
    assert await keys.get(kid) is not None
    clock.wait(PACE.usable)
    with pytest.raises(Unavailable):
        await keys.get(kid)
    await back(issuer)
    clock.wait(PACE.after_failure)
    assert await keys.get(kid) is not None


async def test_what_cannot_be_known_is_not_refused(issuer: Issuer, keys: SigningKeys, clock: Clock) -> None:
    """A key that is not known may be the issuer's newest: without the issuer nobody can say."""
    await keys.get(issuer.ring.current.kid)
    await issuer.stop()
    new = issuer.ring.rotate(keep=True).kid
    clock.wait(PACE.between)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await keys.get(new)
    await back(issuer)
    clock.wait(PACE.after_failure)
    assert await keys.get(new) is not None


async def test_with_nothing_read_and_the_issuer_away_it_is_tried_now_and_then(
    issuer: Issuer, keys: SigningKeys, clock: Clock
) -> None:
    kid = issuer.ring.current.kid
    await issuer.stop()
    for _ in range(3):
        with pytest.raises(Unavailable):
            await keys.get(kid)
    await back(issuer)
    with pytest.raises(Unavailable):
        await keys.get(kid)
    assert issuer.reads == 0
    clock.wait(PACE.after_failure)
    assert await keys.get(kid) is not None
    assert issuer.reads == 1


def jwk(**changes: Any) -> dict[str, Any]:
    return Key(kid="weak").jwk() | changes


def short() -> dict[str, Any]:
    return Key(private=rsa.generate_private_key(65537, 1024), kid="weak").jwk()


UNFIT: list[Callable[[], dict[str, Any]]] = [
    short,
    lambda: jwk(use="enc"),
    lambda: jwk(alg="RS512"),
    lambda: jwk(alg="none"),
    lambda: jwk(kty="oct", k="c2VjcmV0"),
    lambda: jwk(kty="EC"),
    lambda: jwk(n="!"),
    lambda: jwk(n=1),
    lambda: jwk(e=None),
    lambda: jwk(n=""),
    lambda: jwk(kid=7),
]


@pytest_asyncio.fixture
async def serving() -> AsyncIterator[Callable[[web.Response], str]]:
    """A server that answers with whatever it is given."""
    answers: list[web.Response] = []
    app = web.Application()

    async def answer(_: web.Request) -> web.Response:
        return answers[0]

    app.router.add_get("/keys", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()

    def serve(response: web.Response) -> str:
        answers[:] = [response]
        return f"http://127.0.0.1:{runner.addresses[0][1]}/keys"

    yield serve
    await runner.cleanup()


@pytest.mark.parametrize("number", range(len(UNFIT)))
async def test_a_key_that_is_not_fit_is_left_out(serving: Callable[[web.Response], str], number: int) -> None:
    good = Key(kid="good").jwk()
    url = serving(web.json_response({"keys": [UNFIT[number](), good, None, "x"]}))
    keys = SigningKeys(url)
    assert await keys.get("good") is not None
    assert await keys.get("weak") is None


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b"{}"),
        (404, b""),
        (200, b""),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b'{"keys": null}'),
        (200, b'{"keys": []}'),
        (200, b'{"keys": {"a": 1}}'),
    ],
)
async def test_an_answer_without_keys_is_an_issuer_that_is_away(
    serving: Callable[[web.Response], str], clock: Clock, status: int, body: bytes
) -> None:
    """Above all it does not take the known keys away."""
    url = serving(web.json_response({"keys": [Key(kid="good").jwk()]}))
    keys = SigningKeys(url, PACE, clock)
    assert await keys.get("good") is not None
    serving(web.Response(status=status, body=body))
    clock.wait(PACE.fresh)
    assert await keys.get("good") is not None
    with pytest.raises(Unavailable):
        await keys.get("other")
    with pytest.raises(Unavailable):
        await SigningKeys(url).get("good")


async def test_a_document_that_is_too_large_is_not_read_to_its_end(
    serving: Callable[[web.Response], str],
) -> None:
    document = {"keys": [Key(kid="good").jwk()], "more": ""}
    assert await SigningKeys(serving(web.json_response(document))).get("good") is not None
    url = serving(web.json_response(document | {"more": "x" * LARGEST_DOCUMENT}))
    with pytest.raises(Unavailable, match="too large"):
        await SigningKeys(url).get("good")


async def test_nobody_is_followed_to_another_address(
    serving: Callable[[web.Response], str], issuer: Issuer
) -> None:
    url = serving(web.Response(status=302, headers={"Location": issuer.jwks_url}))
    with pytest.raises(Unavailable, match="302"):
        await SigningKeys(url).get(issuer.ring.current.kid)
    assert issuer.reads == 0
