"""HTTP functions of the sample app, over real connections to a real host process."""

import asyncio
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
from yarl import URL

from tests.infra.sample_app.processes import (
    FUNCTION_KEY,
    Server,
    running,
    start_bus,
    start_host,
    topology,
    until,
)

LIMIT = 100 * 1024 * 1024


@pytest_asyncio.fixture(scope="module")
async def host(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    directory = tmp_path_factory.mktemp("http")
    settings = directory / "settings.json"
    settings.write_text(
        json.dumps(
            {
                "Values": {"FROM_FILE": "file", "FROM_BOTH": "file", "A_NUMBER": 5},
                "Host": {"MasterKey": "the-master-key"},
            }
        )
    )
    bus = await start_bus(topology(directory / "topology.json"))
    async with running(bus):
        host = await start_host(
            bus.ready["connectionString"], "--settings", str(settings), FROM_BOTH="environment"
        )
        async with running(host):
            yield host


@pytest_asyncio.fixture(scope="module")
async def http(host: Server) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(host.ready["url"]) as session:
        yield session


def raw(host: Server, path: str) -> URL:
    """A URL that the client leaves as it is written."""
    return URL(host.ready["url"] + path, encoded=True)


async def test_a_function_gets_the_whole_request(host: Server, http: aiohttp.ClientSession) -> None:
    url = raw(host, "/api/orders/Acme%2FNorth%20/5?a=1&b=&a=2&c=%C3%A9")
    headers = {"X-Mixed-Case": "yes", "Content-Type": "text/x-test"}
    async with http.post(url, data=b"the body", headers=headers) as answer:
        body = await answer.json()
        assert answer.status == 201
        assert answer.headers["content-type"] == "application/json"
    assert body["route"] == {"tenant": "Acme/North ", "id": "5"}
    assert body["query"] == {"a": "1,2", "c": "é"}
    assert body["headers"]["x-mixed-case"] == "yes"
    assert body["headers"]["content-type"] == "text/x-test"
    assert all(name == name.lower() for name in body["headers"])
    assert (body["method"], body["body"], body["function"]) == ("POST", "the body", "orders")
    assert body["url"].startswith(host.ready["url"] + "/api/orders/Acme%2FNorth%20/5?")


async def test_routes_match_regardless_of_case_and_optional_parameters_may_be_absent(
    http: aiohttp.ClientSession,
) -> None:
    async with http.get("/API/Orders/Acme") as answer:
        assert (await answer.json())["route"] == {"tenant": "Acme"}


async def test_a_literal_segment_beats_a_parameter(http: aiohttp.ClientSession) -> None:
    async with http.get("/api/orders/Special/7") as answer:
        assert await answer.text() == "special"


async def test_a_catch_all_takes_the_rest_of_the_path(http: aiohttp.ClientSession) -> None:
    async with http.get("/api/files/a/b/c.txt") as answer:
        assert await answer.text() == "a/b/c.txt"


@pytest.mark.parametrize("path", ["/api/unknown", "/api/orders/acme/x", "/orders/acme", "/api"])
async def test_an_unknown_path_is_not_found(http: aiohttp.ClientSession, path: str) -> None:
    async with http.get(path) as answer:
        assert answer.status == 404


@pytest.mark.parametrize("method", ["POST", "HEAD", "OPTIONS", "DELETE"])
async def test_a_method_that_the_function_does_not_take_is_not_found(
    http: aiohttp.ClientSession, method: str
) -> None:
    async with http.request(method, "/api/files/x") as answer:
        assert answer.status == 404


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_a_function_without_methods_takes_them_all(http: aiohttp.ClientSession, method: str) -> None:
    async with http.request(method, "/api/any") as answer:
        assert (answer.status, await answer.text()) == (200, method)


async def test_an_answer_to_head_has_no_body(http: aiohttp.ClientSession) -> None:
    async with http.head("/api/any") as answer:
        assert (answer.status, await answer.read(), answer.headers["content-length"]) == (200, b"", "4")


async def test_bytes_and_headers_come_back_as_the_function_set_them(http: aiohttp.ClientSession) -> None:
    content = bytes(range(256))
    async with http.post("/api/bytes", data=content) as answer:
        assert await answer.read() == content[::-1]
        assert answer.headers["x-length"] == "256"
        assert answer.headers["content-type"] == "application/x-reversed"


async def test_a_compressed_body_reaches_the_function_as_it_came(http: aiohttp.ClientSession) -> None:
    async with http.post(
        "/api/length", data=b"not really gzip", headers={"Content-Encoding": "gzip"}
    ) as answer:
        assert (answer.status, await answer.text()) == (200, "15")


async def test_a_cookie_is_set(http: aiohttp.ClientSession) -> None:
    async with http.get("/api/cookie") as answer:
        cookie = answer.cookies["a"]
    assert (cookie.value, cookie["path"], cookie["max-age"]) == ("1", "/x", "60")
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Strict")


async def test_an_exception_is_an_empty_500_and_is_logged(host: Server, http: aiohttp.ClientSession) -> None:
    async with http.get("/api/boom") as answer:
        assert (answer.status, await answer.read()) == (500, b"")
    await until(lambda: "Executed 'boom' (Failed" in host.logged)
    assert "ValueError: kaboom" in host.logged


async def test_a_function_that_returns_nothing_is_a_500(http: aiohttp.ClientSession) -> None:
    async with http.get("/api/nothing") as answer:
        assert answer.status == 500


async def test_the_largest_body_of_the_platform_is_taken(http: aiohttp.ClientSession) -> None:
    async with http.post("/api/length", data=b"\0" * LIMIT) as answer:
        assert (answer.status, await answer.text()) == (200, str(LIMIT))


async def test_a_larger_body_is_refused_before_it_is_sent(host: Server) -> None:
    url = URL(host.ready["url"])
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(f"POST /api/length HTTP/1.1\r\nHost: x\r\nContent-Length: {LIMIT + 1}\r\n\r\n".encode())
    async with asyncio.timeout(5):
        answer = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"Connection: close" in answer


async def test_a_larger_body_that_is_not_announced_is_refused(host: Server) -> None:
    async def unannounced() -> AsyncIterator[bytes]:
        for _ in range(101):
            yield b"\0" * 1024 * 1024

    before = host.logged.count("Executing 'length'")
    others = host.logged.count("Executed 'any_method'")
    async with aiohttp.ClientSession(host.ready["url"]) as alone:
        try:
            async with alone.post("/api/length", data=unannounced()) as answer:
                assert answer.status == 413
        except aiohttp.ClientConnectionError:
            pass  # refused while still sending: the client may not get to read the answer
    async with aiohttp.ClientSession(host.ready["url"]) as another, another.get("/api/any") as answer:
        assert answer.status == 200
    await until(lambda: host.logged.count("Executed 'any_method'") > others)
    assert host.logged.count("Executing 'length'") == before


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/api/keyed", {}, 401),
        ("/api/keyed", {"x-functions-key": "wrong"}, 401),
        ("/api/keyed?code=wrong", {}, 401),
        ("/api/keyed", {"x-functions-key": FUNCTION_KEY}, 200),
        (f"/api/keyed?code={FUNCTION_KEY}", {}, 200),
        ("/api/keyed?code=the-master-key", {}, 200),
        ("/api/keyed?code=schl%C3%BCssel", {}, 401),
        (f"/api/admin-only?code={FUNCTION_KEY}", {}, 401),
        ("/api/admin-only?code=the-master-key", {}, 200),
    ],
)
async def test_a_key_opens_what_it_is_for(
    http: aiohttp.ClientSession, path: str, headers: dict[str, str], status: int
) -> None:
    async with http.get(path, headers=headers) as answer:
        assert answer.status == status
        assert await answer.read() == (b"opened" if status == 200 else b"")


