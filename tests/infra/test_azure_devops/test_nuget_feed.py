"""The package service's NuGet feeds, as a client that publishes and restores sees them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import uuid
from pathlib import Path

import aiohttp
import pytest

from tests.infra.test_azure_devops.client import ORG, Project, Running
from tests.infra.test_azure_devops.nuget_client import Feed
from tests.packages import nupkg


@pytest.fixture
def feed(project: Project) -> Feed:
    return Feed(project.server, f"/{ORG}/{project.name}/_packaging/platform")


async def test_a_published_package_is_served_byte_for_byte(feed: Feed) -> None:
    # Line breaks and dashes in the bytes must not be taken for the end of a part.
    content = nupkg("Acme.Billing", "1.2.0", b"\r\n--x\r\n\r\n--\n\r")
    assert (await feed.put(content)).status == 202
    assert (await feed.download("Acme.Billing", "1.2.0")).body == content
    assert await feed.versions("Acme.Billing") == ["1.2.0"]
    nuspec = await feed.get("PackageBaseAddress/3.0.0", "acme.billing/1.2.0/acme.billing.nuspec")
    assert b"<id>Acme.Billing</id>" in nuspec.body


async def test_a_registration_tells_the_hash_and_where_the_content_is(feed: Feed) -> None:
    content = nupkg("Acme.Billing", "1.2.0-RC.1+build.7")
    await feed.put(content)
    [entry] = await feed.entries("Acme.Billing")
    assert (entry["id"], entry["version"], entry["listed"]) == ("Acme.Billing", "1.2.0-RC.1+build.7", True)
    assert entry["packageHash"] == base64.b64encode(hashlib.sha512(content).digest()).decode()
    assert entry["packageHashAlgorithm"] == "SHA512"
    path = entry["packageContent"].removeprefix(feed.server.url)
    assert path.endswith("/acme.billing/1.2.0-rc.1/acme.billing.1.2.0-rc.1.nupkg")
    assert (await feed.server.call("GET", path, version=None)).body == content
    leaf = await feed.get("RegistrationsBaseUrl/3.6.0", "acme.billing/1.2.0-rc.1.json")
    assert leaf.body["catalogEntry"] == entry


@pytest.mark.parametrize("again", ["1.0.0", "1.0", "1.0.0.0", "01.0.0", "1.0.0+build.2"])
async def test_a_version_is_taken_however_it_is_written(feed: Feed, again: str) -> None:
    first = nupkg("Acme.Billing", "1.0.0", b"first")
    assert (await feed.put(first)).status == 202
    refused = await feed.put(nupkg("ACME.billing", again, b"second"))
    assert (refused.status, refused.type_key) == (409, "PackageAlreadyExistsException")
    assert (await feed.download("Acme.Billing", "1.0.0")).body == first


async def test_an_unlisted_version_can_be_restored_but_not_found_nor_published_again(feed: Feed) -> None:
    content = nupkg("Acme.Billing", "1.0.0")
    await feed.put(content)
    assert await feed.change("DELETE", "Acme.Billing", "1.0.0") == 204
    assert await feed.search("?q=billing") == []
    assert [entry["listed"] for entry in await feed.entries("Acme.Billing")] == [False]
    assert (await feed.download("Acme.Billing", "1.0.0")).body == content
    assert (await feed.put(content)).status == 409
    assert await feed.change("POST", "Acme.Billing", "1.0.0") == 200
    assert [found["id"] for found in await feed.search("?q=billing")] == ["Acme.Billing"]


async def test_a_deleted_version_is_gone_and_stays_taken(project: Project, feed: Feed) -> None:
    content = nupkg("Acme.Billing", "1.0.0")
    await feed.put(content)
    path = "packaging/feeds/platform/nuget/packages/acme.billing/versions/1.0.0"
    assert (await project.call("DELETE", path)).status == 202
    assert await feed.versions("Acme.Billing") == []
    assert (await feed.download("Acme.Billing", "1.0.0")).status == 404
    assert (await feed.put(content)).status == 409
    assert await feed.change("DELETE", "Acme.Billing", "1.0.0") == 404


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no zip", "not a valid zip"),
        (nupkg("Acme", "1.0.0")[:-30], "not a valid zip"),
        (nupkg("Acme", "1.0.0", without=(".nuspec",)), "one .nuspec"),
        (nupkg("Acme", "1.0.0", without=(".xml",)), "[Content_Types].xml"),
        (nupkg("Ac me", "1.0.0"), "package id"),
        (nupkg("Acme", "one"), "version"),
        (nupkg("Acme", "1.0.0-"), "version"),
        (nupkg("Acme", "1.0.0-a..b"), "version"),
        (nupkg("Acme", "1.0.0.0.0"), "version"),
        (nupkg("Acme", "</version>"), "XML"),
    ],
)
async def test_what_is_no_package_is_refused_with_the_reason(feed: Feed, content: bytes, reason: str) -> None:
    refused = await feed.put(content)
    assert refused.status == 400
    assert reason in refused.body["message"]


async def test_publishing_needs_a_key_a_caller_and_a_multipart_body(feed: Feed) -> None:
    content = nupkg("Acme.Billing", "1.0.0")
    assert (await feed.put(content, key=None)).status == 400
    assert (await feed.put(content, Authorization="Basic eDp5")).status == 401
    url = feed.server.url + await feed.resource("PackagePublish/2.0.0")
    headers = {"Authorization": aiohttp.encode_basic_auth("", feed.server.pat), "X-NuGet-ApiKey": "any"}
    async with feed.server.session.put(url, data=content, headers=headers) as response:
        assert response.status == 415
    headers["Content-Type"] = "multipart/form-data; boundary=b"
    async with feed.server.session.put(url, data=b"--b\r\n\r\nunfinished", headers=headers) as response:
        assert response.status == 400
    assert await feed.versions("Acme.Billing") == []


async def test_of_publishers_of_one_version_at_once_exactly_one_wins(feed: Feed) -> None:
    # Large enough that all are being written before the first one is there.
    contents = [nupkg("Acme.Billing", "1.0.0", str(number).encode() * 1_000_000) for number in range(6)]
    statuses = [reply.status for reply in await asyncio.gather(*(feed.put(c) for c in contents))]
    assert sorted(statuses) == [202, 409, 409, 409, 409, 409]
    stored = (await feed.download("Acme.Billing", "1.0.0")).body
    assert stored == contents[statuses.index(202)]


async def test_an_answer_lost_after_the_commit_leaves_the_package_to_compare(feed: Feed) -> None:
    content = nupkg("Acme.Billing", "1.0.0")
    # Twice, as this client repeats a PUT that was cut once by itself.
    rule = {"mode": "cut-after-commit", "match": {"method": "PUT"}, "times": 2}
    await feed.server.local("POST", "faults", [rule])
    with pytest.raises(aiohttp.ClientError):
        await feed.put(content)
    assert (await feed.put(content)).status == 409
    assert (await feed.download("Acme.Billing", "1.0.0")).body == content


async def test_throttling_and_lag_reach_feeds_too(feed: Feed) -> None:
    match = {"pathRegex": "/nuget/v2/"}
    await feed.server.local("POST", "faults", [{"mode": "429", "match": match, "retryAfter": 2}])
    refused = await feed.put(nupkg("Acme.Billing", "1.0.0"))
    assert (refused.status, refused.headers["Retry-After"]) == (429, "2")
    assert (await feed.put(nupkg("Acme.Billing", "1.0.0"))).status == 202
    await feed.server.local(
        "POST", "faults", [{"mode": "lag", "delay": 60, "match": {"pathRegex": "/flat2/"}}]
    )
    assert await feed.versions("Acme.Billing") == []
    assert await feed.versions("Acme.Billing") == ["1.0.0"]


async def test_feeds_and_projects_do_not_share_packages(project: Project, feed: Feed) -> None:
    await feed.put(nupkg("Acme.Billing", "1.0.0"))
    other = Feed(project.server, f"/{ORG}/{project.name}/_packaging/another")
    organization = Feed(project.server, f"/{ORG}/_packaging/feed-{uuid.uuid4().hex}")
    for elsewhere in (other, organization):
        assert await elsewhere.versions("Acme.Billing") == []
        assert (await elsewhere.put(nupkg("Acme.Billing", "1.0.0"))).status == 202


async def test_search_answers_the_newest_listed_version(feed: Feed) -> None:
    for version in ("1.10.0", "1.9.0", "2.0.0-beta.11", "2.0.0-beta.2"):
        assert (await feed.put(nupkg("Acme.Billing", version))).status == 202
    await feed.put(nupkg("Acme.Search", "0.1.0"))
    [stable] = await feed.search("?q=acme.billing")
    assert (stable["version"], [v["version"] for v in stable["versions"]]) == ("1.10.0", ["1.9.0", "1.10.0"])
    [newest] = await feed.search("?q=acme.billing&prerelease=true")
    assert newest["version"] == "2.0.0-beta.11"
    assert [found["id"] for found in await feed.search("?skip=1&take=1")] == ["Acme.Search"]


async def test_packages_survive_a_kill(tmp_path: Path) -> None:
    server = await Running.start(tmp_path)
    content = nupkg("Acme.Billing", "1.0.0")
    assert (await Feed(server, f"/{ORG}/shop/_packaging/platform").put(content)).status == 202
    await server.kill()
    server = await Running.start(tmp_path)
    try:
        feed = Feed(server, f"/{ORG}/shop/_packaging/platform")
        assert (await feed.download("Acme.Billing", "1.0.0")).body == content
        assert (await feed.put(content)).status == 409
    finally:
        await server.stop()
