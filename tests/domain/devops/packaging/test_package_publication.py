"""Packages: published once, immutable, and refused with the feed's reason without holding the others up."""

import hashlib

import pytest

from adapters.memory.package_feed import MemoryPackageFeed
from domain.devops.packaging.package_publication import (
    PackageDependency,
    PackagePublication,
    PackagePublished,
)
from domain.kernel.errors import Rejected, Unavailable
from domain.kernel.values import timestamp
from domain.kernel.work import Partition
from tests.domain.devops.packaging.given import (
    ID,
    PACKAGE,
    VERSION,
    a_build,
    publication_of,
    recorded,
)
from tests.domain.world import World
from tests.packages import nupkg

OTHER = nupkg(ID, VERSION, b"other")
EXISTS = f"package {ID} {VERSION} exists in feed packages with other content"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def test_a_package_is_published_to_its_feed(world: World) -> None:
    build = await a_build(world, PACKAGE)
    happened = await recorded(world, build)
    publication = await publication_of(world)
    happened.only(PackagePublished)
    assert happened.envelopes[0].payload == {
        "publicationId": publication.id,
        "buildResultId": build.id,
        "packageId": ID,
        "version": VERSION,
        "feed": "packages",
        "contentSha256": sha256(PACKAGE),
        "publishedAt": timestamp(world.clock.now()),
    }
    assert (publication.status, publication.problem) == ("Published", None)
    assert publication.promotion_problem(sha256(PACKAGE)) is None
    (there,) = world.feed.packages(world.partition, "packages")
    assert (there.package_id, there.version) == (ID, VERSION)


async def test_a_package_is_published_once_however_often_it_is_looked_at(world: World) -> None:
    build = await a_build(world, PACKAGE)
    await recorded(world, build)
    state = (await publication_of(world)).state()
    assert (await recorded(world, build)).facts == ()
    assert world.feed.effects["package"] == 1
    assert (await publication_of(world)).state() == state


async def test_a_publication_whose_answer_was_lost_is_found_by_the_repeat(world: World) -> None:
    build = await a_build(world, PACKAGE)
    world.feed.lose_answer("publish")
    with pytest.raises(Unavailable):
        await recorded(world, build)
    (await recorded(world, build)).only(PackagePublished)
    assert world.feed.effects["package"] == 1


async def test_equal_bytes_that_are_in_the_feed_already_are_published(world: World) -> None:
    await world.feed.publish(world.partition, "packages", ID, VERSION, PACKAGE)
    (await recorded(world, await a_build(world, PACKAGE))).only(PackagePublished)


async def test_other_bytes_in_the_feed_refuse_it_and_the_rest_of_the_build_is_published(
    world: World,
) -> None:
    await world.feed.publish(world.partition, "packages", ID, VERSION, OTHER)
    build = await a_build(world, PACKAGE, nupkg("Reservations", VERSION))
    fact = (await recorded(world, build)).only(PackagePublished)
    assert fact.package_id == "Reservations"
    refused = await publication_of(world)
    assert (refused.status, refused.problem, refused.published_at) == ("Refused", EXISTS, None)
    assert refused.promotion_problem(sha256(PACKAGE)) == f"package {ID} {VERSION} is not published: {EXISTS}"


async def test_a_feed_that_takes_nothing_refuses_and_takes_it_later(world: World) -> None:
    world.feed.refuse(world.partition, "packages", "the feed is read-only")
    build = await a_build(world, PACKAGE)
    assert (await recorded(world, build)).facts == ()
    assert (await publication_of(world)).problem == "the feed is read-only"
    world.feed = MemoryPackageFeed(world.clock.now)
    (await recorded(world, build)).only(PackagePublished)
    assert (await publication_of(world)).problem is None


