"""Whom the probe asks, and what it makes of those that answer badly."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from adapters.http_probe import AllowedHosts, HttpProbe
from domain.kernel.errors import Rejected
from tests.adapters import scripted_service
from tests.adapters.scripted_service import ScriptedService

service = scripted_service.service

LISTED = [
    "orders.example",
    "orders.example:8080",
    " Payments.Example ",
    "*.apps.example",
    "*.dev.example:8443",
    "10.0.0.7",
    "127.0.0.1:8080",
    "[::1]",
    "*.0.0.8",
    "",
]


@pytest.mark.parametrize(
    "url",
    [
        "http://orders.example/healthz?deep=1",
        "https://orders.example",
        "http://orders.example:80/",
        "https://ORDERS.example:443/",
        "http://orders.example./",
        "http://orders.example:8080/",
        "https://payments.example/",
        "https://a.apps.example/",
        "https://a.b.apps.example/",
        "https://a.dev.example:8443/",
        "http://10.0.0.7/",
        "http://127.0.0.1:8080/",
        "http://[::1]/",
    ],
)
def test_what_is_listed_may_be_asked(url: str) -> None:
    AllowedHosts(LISTED).require(url)


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("http://orders.example:9090/", "orders.example:9090"),
        ("https://orders.example:80/", "orders.example:80"),
        ("http://other.example/", "other.example"),
        ("http://xorders.example/", "xorders.example"),
        ("http://a.orders.example/", "a.orders.example"),
        ("https://apps.example/", "apps.example"),
        ("https://evilapps.example/", "evilapps.example"),
        ("https://a.apps.example:8443/", "a.apps.example:8443"),
        ("https://a.dev.example/", "a.dev.example"),
        ("https://orders.example.evil.example/", "orders.example.evil.example"),
        ("https://evil.example/orders.example", "evil.example"),
        ("https://evil.example#orders.example", "evil.example"),
        ("https://evil.example?orders.example", "evil.example"),
        ("http://127.0.0.1/", "127.0.0.1"),
        ("http://169.254.169.254/", "169.254.169.254"),
        ("http://[::2]/", r"\[::2\]"),
        ("http://2130706433/", "2130706433"),
        ("http://0x7f000001/", "0x7f000001"),
        # An address is listed whole or not at all.
        ("http://10.0.0.8/", "10.0.0.8"),
        ("http://localhost/", "localhost"),
    ],
)
def test_what_is_not_listed_is_refused_by_the_settings_name(url: str, asked: str) -> None:
    sentence = f"the platform may not ask {asked}: its operator has not listed it in HealthGates__hosts"
    with pytest.raises(Rejected, match=f"^{sentence}$"):
        AllowedHosts(LISTED).require(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "orders.example",
        "/healthz",
        "//orders.example/",
        "ftp://orders.example/",
        "file:///etc/passwd",
        "http://",
        "http:///healthz",
        "http://orders.example:http/",
        "http://orders.example:99999/",
        "http://[::1/",
        "http://ada:secret@orders.example/",
        "http://orders.example@evil.example/",
    ],
)
def test_what_is_no_plain_url_is_refused(url: str) -> None:
    with pytest.raises(
        Rejected, match=r"is not a URL|is not the URL of a website|holds a user or a password"
    ):
        AllowedHosts(["*.example", *LISTED]).require(url)


@pytest.fixture
async def probe(service: ScriptedService) -> AsyncIterator[HttpProbe]:
    made = HttpProbe([service.url.partition("//")[2]])
    yield made
    await made.close()


async def test_nobody_is_followed_to_another_place(service: ScriptedService, probe: HttpProbe) -> None:
    service.script = [web.Response(status=302, headers={"Location": "http://169.254.169.254/"})]
    for _ in range(2):
        found = await probe.get(f"{service.url}/healthz", 5)
        assert (found.status, found.problem) == (302, None)
    assert len(service.requests) == 2
    assert service.requests[0].method == "GET" and service.requests[0].path == "/healthz"


async def test_it_asks_once_whatever_the_answer(service: ScriptedService, probe: HttpProbe) -> None:
    for status in (429, 500, 503):
        service.script = [web.Response(status=status, headers={"Retry-After": "60"})]
        assert (await probe.get(f"{service.url}/healthz", 5)).status == status
    assert len(service.requests) == 3


async def test_an_answer_without_end_is_cut_off(service: ScriptedService, probe: HttpProbe) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 65536)
        except ConnectionError:
            return response

    service.script = [endless]
    found = await probe.get(f"{service.url}/healthz", 5)
    assert found.status == 200 and found.milliseconds < 4000


async def test_no_answer_in_time_is_a_problem(service: ScriptedService, probe: HttpProbe) -> None:
    async def hang(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    async def trickle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"x")
        return await hang(request)

    for trouble in (hang, trickle):
        service.script = [trouble]
        started = time.monotonic()
        found = await probe.get(f"{service.url}/healthz", 0.2)
        assert time.monotonic() - started < 1
        assert (found.status, found.problem) == (None, "no answer within 0.2 seconds")
        assert 150 <= found.milliseconds < 1000


async def test_a_cut_connection_and_nonsense_are_problems(service: ScriptedService, probe: HttpProbe) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def nonsense(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(b"SSH-2.0-OpenSSH\r\n\r\n")
        return await cut(request)

    for trouble in (cut, nonsense):
        service.script = [trouble]
        found = await probe.get(f"{service.url}/healthz", 5)
        assert found.status is None
        assert found.problem is not None and found.problem.startswith("no answer: ")


async def test_a_name_that_nobody_has_is_a_problem() -> None:
    probe = HttpProbe(["nobody.invalid"])
    found = await probe.get("http://nobody.invalid/", 5)
    await probe.close()
    assert found.status is None and found.problem is not None
