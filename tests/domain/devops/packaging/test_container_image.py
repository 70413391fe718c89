"""Images: found in the registry by their digest, never taken at a build's word, scanned before they ship."""

import pytest

from domain.devops.packaging.container_image import (
    ContainerImage,
    ContainerImageBuilt,
    ObserveImage,
)
from domain.kernel.errors import Unavailable
from domain.kernel.naming import image_repository
from domain.kernel.values import timestamp
from domain.kernel.work import Partition
from tests.domain.devops.packaging.given import (
    REGISTRY,
    a_build,
    an_image,
    image_of,
    looked_at,
    problem,
    pushed,
    recorded,
)
from tests.domain.world import World

ELSEWHERE = Partition("connectsoft", "proj-other")
ABSENT = f"sha256:{'0' * 64}"


async def test_an_image_is_found_in_the_registry_by_its_digest(world: World) -> None:
    named = pushed(world)
    build = await a_build(world, images=[named])
    happened = await recorded(world, build)
    image = await image_of(world, named)
    happened.only(ContainerImageBuilt)
    assert happened.envelopes[0].payload == {
        "imageId": image.id,
        "buildResultId": build.id,
        "registry": REGISTRY,
        "repositoryName": named["repository"],
        "tag": "1.4.0",
        "digest": named["digest"],
        "builtAt": timestamp(world.clock.now()),
    }
    assert (image.status, image.problem) == ("Built", None)
    assert [layer.size for layer in image.layers] == [len(b"layer")]


async def test_an_image_is_built_once_however_often_it_is_looked_at(world: World) -> None:
    named = pushed(world)
    build = await a_build(world, images=[named])
    await recorded(world, build)
    state = (await image_of(world, named)).state()
    assert (await recorded(world, build)).facts == ()
    assert (await looked_at(world, named)).facts == ()
    assert (await image_of(world, named)).state() == state


async def test_an_image_that_the_registry_does_not_have_is_refused(world: World) -> None:
    named = pushed(world) | {"digest": ABSENT}
    assert (await recorded(world, await a_build(world, images=[named]))).facts == ()
    said = f"registry {REGISTRY} has no {ABSENT} in {named['repository']}"
    assert (await image_of(world, named)).problem == said
    name = f"image {named['repository']}:1.4.0"
    assert await problem(world, named) == f"{name} is not in the registry as built: {said}"


async def test_a_tag_that_maps_to_another_digest_is_refused(world: World) -> None:
    named = pushed(world, content=b"first")
    other = pushed(world, content=b"second")
    assert (await recorded(world, await a_build(world, images=[named]))).facts == ()
    said = f"tag 1.4.0 maps to {other['digest']} in the registry, not to {named['digest']}"
    assert (await image_of(world, named)).problem == said


async def test_a_tag_that_does_not_exist_is_refused(world: World) -> None:
    named = pushed(world) | {"tag": "9.9.9"}
    await recorded(world, await a_build(world, images=[named]))
    problem = (await image_of(world, named)).problem
    assert problem == f"tag 9.9.9 maps to nothing in the registry, not to {named['digest']}"


async def test_what_was_built_stays_built_wherever_its_tag_goes(world: World) -> None:
    named = await an_image(world)
    other = pushed(world, tag="1.5.0", content=b"other")
    world.registry.retag(world.partition, named["repository"], "1.4.0", other["digest"])
    assert (await looked_at(world, named)).facts == ()
    image = await image_of(world, named)
    assert image.status == "Built"
    image.observe(None, world.clock.now())
    assert (image.status, image.problem, image.recorded) == ("Built", None, ())


async def test_what_is_gone_from_the_registry_is_missing_until_it_is_back(world: World) -> None:
    named = await an_image(world)
    world.registry.delete(world.partition, named["repository"], named["digest"])
    await looked_at(world, named)
    image = await image_of(world, named)
    assert (image.status, image.missing_since) == ("Built", world.clock.now())
    assert str(image.promotion_problem()).endswith("is no longer in the registry")
    assert pushed(world) == named
    await looked_at(world, named)
    assert (await image_of(world, named)).missing_since is None


