"""What a release still lacks before it may be promoted: one condition at a time."""

import pytest

from domain.devops.packaging.container_image import ContainerImage, ScanState
from domain.devops.packaging.package_publication import PackagePublication, PublicationStatus
from domain.devops.release.readiness import (
    Condition,
    evidence_of,
    readiness_of,
    require_promotable,
)
from domain.devops.release.release_plan import ReleasePlan
from domain.kernel.actor import Actor
from domain.kernel.errors import Rejected
from domain.kernel.work import Lookup
from tests.domain.devops.release.given import (
    ADA,
    ALAN,
    GRACE,
    a_release,
    again,
    configure,
    decided,
    image,
    on_path,
    publication,
    store,
)
from tests.domain.world import World

CLEAN: dict[str, object] = {
    "scanned_at": "2026-06-11T18:00:00Z",
    "state": ScanState.PASSED,
    "failing_severity": "High",
}
FOUND: dict[str, object] = CLEAN | {
    "state": ScanState.FAILED,
    "findings": [{"finding_id": "CVE-2026-1", "severity": "Critical", "exempt": False}],
}


async def conditions_of(world: World, release: ReleasePlan) -> list[Condition]:
    plan = await again(world, release)
    return await readiness_of(plan, Lookup(world.store, world.partition), world.clock.now())


async def unmet(world: World, release: ReleasePlan) -> list[str]:
    return [one.sentence for one in await conditions_of(world, release) if not one.met]


async def produced(world: World, scan: dict[str, object] | None = None) -> None:
    await store(world, publication(world), image(world, scan_result=scan or CLEAN))


async def test_a_release_that_has_everything_may_be_promoted(world: World) -> None:
    release = await a_release(world)
    await produced(world)
    await decided(world, release, GRACE)
    found = await conditions_of(world, release)
    assert [(one.name, one.met) for one in found] == [
        ("buildSuccessful", True),
        ("notRejected", True),
        ("notExpired", True),
        ("approvals", True),
        ("approved", True),
        ("packagePublished", True),
        ("imageScanPassed", True),
    ]
    evidence = await evidence_of(await again(world, release), Lookup(world.store, world.partition))
    require_promotable(evidence, world.clock.now())


async def test_a_refused_promotion_names_everything_that_is_missing(world: World) -> None:
    groups = [{"name": "owners", "members": [ALAN.name]}]
    approvals = {"required_approvals": 2, "groups": [{"group": "owners"}], "required_approvers": [ALAN.name]}
    await configure(world, environments=on_path("dev", **approvals), groups=groups)
    release = await a_release(world)
    await decided(world, release, GRACE)
    evidence = await evidence_of(await again(world, release), Lookup(world.store, world.partition))
    with pytest.raises(Rejected) as no:
        require_promotable(evidence, world.clock.now())
    assert no.value.sentence.split("; ") == [
        "1 of 2 required approvals by different persons given",
        "0 of 1 required approvals of group owners given",
        f"required approver {ALAN.name} has not approved yet",
        f"release {release.release_id} has not been approved",
        "package Reservations.Client 1.4.0 is not published",
        "image reservations-api:1.4.0 has not been found in the registry",
    ]


async def test_an_image_whose_scan_nobody_has_seen_is_not_promoted(world: World) -> None:
    release = await a_release(world)
    await store(world, publication(world), image(world))
    await decided(world, release, GRACE)
    (sentence,) = await unmet(world, release)
    assert "has not been scanned for vulnerabilities yet" in sentence


async def test_an_image_that_failed_its_scan_is_not_promoted(world: World) -> None:
    release = await a_release(world)
    await produced(world, FOUND)
    await decided(world, release, GRACE)
    (sentence,) = await unmet(world, release)
    assert "has not passed its vulnerability scan: CVE-2026-1 (Critical)" in sentence


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"status": PublicationStatus.REFUSED, "problem": "the feed is read-only"}, "the feed is read-only"),
        ({"content_sha256": "d" * 64}, "is published with other content than this build's"),
    ],
)
async def test_a_package_must_be_published_as_this_build_made_it(
    world: World, changes: dict[str, object], said: str
) -> None:
    release = await a_release(world)
    await store(world, publication(world, **changes), image(world, scan_result=CLEAN))
    await decided(world, release, GRACE)
    (sentence,) = await unmet(world, release)
    assert said in sentence


async def test_a_rejected_release_is_not_promoted(world: World) -> None:
    release = await a_release(world)
    await decided(world, release, GRACE, decision="Rejected")
    missing = await unmet(world, release)
    assert f"release {release.release_id} was rejected" in missing
    assert not any("approval" in sentence for sentence in missing), "none would help"


async def test_an_expired_release_is_not_promoted(world: World) -> None:
    release = await a_release(world)
    world.clock.step(72 * 3600)
    expired = f"release {release.release_id} was not approved within 72 hours and has expired"
    assert expired in await unmet(world, release)


async def test_two_approvers_who_turn_out_to_be_one_count_once(world: World) -> None:
    environments = on_path("dev", required_approvals=2)
    await configure(world, environments=environments)
    release = await a_release(world)
    await produced(world)
    await decided(world, release, GRACE)
    await decided(world, release, Actor("g.hopper"))
    assert await unmet(world, release) == []
    identities = [{"name": GRACE.name, "aliases": ["g.hopper"]}]
    await configure(world, environments=environments, identities=identities)
    assert await unmet(world, release) == ["1 of 2 required approvals by different persons given"]


async def test_an_approver_who_turns_out_to_be_the_planner_does_not_count(world: World) -> None:
    release = await a_release(world)
    await produced(world)
    await decided(world, release, Actor("a.lovelace"))
    assert await unmet(world, release) == []
    await configure(world, identities=[{"name": ADA.name, "aliases": ["a.lovelace"]}])
    assert await unmet(world, release) == ["0 of 1 required approval given"]


async def test_what_is_recorded_of_another_project_does_not_count(world: World) -> None:
    release = await a_release(world)
    await produced(world)
    plan = await again(world, release)
    elsewhere = Lookup(world.store, type(world.partition)("contoso", world.partition.project_id))
    found = await readiness_of(plan, elsewhere, world.clock.now())
    assert [one.sentence for one in found if one.name == "buildSuccessful"] == [
        f"build {release.build_result_id} is not recorded"
    ]
    assert not any(one.met for one in found if one.name in ("packagePublished", "imageScanPassed"))


def test_what_a_project_produces_is_found_by_what_names_it(world: World) -> None:
    here, there = world.partition, type(world.partition)("contoso", world.partition.project_id)
    assert PackagePublication.id_for(here, "f", "P", "1.0.0") == PackagePublication.id_for(
        here, "F", "p", "1.0.0"
    )
    assert ContainerImage.id_for(here, "r", "d") != ContainerImage.id_for(there, "r", "d")
