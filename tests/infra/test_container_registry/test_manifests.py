"""Manifests by tag and by digest, and the listings over them."""

from __future__ import annotations

import asyncio
import json
import os

import pytest

from tests.infra.container_registry_fixture import RunningRegistry
from tests.infra.oci_client import INDEX, MANIFEST, OciClient, descriptor, digest_of, manifest

DOCKER = "application/vnd.docker.distribution.manifest.v2+json"


async def test_an_image_is_pulled_by_tag_and_by_digest_as_it_was_pushed(client: OciClient) -> None:
    layers = [os.urandom(300_000), b"", b"small"]
    digest = await client.push_image("1.0.0", *layers)
    assert await client.pull("1.0.0") == layers
    assert await client.pull(digest) == layers
    head = await client.send("HEAD", "manifests/1.0.0")
    assert (head.headers["Docker-Content-Digest"], head.headers["Content-Type"]) == (digest, MANIFEST)


async def test_a_manifest_with_a_missing_part_is_refused(client: OciClient) -> None:
    config = b"{}"
    await client.push_blob(config)
    refused = await client.push_manifest(manifest(config, b"never pushed"), "v1")
    assert (refused.status, refused.code) == (400, "MANIFEST_BLOB_UNKNOWN")
    assert refused.body["errors"][0]["detail"] == {"digests": [digest_of(b"never pushed")]}
    missing = manifest(config)
    index = json.dumps({"schemaVersion": 2, "manifests": [descriptor(missing, MANIFEST)]}).encode()
    assert (await client.push_manifest(index, "v1", INDEX)).code == "MANIFEST_BLOB_UNKNOWN"
    assert (await client.send("GET", "manifests/v1")).code == "MANIFEST_UNKNOWN"


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"no json", MANIFEST),
        (b'{"schemaVersion": 1}', MANIFEST),
        (b'{"schemaVersion": 2}', MANIFEST),
        (b'{"schemaVersion": 2, "manifests": []}', "text/plain"),
        (b'{"schemaVersion": 2, "manifests": [{"digest": "sha256:1", "size": 1}]}', INDEX),
        (manifest(b"{}"), DOCKER),
    ],
)
async def test_what_is_no_manifest_is_refused(client: OciClient, content: bytes, media_type: str) -> None:
    await client.push_blob(b"{}")
    refused = await client.push_manifest(content, "v1", media_type)
    assert (refused.status, refused.code) == (400, "MANIFEST_INVALID")


async def test_a_manifest_pushed_by_digest_must_have_it(client: OciClient) -> None:
    config = b"{}"
    await client.push_blob(config)
    content = manifest(config)
    assert (await client.push_manifest(content, digest_of(b"other"))).code == "DIGEST_INVALID"
    for algorithm in ("sha256", "sha512"):
        digest = digest_of(content, algorithm)
        assert (await client.push_manifest(content, digest)).headers["Docker-Content-Digest"] == digest
        assert (await client.send("GET", f"manifests/{digest}")).content == content
    assert (await client.push_manifest(content, "-no-tag")).code == "TAG_INVALID"
    assert (await client.push_manifest(content + b" " * 4 * 1024 * 1024, "v1")).status == 413


async def test_docker_manifests_and_indexes_are_taken_too(client: OciClient) -> None:
    config = b"{}"
    await client.push_blob(config)
    image = manifest(config, mediaType=DOCKER)
    assert (await client.push_manifest(image, digest_of(image), DOCKER)).status == 201
    index = json.dumps(
        {"schemaVersion": 2, "mediaType": INDEX, "manifests": [descriptor(image, DOCKER)]}
    ).encode()
    assert (await client.push_manifest(index, "v1", INDEX)).status == 201
    found = await client.send("GET", "manifests/v1")
    assert (found.content, found.headers["Content-Type"]) == (index, INDEX)


async def test_a_tag_moves_and_the_image_before_stays_reachable_by_digest(client: OciClient) -> None:
    before = await client.push_image("latest", b"one")
    after = await client.push_image("latest", b"two")
    assert await client.pull("latest") == [b"two"]
    assert await client.pull(before) == [b"one"]
    assert before != after


