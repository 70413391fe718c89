"""Failures on demand, and a process that is killed in the middle."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.infra.container_registry_fixture import RunningRegistry
from tests.infra.oci_client import OciClient, digest_of, manifest


async def _fault(client: OciClient, mode: str, **fields: Any) -> None:
    await client.registry.local("POST", "faults", [{"mode": mode, **fields}])


@pytest.mark.parametrize(("mode", "code"), [("429", "TOOMANYREQUESTS"), ("503", "UNAVAILABLE")])
async def test_a_refused_request_says_when_to_come_back_and_has_no_effect(
    client: OciClient, mode: str, code: str
) -> None:
    await client.push_blob(b"{}")
    await _fault(client, mode, match={"method": "PUT", "pathRegex": "/manifests/"}, times=2, retryAfter=3)
    for _ in range(2):
        refused = await client.push_manifest(manifest(b"{}"), "v1")
        assert (str(refused.status), refused.code) == (mode, code)
        assert refused.headers["Retry-After"] == "3"
    assert (await client.send("GET", "manifests/v1")).status == 404
    assert (await client.push_manifest(manifest(b"{}"), "v1")).status == 201


async def test_a_cut_connection_loses_the_answer_before_or_after_the_effect(client: OciClient) -> None:
    location = await client.begin()
    for mode, arrived in (("cut-before", "0-0"), ("cut-after-commit", "0-4")):
        await _fault(client, mode, match={"method": "PATCH"})
        with pytest.raises(aiohttp.ClientError):
            await client.push_chunk(location, 0, b"12345")
        assert (await client.send("GET", location)).headers["Range"] == arrived


async def test_unknown_faults_are_refused(client: OciClient) -> None:
    with pytest.raises(AssertionError, match="unknown fault"):
        await _fault(client, "lag")


async def test_requests_are_counted_by_route_and_outcome(client: OciClient) -> None:
    await client.registry.local("DELETE", "requests")
    await client.push_blob(b"{}")
    rows = (await client.registry.local("GET", "requests"))["value"]
    assert {(row["method"], row["route"]): row["statuses"] for row in rows} == {
        ("POST", "/v2/{name}/blobs/uploads"): {"202": 1},
        ("PUT", "/v2/{name}/blobs/uploads/{upload}"): {"201": 1},
    }


async def test_images_uploads_and_scans_survive_a_kill(tmp_path: Path) -> None:
    registry = await RunningRegistry.start(tmp_path, "--scan-delay-ms", "0")
    layer, large = os.urandom(100_000), os.urandom(900_000)
    try:
        async with OciClient(registry, registry.repository()) as client:
            digest = await client.push_image("1.0.0", layer)
            location = await client.begin()
            await client.push_chunk(location, 0, large[:400_000])
            await registry.local("PUT", "scans", {"repository": client.repository, "never": True})
            await registry.restart()
            assert await client.pull("1.0.0") == [layer]
            assert (await client.send("GET", "tags/list")).body["tags"] == ["1.0.0"]
            assert (await client.send("GET", location)).headers["Range"] == "0-399999"
            done = await client.send("PUT", f"{location}?digest={digest_of(large)}", large[400_000:])
            assert done.status == 201
            assert (await client.send("GET", done.headers["Location"])).content == large
            kept = await registry.local("GET", "scans")
            assert (kept["scanned"], kept["injected"][0]["never"]) == ([], True)
            await registry.local("DELETE", "scans")
            scanned = (await registry.local("GET", "scans"))["scanned"]
            assert [scan["digest"] for scan in scanned] == [digest]
    finally:
        await registry.stop()
