"""What Prometheus' answers come to, the wrong ones and the missing ones too."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from adapters.entra import FixedAuthorization
from adapters.prometheus import PrometheusMetrics
from domain.kernel.errors import Rejected, Unavailable
from domain.kernel.work import Partition
from tests.adapters import scripted_service
from tests.adapters.scripted_service import Reply, ScriptedService

service = scripted_service.service

PARTITION = Partition("acme", "shop")


@pytest.fixture
async def port(service: ScriptedService) -> AsyncIterator[PrometheusMetrics]:
    made = PrometheusMetrics(service.url, deadline=2, call_timeout=0.5)
    yield made
    await made.close()


def found(kind: str | None, result: Any) -> web.Response:
    return web.json_response({"status": "success", "data": {"resultType": kind, "result": result}})


def vector(*values: str) -> web.Response:
    return found("vector", [{"metric": {"pod": str(n)}, "value": [1.5, v]} for n, v in enumerate(values)])


async def hang(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(30)
    return web.Response()


async def cut(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        (vector("0.25"), 0.25),
        (vector("0"), 0.0),
        (vector("1e-3"), 0.001),
        (found("scalar", [1.5, "7"]), 7.0),
        (vector(), None),
        (vector("NaN"), None),
        (vector("+Inf"), None),
        (found("scalar", [1.5, "-Inf"]), None),
    ],
)
async def test_what_an_answer_comes_to(
    service: ScriptedService, port: PrometheusMetrics, answer: web.Response, value: float | None
) -> None:
    service.script = [answer]
    for _ in range(2):
        assert await port.query(PARTITION, "error_rate") == value


async def test_the_query_is_sent_as_it_is(service: ScriptedService, port: PrometheusMetrics) -> None:
    query = 'sum(rate(http_requests_total{code=~"5..",job="a&b"}[5m])) / 2 + 1'
    service.script = [vector("1")]
    await port.query(PARTITION, query)
    (request,) = service.requests
    assert (request.method, request.path) == ("GET", "/api/v1/query")
    assert dict(request.query) == {"query": query} and "Authorization" not in request.headers


@pytest.mark.parametrize(
    ("tenant", "segment"), [("acme", "acme"), ("a/b", "a%2Fb"), ("../x", "..%2Fx"), ("a?b#c", "a%3Fb%23c")]
)
async def test_each_project_asks_in_its_own_place(
    service: ScriptedService, tenant: str, segment: str
) -> None:
    service.script = [vector("1")]
    url = f"{service.url}/{{tenantId}}/{{projectId}}/prometheus/"
    port = PrometheusMetrics(url, FixedAuthorization("Bearer metrics"))
    await port.query(Partition(tenant, "shop"), "up")
    await port.close()
    (request,) = service.requests
    assert request.raw_path.partition("?")[0] == f"/{segment}/shop/prometheus/api/v1/query"
    assert request.headers["Authorization"] == "Bearer metrics"


@pytest.mark.parametrize("url", ["", None])
async def test_without_a_source_no_query_has_an_answer(url: str | None) -> None:
    port = PrometheusMetrics(url)
    with pytest.raises(Rejected, match="its operator has not set Metrics__url"):
        await port.query(PARTITION, "up")
    await port.close()


@pytest.mark.parametrize("project", ["", ".", ".."])
async def test_nobody_asks_in_anothers_place(service: ScriptedService, project: str) -> None:
    port = PrometheusMetrics(f"{service.url}/{{tenantId}}/{{projectId}}")
    with pytest.raises(Rejected, match="has no metrics"):
        await port.query(Partition("acme", project), "up")
    await port.close()
    assert service.requests == []


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (vector("1", "2"), "up gives 2 values, not one"),
        (found("matrix", [{"values": [[1.5, "1"]]}]), "up gives a matrix, not a number"),
        (found("string", [1.5, "x"]), "up gives a string, not a number"),
        (
            found("vector", [{"metric": {}, "histogram": [1.5, {}]}]),
            "up gives a histogram, not a number",
        ),
        (
            web.json_response(
                {"status": "error", "errorType": "bad_data", "error": "1:3: parse error"}, status=400
            ),
            "Prometheus does not understand up: 1:3: parse error",
        ),
    ],
)
async def test_what_will_never_give_one_number_is_refused(
    service: ScriptedService, port: PrometheusMetrics, answer: web.Response, sentence: str
) -> None:
    service.script = [answer]
    for _ in range(2):
        with pytest.raises(Rejected, match=f"^{sentence}$"):
            await port.query(PARTITION, "up")


@pytest.mark.parametrize(
    "answer",
    [
        web.json_response({"status": "error", "errorType": "execution", "error": "too many"}, status=422),
        web.json_response({"status": "error", "errorType": "timeout", "error": "too long"}, status=400),
        web.Response(status=400, text="<html>bad gateway</html>"),
        web.Response(status=401),
        web.Response(status=302, headers={"Location": "http://127.0.0.1:9/"}),
        web.Response(status=200, text="<html>sign in</html>"),
        web.json_response([]),
        web.json_response({"status": "success"}),
        web.json_response({"status": "error", "data": {"resultType": "vector", "result": []}}),
        found("vector", {}),
        found("vector", [3]),
        found("vector", [{"value": [1.5, "many"]}]),
        found("vector", [{"value": [1.5]}]),
        found("scalar", []),
    ],
)
async def test_any_other_answer_may_pass(
    service: ScriptedService, port: PrometheusMetrics, answer: web.Response
) -> None:
    service.script = [answer]
    with pytest.raises(Unavailable, match="Prometheus is unavailable: it answered"):
        await port.query(PARTITION, "up")


@pytest.mark.parametrize("trouble", [web.Response(status=503), web.Response(status=429), hang, cut])
async def test_it_is_asked_again(
    service: ScriptedService, port: PrometheusMetrics, trouble: web.Response | Reply
) -> None:
    service.script = [trouble, vector("3")]
    assert await port.query(PARTITION, "up") == 3
    assert len(service.requests) == 2


async def test_it_waits_as_told_but_not_for_ever(service: ScriptedService, port: PrometheusMetrics) -> None:
    service.script = [web.Response(status=429, headers={"Retry-After": "0.3"}), vector("3")]
    started = time.monotonic()
    assert await port.query(PARTITION, "up") == 3
    assert time.monotonic() - started >= 0.3
    service.script = [web.Response(status=503, headers={"Retry-After": "60"})]
    with pytest.raises(Unavailable) as caught:
        await port.query(PARTITION, "up")
    assert caught.value.retry_after is not None and caught.value.retry_after > 25
    assert time.monotonic() - started < 2


async def test_a_refused_credential_is_forgotten(service: ScriptedService) -> None:
    class Expired(FixedAuthorization):
        forgotten = 0

        def forget(self) -> None:
            self.forgotten += 1

    authorization = Expired("Bearer old")
    port = PrometheusMetrics(service.url, authorization)
    service.script = [web.Response(status=401)]
    with pytest.raises(Unavailable):
        await port.query(PARTITION, "up")
    await port.close()
    assert authorization.forgotten == 1