async def test_what_was_refused_of_one_build_is_not_said_to_be_what_the_next_one_published(
    world: World,
) -> None:
    world.feed.refuse(world.partition, "packages", "the feed is read-only")
    await recorded(world, await a_build(world, PACKAGE))
    world.feed = MemoryPackageFeed(world.clock.now)
    second = await a_build(world, OTHER)
    fact = (await recorded(world, second)).only(PackagePublished)
    assert (fact.build_result_id, fact.content_sha256) == (second.id, sha256(OTHER))
    publication = await publication_of(world)
    assert publication.promotion_problem(sha256(OTHER)) is None
    assert publication.promotion_problem(sha256(PACKAGE)) == (
        f"package {ID} {VERSION} is published with other content than this build's"
    )


async def test_a_later_build_with_other_bytes_of_a_published_version_changes_nothing(world: World) -> None:
    await recorded(world, await a_build(world, PACKAGE))
    state = (await publication_of(world)).state()
    assert (await recorded(world, await a_build(world, OTHER))).facts == ()
    assert (await publication_of(world)).state() == state


async def test_a_package_that_was_changed_where_it_is_stored_is_refused_and_the_others_are_published(
    world: World,
) -> None:
    build = await a_build(world, PACKAGE, nupkg("Reservations", VERSION))
    first = build.packages[0].blob
    assert first is not None
    world.blobs.damage(first.handle, OTHER)
    fact = (await recorded(world, build)).only(PackagePublished)
    assert fact.package_id == "Reservations"
    assert "its checksum is another one" in ((await publication_of(world)).problem or "")


@pytest.mark.parametrize(("field", "value"), [("version", "9.9.9"), ("content_sha256", "0" * 64)])
async def test_published_versions_are_immutable(world: World, field: str, value: str) -> None:
    await recorded(world, await a_build(world, PACKAGE))
    with pytest.raises(Rejected, match="published versions are immutable"):
        setattr(await publication_of(world), field, value)


async def test_what_a_package_depends_on_is_recorded(world: World) -> None:
    text = '<group targetFramework="net10.0"><dependency id="Npgsql" version="[9.0.0, )"/></group>'
    await recorded(world, await a_build(world, nupkg(ID, VERSION, dependencies=text)))
    assert (await publication_of(world)).dependencies == (
        PackageDependency(package_id="Npgsql", version_range="[9.0.0, )", target_framework="net10.0"),
    )


@pytest.mark.parametrize(
    ("result", "failed"), [("failed", 0), ("canceled", 0), ("succeeded", 1)], ids=["red", "canceled", "tests"]
)
async def test_a_build_that_is_not_successful_ships_nothing(world: World, result: str, failed: int) -> None:
    build = await a_build(world, PACKAGE, result=result, failed=failed)
    assert (await recorded(world, build)).facts == ()
    assert world.feed.packages(world.partition, "packages") == []


async def test_a_build_with_problems_ships_nothing(world: World) -> None:
    build = await a_build(world, PACKAGE, images=[{"tag": "1.4.0"}])
    assert len(build.packages) == len(build.problems) == 1
    assert (await recorded(world, build)).facts == ()
    assert world.feed.packages(world.partition, "packages") == []


HERE = Partition("connectsoft", "proj-booking-saas")


@pytest.mark.parametrize(
    ("feed", "package_id", "version"),
    [
        ("Packages", "reservations.client", "1.4.0-RC.1"),
        ("packages", "Reservations.Client", "1.4.0-rc.1+build.7"),
    ],
)
def test_what_nuget_takes_for_the_same_is_one_publication(feed: str, package_id: str, version: str) -> None:
    same = PackagePublication.id_for(HERE, "packages", "Reservations.Client", "1.4.0-rc.1")
    assert PackagePublication.id_for(HERE, feed, package_id, version) == same


def test_package_version_feed_and_project_each_make_another_publication() -> None:
    elsewhere = Partition("connectsoft", "proj-other")
    ids = {
        PackagePublication.id_for(partition, feed, package_id, version)
        for partition in (HERE, elsewhere)
        for feed in ("packages", "factory")
        for package_id in ("A", "B")
        for version in ("1.0.0", "1.0.0-rc.1")
    }
    assert len(ids) == 16