async def test_the_environment_wins_over_local_settings(http: aiohttp.ClientSession) -> None:
    values = {}
    for name in ("FROM_FILE", "FROM_BOTH", "A_NUMBER"):
        async with http.get(f"/api/setting/{name}") as answer:
            values[name] = await answer.text()
    assert values == {"FROM_FILE": "file", "FROM_BOTH": "environment", "A_NUMBER": "5"}


async def test_slow_requests_are_served_side_by_side(http: aiohttp.ClientSession) -> None:
    async def slow() -> str:
        async with http.get("/api/slow?seconds=0.5") as answer:
            return await answer.text()

    async with asyncio.timeout(1.5):
        assert await asyncio.gather(*(slow() for _ in range(20))) == ["done"] * 20


async def test_the_host_tells_its_status_and_its_functions(host: Server, http: aiohttp.ClientSession) -> None:
    async with http.get("/admin/host/status") as answer:
        assert (answer.status, await answer.json()) == (200, {"state": "Running"})
    async with http.get("/admin/functions") as answer:
        listed = {each["name"]: each for each in await answer.json()}
    assert len(listed) == host.ready["functions"]
    assert listed["work"]["trigger"] == "serviceBusTrigger"
    assert listed["tick"]["trigger"] == "timerTrigger"
    assert listed["orders"]["route"] == "/api/orders/{tenant}/{id:int?}"
    assert listed["orders"]["methods"] == ["GET", "POST"]


async def test_an_http_function_or_an_unknown_one_cannot_be_run_by_hand(http: aiohttp.ClientSession) -> None:
    async with http.post("/admin/functions/orders", json={"input": ""}) as answer:
        assert answer.status == 400
    async with http.post("/admin/functions/unknown", json={"input": ""}) as answer:
        assert answer.status == 404