async def test_of_two_pushes_of_one_tag_the_tag_is_one_whole_image(client: OciClient) -> None:
    contents = [os.urandom(50_000) for _ in range(6)]
    digests = await asyncio.gather(*(client.push_image("latest", content) for content in contents))
    tagged = (await client.send("GET", "manifests/latest")).headers["Docker-Content-Digest"]
    assert await client.pull("latest") == [contents[digests.index(tagged)]]
    assert [await client.pull(digest) for digest in digests] == [[content] for content in contents]


async def test_deleting_a_tag_keeps_the_image_and_deleting_the_image_takes_its_tags(
    client: OciClient,
) -> None:
    digest = await client.push_image("1.0.0", b"code")
    await client.push_image("stable", b"code")
    await client.push_image("other", b"other code")
    assert (await client.send("DELETE", "manifests/1.0.0")).status == 202
    assert await client.pull(digest) == [b"code"]
    assert (await client.send("DELETE", f"manifests/{digest}")).status == 202
    assert (await client.send("GET", "tags/list")).body["tags"] == ["other"]
    assert (await client.send("GET", "manifests/stable")).code == "MANIFEST_UNKNOWN"
    assert (await client.send("DELETE", f"manifests/{digest}")).code == "MANIFEST_UNKNOWN"


async def test_tags_come_in_pages_that_link_to_the_next(client: OciClient) -> None:
    assert (await client.send("GET", "tags/list")).code == "NAME_UNKNOWN"
    for tag in ("c", "a", "e", "b", "d"):
        await client.push_image(tag, b"code")
    assert (await client.send("GET", "tags/list")).body["tags"] == ["a", "b", "c", "d", "e"]
    seen, url = [], "tags/list?n=2"
    while url:
        page = await client.send("GET", url)
        seen.append(page.body["tags"])
        url = page.headers.get("Link", "").partition(">")[0].removeprefix("<")
    assert seen == [["a", "b"], ["c", "d"], ["e"]]
    assert (await client.send("GET", "tags/list?n=0")).body["tags"] == []
    assert (await client.send("GET", "tags/list?n=two")).code == "PAGINATION_NUMBER_INVALID"


async def test_the_catalogue_has_repositories_with_images(
    registry: RunningRegistry, client: OciClient
) -> None:
    empty = client.of(registry.repository())
    await empty.push_blob(b"no image")
    digest = await client.push_image("v1", b"code")

    async def listed() -> list[str]:
        names, url = [], "/v2/_catalog?n=1"
        while url:
            page = await client.send("GET", url)
            names += page.body["repositories"]
            url = page.headers.get("Link", "").partition(">")[0].removeprefix("<")
        return names

    names = await listed()
    assert client.repository in names and empty.repository not in names
    assert names == sorted(names)
    await client.send("DELETE", f"manifests/{digest}")
    assert client.repository not in await listed()


async def test_referrers_are_found_by_their_subject_also_before_it_is_pushed(client: OciClient) -> None:
    image = manifest(b"{}", b"code")
    subject = {"subject": descriptor(image, MANIFEST)}
    await client.push_blob(b"{}")
    signature = manifest(b"{}", **subject, artifactType="application/x.signature", annotations={"by": "us"})
    bill = manifest(b"{}", **subject, artifactType="application/x.sbom")
    for content in (signature, bill):
        pushed = await client.push_manifest(content, digest_of(content))
        assert pushed.headers["OCI-Subject"] == digest_of(image)
    found = await client.send("GET", f"referrers/{digest_of(image)}")
    assert found.headers["Content-Type"].startswith(INDEX)
    assert {item["digest"] for item in found.body["manifests"]} == {digest_of(signature), digest_of(bill)}
    some = await client.send("GET", f"referrers/{digest_of(image)}?artifactType=application/x.signature")
    assert some.headers["OCI-Filters-Applied"] == "artifactType"
    [shown] = some.body["manifests"]
    assert (shown["annotations"], shown["size"]) == ({"by": "us"}, len(signature))
    assert (await client.send("GET", f"referrers/{digest_of(b'x')}")).body["manifests"] == []
