"""Blobs go in at once, in chunks or by mounting, and come out byte for byte."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.infra.container_registry_fixture import RunningRegistry
from tests.infra.oci_client import OciClient, digest_of
from tests.infra.test_azure_devops.client import eventually

CONTENT = os.urandom(700_000)


async def test_a_client_without_credentials_is_challenged(client: OciClient) -> None:
    refused = await client.send("GET", "/v2/", Authorization="Basic eDp5")
    assert (refused.status, refused.code) == (401, "UNAUTHORIZED")
    assert refused.headers["WWW-Authenticate"].startswith("Basic realm=")
    welcome = await client.send("GET", "/v2/")
    assert (welcome.status, welcome.headers["Docker-Distribution-Api-Version"]) == (200, "registry/2.0")


async def test_a_blob_comes_back_as_it_was_pushed(client: OciClient) -> None:
    digest = await client.push_blob(CONTENT)
    got = await client.send("GET", f"blobs/{digest}")
    assert (got.content, got.headers["Docker-Content-Digest"]) == (CONTENT, digest)
    head = await client.send("HEAD", f"blobs/{digest}")
    assert (head.status, head.headers["Content-Length"]) == (200, str(len(CONTENT)))
    part = await client.send("GET", f"blobs/{digest}", Range="bytes=100-299")
    assert (part.status, part.content) == (206, CONTENT[100:300])
    assert part.headers["Content-Range"] == f"bytes 100-299/{len(CONTENT)}"
    beyond = await client.send("GET", f"blobs/{digest}", Range=f"bytes={len(CONTENT)}-")
    assert beyond.status == 416


async def test_a_blob_goes_in_with_one_post_and_also_by_sha512(client: OciClient) -> None:
    digest = digest_of(CONTENT, "sha512")
    done = await client.send("POST", f"blobs/uploads/?digest={digest}", CONTENT)
    assert (done.status, done.headers["Docker-Content-Digest"]) == (201, digest)
    assert (await client.send("GET", done.headers["Location"])).content == CONTENT


async def test_chunks_follow_each_other_and_anything_else_is_416(client: OciClient) -> None:
    location = await client.begin()
    first = await client.push_chunk(location, 0, CONTENT[:300_000])
    assert (first.status, first.headers["Range"]) == (202, "0-299999")
    for offset in (0, 300_001):
        refused = await client.push_chunk(location, offset, CONTENT[300_000:400_000])
        assert (refused.status, refused.headers["Range"]) == (416, "0-299999")
    asked = await client.send("GET", location)
    assert (asked.status, asked.headers["Range"]) == (204, "0-299999")
    await client.push_chunk(asked.headers["Location"], 300_000, CONTENT[300_000:500_000])
    done = await client.send("PUT", f"{location}?digest={digest_of(CONTENT)}", CONTENT[500_000:])
    assert done.status == 201
    assert (await client.send("GET", done.headers["Location"])).content == CONTENT
    assert (await client.send("GET", location)).code == "BLOB_UPLOAD_UNKNOWN"


async def test_a_chunk_of_another_length_than_announced_leaves_nothing(client: OciClient) -> None:
    location = await client.begin()
    refused = await client.send("PATCH", location, b"12345", Content_Range="0-9")
    assert (refused.status, refused.code) == (400, "SIZE_INVALID")
    assert (await client.send("GET", location)).headers["Range"] == "0-0"
    whole = await client.send("PUT", f"{location}?digest={digest_of(b'67890')}", b"67890")
    assert whole.status == 201


async def test_a_wrong_digest_is_refused_and_nothing_is_kept(client: OciClient) -> None:
    wrong = digest_of(b"other")
    refused = await client.send("PUT", f"{await client.begin()}?digest={wrong}", CONTENT)
    assert (refused.status, refused.code) == (400, "DIGEST_INVALID")
    assert (await client.send("GET", f"blobs/{wrong}")).code == "BLOB_UNKNOWN"
    for malformed in ("sha256:abc", "md5:" + "0" * 32, "sha256:" + "A" * 64):
        refused = await client.send("POST", f"blobs/uploads/?digest={malformed}", b"x")
        assert refused.code == "DIGEST_INVALID"


async def test_a_cancelled_upload_is_gone(client: OciClient) -> None:
    location = await client.begin()
    assert (await client.send("DELETE", location)).status == 204
    assert (await client.push_chunk(location, 0, b"x")).code == "BLOB_UPLOAD_UNKNOWN"


async def test_a_blob_is_seen_in_its_repository_only_until_it_is_mounted(
    registry: RunningRegistry, client: OciClient
) -> None:
    digest = await client.push_blob(CONTENT)
    other = client.of(registry.repository())
    assert (await other.send("HEAD", f"blobs/{digest}")).status == 404
    mounted = await other.send("POST", f"blobs/uploads/?mount={digest}&from={client.repository}")
    assert mounted.status == 201
    assert (await other.send("GET", f"blobs/{digest}")).content == CONTENT
    unknown = digest_of(b"never pushed")
    begun = await other.send("POST", f"blobs/uploads/?mount={unknown}&from={client.repository}")
    assert (begun.status, "/blobs/uploads/" in begun.headers["Location"]) == (202, True)


async def test_deleting_a_blob_leaves_it_in_other_repositories(
    registry: RunningRegistry, client: OciClient
) -> None:
    digest = await client.push_blob(CONTENT)
    other = client.of(registry.repository())
    await other.send("POST", f"blobs/uploads/?mount={digest}&from={client.repository}")
    assert (await client.send("DELETE", f"blobs/{digest}")).status == 202
    assert (await client.send("DELETE", f"blobs/{digest}")).code == "BLOB_UNKNOWN"
    assert (await other.send("GET", f"blobs/{digest}")).content == CONTENT


async def test_a_chunk_waits_for_the_one_that_is_still_arriving(client: OciClient) -> None:
    location = await client.begin()
    more = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield CONTENT[:100_000]
        await more.wait()
        yield CONTENT[100_000:]

    async def arrived() -> str:
        return (await client.send("GET", location)).headers["Range"]

    first = asyncio.create_task(client.send("PATCH", location, slowly()))
    await eventually(arrived, lambda seen: seen == "0-99999")
    second = asyncio.create_task(client.push_chunk(location, 100_000, b"in between"))
    done, _ = await asyncio.wait({second}, timeout=0.2)
    assert not done
    more.set()
    assert ((await first).status, (await second).status) == (202, 416)
    assert (await client.send("PUT", f"{location}?digest={digest_of(CONTENT)}")).status == 201


async def test_after_a_chunk_that_broke_off_the_client_goes_on_where_it_ended(client: OciClient) -> None:
    location = await client.begin()

    async def broken() -> AsyncIterator[bytes]:
        yield CONTENT[:100_000]
        await eventually(arrived, lambda seen: seen == "0-99999")
        raise ConnectionError("the network is gone")

    async def arrived() -> str:
        return (await client.send("GET", location)).headers["Range"]

    with pytest.raises(aiohttp.ClientError):
        await client.send("PATCH", location, broken())
    assert await arrived() == "0-99999"
    done = await client.send("PUT", f"{location}?digest={digest_of(CONTENT)}", CONTENT[100_000:])
    assert done.status == 201


@pytest.mark.parametrize("name", ["Upper/case", "a//b", "a/-b", "a..b", "a___b", "x" * 256])
async def test_a_name_outside_the_grammar_is_refused(client: OciClient, name: str) -> None:
    refused = await client.send("POST", f"/v2/{name}/blobs/uploads/")
    assert (refused.status, refused.code) == (400, "NAME_INVALID")