async def test_another_builds_name_for_an_image_is_looked_up_too(world: World) -> None:
    """Or a build could ship any earlier image under a tag that there is not."""
    named = await an_image(world)
    await recorded(world, await a_build(world, images=[named | {"tag": "nope"}]))
    image = await image_of(world, named)
    lie = f"{named['repository']}:nope"
    problem = f"image {lie} did not map to {named['digest']} in the registry when its build was recorded"
    assert image.promotion_problem(lie) == problem
    world.registry.retag(world.partition, named["repository"], "1.5.0", named["digest"])
    await recorded(world, await a_build(world, images=[named | {"tag": "1.5.0"}]))
    assert len((await image_of(world, named)).names) == 2


async def test_an_image_that_is_pushed_late_is_found_when_its_push_is_told(world: World) -> None:
    named = pushed(world)
    world.registry.delete(world.partition, named["repository"], named["digest"])
    assert (await recorded(world, await a_build(world, images=[named]))).facts == ()
    assert pushed(world) == named
    (await looked_at(world, named)).only(ContainerImageBuilt)
    assert (await image_of(world, named)).problem is None


async def test_an_image_that_an_earlier_build_misnamed_is_found_by_what_the_next_one_says(
    world: World,
) -> None:
    named = pushed(world)
    await recorded(world, await a_build(world, images=[named | {"tag": "latest"}]))
    assert (await image_of(world, named)).status == "Refused"
    second = await a_build(world, images=[named])
    fact = (await recorded(world, second)).only(ContainerImageBuilt)
    assert (fact.tag, fact.build_result_id) == ("1.4.0", second.id)


async def test_a_foreign_registry_is_not_asked_and_not_believed(world: World) -> None:
    named = pushed(world) | {"registry": "evil.example"}
    assert (await recorded(world, await a_build(world, images=[named]))).facts == ()
    said = f"registry evil.example is not the platform's {REGISTRY}"
    assert (await image_of(world, named)).problem == said
    assert world.registry.calls["manifest"] == 0
    again = ObserveImage(registry="evil.example", repository=named["repository"], digest=named["digest"])
    assert await world.refused(again) == said


async def test_a_registrys_name_knows_no_letter_case(world: World) -> None:
    named = pushed(world) | {"registry": REGISTRY.upper()}
    (await recorded(world, await a_build(world, images=[named]))).only(ContainerImageBuilt)


async def test_another_projects_repository_is_refused(world: World) -> None:
    theirs = image_repository(ELSEWHERE, "api")
    manifest = world.registry.push(ELSEWHERE, theirs, "1.4.0", b"theirs")
    named = {"registry": REGISTRY, "repository": theirs, "tag": "1.4.0", "digest": manifest.digest}
    assert (await recorded(world, await a_build(world, images=[named]))).facts == ()
    assert f"repository {theirs} is not this project's" in ((await image_of(world, named)).problem or "")


async def test_one_bad_image_does_not_hold_up_the_others(world: World) -> None:
    good, bad = pushed(world, "good", content=b"1"), pushed(world, "bad", content=b"2")
    build = await a_build(world, images=[bad | {"tag": "nowhere"}, good])
    assert (await recorded(world, build)).only(ContainerImageBuilt).digest == good["digest"]


async def test_an_image_that_no_build_has_named_is_nobodys(world: World) -> None:
    assert (await looked_at(world, pushed(world))).facts == ()


async def test_a_build_that_is_not_successful_has_no_image(world: World) -> None:
    build = await a_build(world, images=[pushed(world)], result="failed")
    assert (await recorded(world, build)).facts == ()
    assert world.registry.calls["manifest"] == 0


@pytest.mark.parametrize("away", ["registry", "scanner"])
async def test_what_is_away_is_asked_again(world: World, away: str) -> None:
    build = await a_build(world, images=[pushed(world)])
    port = {"registry": world.registry, "scanner": world.scanner}[away]
    port.away = True
    with pytest.raises(Unavailable):
        await recorded(world, build)
    port.away = False
    (await recorded(world, build)).only(ContainerImageBuilt)


def test_a_digest_is_one_image_of_its_registry_and_project() -> None:
    here = Partition("connectsoft", "proj-booking-saas")
    ids = {
        ContainerImage.id_for(partition, registry, digest)
        for partition in (here, ELSEWHERE)
        for registry in ("one.example", "two.example")
        for digest in (ABSENT, f"sha256:{'1' * 64}")
    }
    assert len(ids) == 8
    assert ContainerImage.id_for(here, "ONE.example", ABSENT) in ids
