"""What every `PackageFeed` keeps to."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from adapters.azure_devops import PersonalAccessToken
from adapters.memory.package_feed import MemoryPackageFeed
from adapters.nuget_package import normalized
from adapters.package_feed import NuGetFeed
from domain.kernel.errors import Rejected, Unavailable
from domain.kernel.work import Partition
from domain.ports import PackageFeed
from tests import azure_devops as emulator_fixtures
from tests.azure_devops import AzureDevOpsEmulator
from tests.packages import nupkg, zipped

azure_devops = emulator_fixtures.azure_devops


class Feeds:
    """Feeds, and what their network does."""

    def __init__(self, port: PackageFeed, emulator: AzureDevOpsEmulator | None = None) -> None:
        self.port, self.emulator = port, emulator

    async def lose_answer(self) -> None:
        """The next publication has its effect, but its answer doesn't arrive."""
        if isinstance(self.port, MemoryPackageFeed):
            self.port.lose_answer("publish")
        else:
            assert self.emulator is not None
            await self.emulator.fault("cut-after-commit", "PUT", "/nuget/v2")

    async def count(self, partition: Partition, feed: str, package_id: str) -> int:
        """How many versions of a package there are."""
        if isinstance(self.port, MemoryPackageFeed):
            all_of = self.port.packages(partition, feed)
            return sum(one.package_id.lower() == package_id.lower() for one in all_of)
        assert self.emulator is not None
        base = f"{partition.tenant_id}/{partition.project_id}/_packaging/{feed}/nuget/v3/flat2"
        found = await self.emulator.request("GET", f"{base}/{package_id.lower()}/index.json")
        return len(found["versions"])


@pytest.fixture
async def nuget_feeds(azure_devops: AzureDevOpsEmulator) -> AsyncIterator[Feeds]:
    template = f"{azure_devops.url_template}/_packaging/{{feed}}/nuget/v3/index.json"
    port = NuGetFeed(PersonalAccessToken(azure_devops.pat), template)
    yield Feeds(port, azure_devops)
    await port.close()
    # A fault that never fired has tested nothing.
    assert await azure_devops.unspent_faults() == []


@pytest.fixture(params=["memory", "nuget"])
def feeds(request: pytest.FixtureRequest) -> Feeds:
    """Each test that asks for it runs twice."""
    if request.param == "memory":
        return Feeds(MemoryPackageFeed())
    found: Feeds = request.getfixturevalue("nuget_feeds")
    return found


ID = "Shop.Orders"


async def test_a_published_package_is_found_with_the_checksum_of_its_bytes(
    feeds: Feeds, partition: Partition
) -> None:
    assert await feeds.port.package(partition, "main", ID, "1.2.3") is None
    content = nupkg(ID, "1.2.3")
    made = await feeds.port.publish(partition, "main", ID, "1.2.3", content)
    assert (made.package_id, made.version) == (ID, "1.2.3")
    assert made.sha512 == hashlib.sha512(content).hexdigest()
    assert made.published_at is not None
    assert abs(made.published_at - datetime.now(UTC)) < timedelta(minutes=1)
    for _ in range(2):
        assert await feeds.port.package(partition, "main", ID, "1.2.3") == made
    assert await feeds.port.package(partition, "main", ID, "1.2.4") is None
    assert await feeds.port.package(partition, "main", "Shop.Order", "1.2.3") is None


async def test_publishing_twice_is_one_publication(feeds: Feeds, partition: Partition) -> None:
    content = nupkg(ID, "1.2.3")
    first = await feeds.port.publish(partition, "main", ID, "1.2.3", content)
    assert await feeds.port.publish(partition, "main", ID, "1.2.3", content) == first
    assert await feeds.count(partition, "main", ID) == 1


async def test_other_bytes_of_a_version_are_refused_and_change_nothing(
    feeds: Feeds, partition: Partition
) -> None:
    first = await feeds.port.publish(partition, "main", ID, "1.2.3", nupkg(ID, "1.2.3"))
    other = nupkg(ID, "1.2.3", b"another one")
    for _ in range(2):
        with pytest.raises(
            Rejected, match=r"^package Shop\.Orders 1\.2\.3 exists in feed main with other content$"
        ):
            await feeds.port.publish(partition, "main", ID, "1.2.3", other)
    assert await feeds.port.package(partition, "main", ID, "1.2.3") == first


async def test_a_lost_answer_makes_no_second_publication(feeds: Feeds, partition: Partition) -> None:
    await feeds.lose_answer()
    content = nupkg(ID, "1.2.3")
    try:
        made = await feeds.port.publish(partition, "main", ID, "1.2.3", content)
    except Unavailable:
        made = await feeds.port.publish(partition, "main", ID, "1.2.3", content)
    assert made.sha512 == hashlib.sha512(content).hexdigest()
    assert await feeds.count(partition, "main", ID) == 1


