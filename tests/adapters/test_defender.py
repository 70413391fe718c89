"""How Defender's results are asked for, page by page, and what their rows come to."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from adapters.defender import ENTRA_SCOPE, DefenderScans
from adapters.entra import BearerToken, FixedAuthorization
from domain.kernel.errors import Unavailable
from domain.provided import ProvidedFinding, ProvidedScan
from tests.adapters import scripted_service
from tests.adapters.scripted_graph import DIGEST, HEALTHY, HOST, NOON, PARTITION, REPOSITORY, Graph, Json, row
from tests.adapters.scripted_service import Reply, ScriptedService
from tests.infra import container_registry_fixture
from tests.infra.container_registry_fixture import RunningRegistry
from tests.infra.oci_client import OciClient, digest_of

registry, service = container_registry_fixture.registry, scripted_service.service


@pytest.fixture
def graph(service: ScriptedService) -> Graph:
    return Graph(service)


@pytest.fixture
async def port(service: ScriptedService) -> AsyncIterator[DefenderScans]:
    authorization = FixedAuthorization("Bearer local")
    made = DefenderScans(
        authorization, ["sub-a", "sub-b"], management_url=service.url, deadline=2, call_timeout=0.5
    )
    yield made
    await made.close()


async def scan(port: DefenderScans) -> ProvidedScan | None:
    return await port.scan(PARTITION, HOST, REPOSITORY, DIGEST)


async def test_the_query_names_the_image_and_nothing_else(graph: Graph, port: DefenderScans) -> None:
    graph.has([])
    assert await scan(port) is None
    (request,) = graph.service.requests
    assert request.method == "POST" and request.headers["Authorization"] == "Bearer local"
    assert request.path == "/providers/Microsoft.ResourceGraph/resources"
    assert request.query["api-version"] == "2021-03-01"
    assert graph.bodies[0]["subscriptions"] == ["sub-a", "sub-b"]
    assert graph.bodies[0]["query"].splitlines() == [
        "securityresources",
        "| where type == 'microsoft.security/assessments/subassessments'",
        "| where properties.additionalData.assessedResourceType == 'AzureContainerRegistryVulnerability'",
        f"| where properties.additionalData.artifactDetails.digest == '{DIGEST}'",
        f"| where tolower(properties.additionalData.artifactDetails.repositoryName) == '{REPOSITORY}'",
        "| order by id asc",
    ]


async def test_a_reconcilers_query_names_the_moment_in_utc(graph: Graph, port: DefenderScans) -> None:
    graph.has([])
    since = datetime.fromisoformat("2026-05-06T14:00:00.123456+02:00")
    assert await port.scanned_since(PARTITION, since) == ()
    query = graph.bodies[0]["query"]
    assert "| where properties.timeGenerated >= datetime(2026-05-06T12:00:00.123Z)\n" in query


async def test_what_was_scanned_before_the_moment_is_left_out(graph: Graph, port: DefenderScans) -> None:
    graph.has([row()])
    at = NOON + timedelta(microseconds=123456)
    assert await port.scanned_since(PARTITION, at) == ((HOST, REPOSITORY, DIGEST),)
    # The query knows milliseconds only.
    assert await port.scanned_since(PARTITION, at + timedelta(microseconds=1)) == ()


async def test_a_healthy_row_alone_is_a_clean_scan(graph: Graph, port: DefenderScans) -> None:
    graph.has([HEALTHY])
    made = await scan(port)
    assert made == ProvidedScan(NOON + timedelta(microseconds=123456), ())


@pytest.mark.parametrize(
    ("rows", "finding"),
    [
        ([row(severity="CRITICAL")], ProvidedFinding("CVE-1", "Critical", False)),
        ([row(severity="moderate")], ProvidedFinding("CVE-1", "Unknown", False)),
        ([row("NotApplicable", cause="Exempt")], ProvidedFinding("CVE-1", "High", True)),
        # Only an exemption exempts.
        ([row("NotApplicable", cause="OffByPolicy")], ProvidedFinding("CVE-1", "High", False)),
        ([row("Unhealthy", cause="Exempt")], ProvidedFinding("CVE-1", "High", False)),
        ([row("SomethingNew")], ProvidedFinding("CVE-1", "High", False)),
        ([row(cve=None)], ProvidedFinding("sub-1", "High", False)),
        ([HEALTHY, row()], ProvidedFinding("CVE-1", "High", False)),
        # Two packages of an image with the same vulnerability.
        ([row(severity="Low"), row(severity="Critical")], ProvidedFinding("CVE-1", "Critical", False)),
        (
            [row("NotApplicable", cause="Exempt"), row(severity="Low")],
            ProvidedFinding("CVE-1", "High", False),
        ),
    ],
)
async def test_what_a_row_comes_to(
    graph: Graph, port: DefenderScans, rows: list[Json], finding: ProvidedFinding
) -> None:
    for order in (rows, rows[::-1]):
        graph.has(order)
        made = await scan(port)
        assert made is not None and made.findings == (finding,)


@pytest.mark.parametrize(
    "artifact",
    [{"registryHost": "other.example"}, {"repositoryName": "acme/shop/b"}, {"digest": digest_of(b"other")}],
)
async def test_rows_of_other_images_are_not_this_ones(
    graph: Graph, port: DefenderScans, artifact: dict[str, str]
) -> None:
    graph.has([row(**artifact)])
    assert await scan(port) is None


async def test_the_newest_row_dates_the_scan(graph: Graph, port: DefenderScans) -> None:
    graph.has([row(at="2026-05-06T13:00:00Z"), HEALTHY, row(cve="CVE-2", at="not a time")])
    made = await scan(port)
    assert made is not None and made.scanned_at == NOON + timedelta(hours=1)
    assert [finding.finding_id for finding in made.findings] == ["CVE-1", "CVE-2"]


async def test_all_pages_are_read(graph: Graph, port: DefenderScans) -> None:
    graph.has([row(cve="CVE-1")], [], [row(cve="CVE-2")])
    made = await scan(port)
    assert made is not None and len(made.findings) == 2
    assert [body["options"].get("$skipToken") for body in graph.bodies] == [None, "after-1", "after-2"]
    assert len({body["query"] for body in graph.bodies}) == 1


async def test_a_page_that_fails_for_good_is_no_half_a_scan(graph: Graph, port: DefenderScans) -> None:
    graph.has([HEALTHY], web.Response(status=503))
    with pytest.raises(Unavailable, match=r"^Microsoft Defender is unavailable: it answered 503"):
        await scan(port)


async def hang(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(30)
    return web.Response()


async def half(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Type": "application/json"})
    answer.content_length = 1000
    await answer.prepare(request)
    await answer.write(b'{"data": []}')
    assert request.transport is not None
    request.transport.close()
    return answer


@pytest.mark.parametrize("trouble", [web.Response(status=503), hang, half])
async def test_a_query_is_asked_again(
    service: ScriptedService, port: DefenderScans, trouble: web.Response | Reply
) -> None:
    service.script = [trouble, web.json_response({"data": [HEALTHY]})]
    assert await scan(port) is not None
    assert len(service.requests) == 2


async def test_a_throttled_query_waits_as_told(service: ScriptedService, port: DefenderScans) -> None:
    throttled = web.Response(status=429, headers={"Retry-After": "0.3"})
    service.script = [throttled, web.json_response({"data": [HEALTHY]})]
    started = time.monotonic()
    assert await scan(port) is not None
    assert time.monotonic() - started >= 0.3


@pytest.mark.parametrize(
    "answer",
    [
        web.json_response({"error": {"code": "BadRequest", "message": "no"}}, status=400),
        web.json_response({"error": {"code": "Forbidden", "message": "no"}}, status=403),
        web.json_response({"data": {"columns": []}}),
        web.json_response({"data": [{"id": "x"}]}),
        web.Response(text="<html>"),
    ],
)
async def test_any_other_answer_is_no_scan(
    service: ScriptedService, port: DefenderScans, answer: web.Response
) -> None:
    service.script = [answer]
    with pytest.raises(Unavailable):
        await scan(port)
    with pytest.raises(Unavailable):
        await port.scanned_since(PARTITION, NOON)


async def test_a_refused_token_is_asked_for_anew(service: ScriptedService) -> None:
    asked: list[str] = []

    class Tokens:
        async def get_token(self, scope: str) -> Any:
            asked.append(scope)
            return type("Token", (), {"token": f"t{len(asked)}", "expires_on": time.time() + 3600})

    service.script = [web.Response(status=401), web.json_response({"data": []})]
    token = BearerToken(Tokens(), ENTRA_SCOPE)  # type: ignore[arg-type]
    port = DefenderScans(token, ["sub-a"], management_url=service.url)
    with pytest.raises(Unavailable, match="does not accept our credential"):
        await scan(port)
    for _ in range(2):
        assert await scan(port) is None
    await port.close()
    assert [request.headers["Authorization"] for request in service.requests] == [
        "Bearer t1",
        "Bearer t2",
        "Bearer t2",
    ]
    assert set(asked) == {"https://management.azure.com/.default"}


async def test_more_findings_than_a_page_holds(
    registry: RunningRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.defender._PAGE", 3)
    await registry.reset()
    name = registry.repository("acme", "shop")
    async with OciClient(registry, name) as client:
        digest = await client.push_image("1", b"layer")
    found = [{"cveId": f"CVE-{n:02}", "severity": "Low", "exempt": False} for n in range(10)]
    await registry.local("PUT", "scans", {"repository": name, "digest": digest, "findings": found})
    port = DefenderScans(
        FixedAuthorization(registry.authorization), [str(uuid.UUID(int=1))], management_url=registry.url
    )
    async with asyncio.timeout(5):
        host = registry.url.partition("//")[2]
        while (made := await port.scan(PARTITION, host, name, digest)) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    await port.close()
    assert [finding.finding_id for finding in made.findings] == [one["cveId"] for one in found]


def test_it_needs_a_subscription() -> None:
    with pytest.raises(ValueError, match="need the subscriptions"):
        DefenderScans(FixedAuthorization("x"), [])
