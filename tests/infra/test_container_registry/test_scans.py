"""Scan results, as a reader of Azure Resource Graph finds them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from tests.infra.container_registry_fixture import RunningRegistry
from tests.infra.oci_client import OciClient, digest_of
from tests.infra.test_azure_devops.client import eventually

type Json = dict[str, Any]

DATA = "properties.additionalData"
SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"


async def _ask(client: OciClient, query: str, token: str = "Bearer any", **options: Any) -> tuple[int, Json]:
    body = {"subscriptions": [SUBSCRIPTION], "query": query, "options": options}
    url = f"{client.registry.url}/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01"
    async with aiohttp.request("POST", url, json=body, headers={"Authorization": token}) as response:
        return response.status, await response.json()


def _of(client: OciClient, *conditions: str) -> str:
    """The rows of the client's repository."""
    lines = [
        "securityresources",
        "where type == 'microsoft.security/assessments/subassessments'",
        f"where tolower(tostring({DATA}.artifactDetails.repositoryName)) == '{client.repository}'",
        *(f"where {condition}" for condition in conditions),
    ]
    return " | ".join(lines)


async def _rows(client: OciClient, *conditions: str) -> list[Json]:
    status, body = await _ask(client, _of(client, *conditions))
    assert status == 200, body
    return [row["properties"] for row in body["data"]]


def _reader(client: OciClient) -> Callable[[], Awaitable[list[Json]]]:
    return lambda: _rows(client)


async def _inject(client: OciClient, *findings: Json, **fields: Any) -> None:
    body = {"repository": client.repository, "findings": list(findings), **fields}
    await client.registry.local("PUT", "scans", body)


def _finding(number: int, severity: str = "High", **fields: Any) -> Json:
    return {"cveId": f"CVE-2026-{number:04}", "severity": severity, **fields}


async def test_an_image_is_first_not_scanned_and_then_clean(client: OciClient) -> None:
    assert await _rows(client) == []
    digest = await client.push_image("1.0.0", b"code")
    [row] = await eventually(_reader(client), bool)
    assert row["status"]["code"] == "Healthy"
    details = row["additionalData"]
    assert details["assessedResourceType"] == "AzureContainerRegistryVulnerability"
    image = details["artifactDetails"]
    assert (image["repositoryName"], image["digest"], image["tags"]) == (client.repository, digest, ["1.0.0"])
    assert image["registryHost"] in client.registry.url
    assert image["lastPushedToRegistryUTC"] < row["timeGenerated"]


async def test_a_scan_takes_its_time(tmp_path_factory: pytest.TempPathFactory) -> None:
    registry = await RunningRegistry.start(tmp_path_factory.mktemp("slow-scans"), "--scan-delay-ms", "60000")
    try:
        async with OciClient(registry, registry.repository()) as client:
            await client.push_image("1.0.0", b"code")
            assert await _rows(client) == []
    finally:
        await registry.stop()


async def test_findings_injected_before_the_push_are_what_the_scan_finds(client: OciClient) -> None:
    await _inject(client, _finding(1, "Critical"), _finding(2, "Low", exempt=True))
    await client.push_image("1.0.0", b"code")
    rows = await eventually(_reader(client), bool)
    by_cve = {row["additionalData"]["vulnerabilityDetails"]["cveId"]: row["status"] for row in rows}
    assert by_cve == {
        "CVE-2026-0001": {"code": "Unhealthy", "severity": "Critical", "cause": ""},
        "CVE-2026-0002": {"code": "NotApplicable", "severity": "Low", "cause": "Exempt"},
    }


async def test_findings_injected_after_a_clean_scan_are_a_newer_one(client: OciClient) -> None:
    digest = await client.push_image("1.0.0", b"code")
    other = await client.push_image("other", b"other code")
    clean = await eventually(_reader(client), lambda rows: len(rows) == 2)
    last = max(row["timeGenerated"] for row in clean)
    await _inject(client, _finding(1), digest=digest)
    since = f"properties.timeGenerated > datetime({last})"
    [newer] = await _rows(client, since)
    assert newer["additionalData"]["artifactDetails"]["digest"] == digest
    assert await _rows(client, f"properties.timeGenerated >= datetime({newer['timeGenerated']})") == [newer]
    [kept] = await _rows(client, f"{DATA}.artifactDetails.digest == '{other}'")
    assert kept["status"]["code"] == "Healthy"
    assert len(await _rows(client, f"{DATA}.artifactDetails.digest in ('{other}', '{digest}')")) == 2


async def test_an_image_may_stay_unscanned_and_be_scanned_late(client: OciClient) -> None:
    await _inject(client, never=True)
    never = await client.push_image("1.0.0", b"code")
    scanned = client.of(client.registry.repository())
    await scanned.push_image("1.0.0", b"code")
    await eventually(_reader(scanned), bool)
    assert await _rows(client) == []
    await _inject(client, _finding(1), digest=never)
    [row] = await _rows(client)
    assert row["status"]["code"] == "Unhealthy"


async def test_pages_hold_every_row_once(client: OciClient) -> None:
    await _inject(client, *(_finding(number) for number in range(7)))
    await client.push_image("1.0.0", b"code")
    await eventually(_reader(client), bool)
    for order in ("", " | order by id asc", " | order by properties.timeGenerated asc, id asc"):
        seen: list[str] = []
        options: Json = {"$top": 3}
        while True:
            status, page = await _ask(client, _of(client) + order, **options)
            assert (status, page["totalRecords"]) == (200, 7)
            seen += [row["id"] for row in page["data"]]
            if "$skipToken" not in page:
                break
            options = {"$top": 3, "$skipToken": page["$skipToken"]}
        assert len(seen) == len(set(seen)) == 7
        assert all(SUBSCRIPTION in row_id for row_id in seen)


async def test_signatures_and_deleted_images_have_no_rows(client: OciClient) -> None:
    digest = await client.push_image("1.0.0", b"code")
    await eventually(_reader(client), bool)
    signature = json.loads((await client.send("GET", "manifests/1.0.0")).content)
    signature["subject"] = {"mediaType": signature["mediaType"], "digest": digest, "size": 1}
    content = json.dumps(signature).encode()
    assert (await client.push_manifest(content, digest_of(content))).status == 201
    later = await client.push_image("2.0.0", b"newer code")
    rows = await eventually(_reader(client), lambda rows: len(rows) > 1)
    scanned = {row["additionalData"]["artifactDetails"]["digest"] for row in rows}
    assert scanned == {digest, later}, "a signature is no image"
    for image in scanned:
        await client.send("DELETE", f"manifests/{image}")
    assert await _rows(client) == []


@pytest.mark.parametrize(
    "query",
    [
        "resources",
        "securityresources | where name contains 'x'",
        "securityresources | where type == 'x' or name == 'y'",
        "securityresources | summarize count()",
        "securityresources | order by id desc",
        "securityresources | where properties.timeGenerated >= datetime(soon)",
    ],
)
async def test_a_query_that_is_not_understood_is_refused(client: OciClient, query: str) -> None:
    status, body = await _ask(client, query)
    assert (status, body["error"]["details"][0]["code"]) == (400, "InvalidQuery")


async def test_the_caller_has_to_be_known(client: OciClient) -> None:
    assert (await _ask(client, "securityresources", token=client.registry.authorization))[0] == 200
    assert (await _ask(client, "securityresources", token="Basic eDp5"))[0] == 401
    assert (await _ask(client, "securityresources", token="Bearer "))[0] == 401