async def test_concurrent_twins_publish_once(feeds: Feeds, partition: Partition) -> None:
    content = nupkg(ID, "1.2.3")
    twins = (feeds.port.publish(partition, "main", ID, "1.2.3", content) for _ in range(4))
    made = await asyncio.gather(*twins)
    assert len(set(made)) == 1
    assert await feeds.count(partition, "main", ID) == 1


async def test_of_concurrent_publishers_of_different_bytes_one_wins(
    feeds: Feeds, partition: Partition
) -> None:
    contents = [nupkg(ID, "1.2.3", f"text {n}".encode()) for n in range(4)]
    made = await asyncio.gather(
        *(feeds.port.publish(partition, "main", ID, "1.2.3", content) for content in contents),
        return_exceptions=True,
    )
    assert sum(isinstance(one, Rejected) for one in made) == 3


@pytest.mark.parametrize(
    ("published", "asked"),
    [
        ("1.2.3-Beta.1", "1.2.3-beta.1"),
        ("1.2.3+build.7", "1.2.3"),
        ("1.2", "1.2.0"),
        ("1.2.3.0", "1.2.3"),
        ("1.02.3", "1.2.3"),
        ("1.2.3.4-rc.1+x", "1.2.3.4-RC.1"),
    ],
)
async def test_versions_that_nuget_takes_for_one_are_one(
    feeds: Feeds, partition: Partition, published: str, asked: str
) -> None:
    content = nupkg(ID, published)
    made = await feeds.port.publish(partition, "main", ID, published, content)
    assert made.version == normalized(published) == normalized(asked)
    assert await feeds.port.package(partition, "main", ID.upper(), asked) is not None
    with pytest.raises(Rejected, match="exists in feed main with other content"):
        await feeds.port.publish(partition, "main", ID, asked, nupkg(ID, asked, b"another one"))


async def test_projects_and_feeds_never_meet(feeds: Feeds, partition: Partition) -> None:
    await feeds.port.publish(partition, "main", ID, "1.0.0", nupkg(ID, "1.0.0"))
    others = [Partition(f"{partition.tenant_id}-b", "shop"), Partition(partition.tenant_id, "books")]
    for other in others:
        assert await feeds.port.package(other, "main", ID, "1.0.0") is None
        await feeds.port.publish(other, "main", ID, "1.0.0", nupkg(ID, "1.0.0", str(other).encode()))
    assert await feeds.port.package(partition, "second", ID, "1.0.0") is None


WHOLE = nupkg(ID, "1.2.3")
NO_TYPES = zipped({f"{ID}.nuspec": b"<package/>"})
TYPED = {"[Content_Types].xml": b"<Types/>"}
BOMB = b"<!DOCTYPE x [<!ENTITY a 'aaaa'>]><package><metadata><id>&a;</id></metadata></package>"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is not a NuGet package"),
        (b"hello", "is not a NuGet package"),
        (WHOLE[: len(WHOLE) // 2], "is not a NuGet package"),
        (NO_TYPES, r"has no \[Content_Types\]\.xml"),
        (zipped(TYPED), "has no .nuspec of its own"),
        (zipped({**TYPED, f"lib/{ID}.nuspec": b"<package/>"}), "has no .nuspec of its own"),
        (zipped({**TYPED, "a.nuspec": b"<a/>", "b.nuspec": b"<b/>"}), "has no .nuspec of its own"),
        (zipped({**TYPED, "a.nuspec": b"<package"}), "is not XML"),
        (zipped({**TYPED, "a.nuspec": b"<package/>"}), "lacks an id or a version"),
        (zipped({**TYPED, "a.nuspec": BOMB}), "has a document type"),
        (zipped({**TYPED, "a.nuspec": b" " * (2**20 + 1)}), "is too large"),
        (nupkg("Shop.Other", "1.2.3"), r"is package Shop\.Other 1\.2\.3, not Shop\.Orders 1\.2\.3"),
        (nupkg(ID, "1.2.4"), r"is package Shop\.Orders 1\.2\.4, not Shop\.Orders 1\.2\.3"),
    ],
)
async def test_what_is_not_that_package_is_refused(
    feeds: Feeds, partition: Partition, content: bytes, sentence: str
) -> None:
    for _ in range(2):
        with pytest.raises(Rejected, match=sentence):
            await feeds.port.publish(partition, "main", ID, "1.2.3", content)
    assert await feeds.port.package(partition, "main", ID, "1.2.3") is None


@pytest.mark.parametrize("version", ["", "1", "v1.2.3", "1.2.3-", "1.2.3/..", "1.2.3-a..b", "1.2.3 "])
async def test_what_is_no_version_is_refused(feeds: Feeds, partition: Partition, version: str) -> None:
    with pytest.raises(Rejected, match="is not a package version"):
        await feeds.port.package(partition, "main", ID, version)


@pytest.mark.parametrize("package_id", ["", "..", "a/b", "a b", "-a", "x" * 101])
async def test_what_is_no_package_id_is_refused(feeds: Feeds, partition: Partition, package_id: str) -> None:
    with pytest.raises(Rejected, match="is not the id of a package"):
        await feeds.port.package(partition, package_id=package_id, feed="main", version="1.0.0")
