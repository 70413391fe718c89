"""The way of a release: one environment after another, as far as it is planned for."""

from itertools import pairwise

import pytest

from domain.devops.delivery.delivery_policy import ReactionSwitch
from domain.devops.release.environment_promotion import EnvironmentPromotion, PromoteDeployment
from domain.kernel.errors import Rejected
from tests.domain.devops.release.given import ADA, HEIDI, a_release
from tests.domain.devops.release.promoting import PATH, Delivery, a_delivery, an_environment
from tests.domain.world import World


async def refused(delivery: Delivery, release_id: str, to: str | None = None) -> str:
    delivery.world.actor = ADA
    return await delivery.world.refused(PromoteDeployment(release_id=release_id, to_environment=to))


async def promotions(world: World) -> list[tuple[str, str, str]]:
    page = await world.store.page(world.partition, EnvironmentPromotion, 100)
    found = sorted(
        (one.aggregate for one in page.items),
        key=lambda one: (one.requested_at, PATH.index(one.to_environment)),
    )
    return [(str(one.version), one.to_environment, str(one.status)) for one in found]


async def test_no_environment_is_skipped(world: World) -> None:
    delivery = await a_delivery(world)
    release = await delivery.a_release("1.4.0")
    path = "dev → test → staging → prod"
    sentence = "version 1.4.0 has not been promoted to {} yet, which comes before {} on the path " + path
    for before, name in pairwise(PATH):
        assert await refused(delivery, release.release_id, name) == sentence.format(before, name)
    await delivery.promoted(release, "dev")
    assert await refused(delivery, release.release_id, "prod") == sentence.format("staging", "prod")


async def test_a_promotion_that_is_underway_or_failed_opens_no_next_environment(world: World) -> None:
    delivery = await a_delivery(world)
    release = await delivery.a_release("1.4.0")
    await delivery.ask(release, "dev")
    assert "has not been promoted to dev yet" in await refused(delivery, release.release_id, "test")
    world.agent.fail("it does not build")
    await world.played()
    assert await promotions(world) == [("1.4.0", "dev", "Failed")]
    assert "has not been promoted to dev yet" in await refused(delivery, release.release_id, "test")


async def test_the_target_environment_bounds_the_way(world: World) -> None:
    delivery = await a_delivery(world)
    release = await delivery.a_release("1.4.0", "test")
    await delivery.promoted(release, "dev", "test")
    assert f"release {release.release_id} is planned for test" in await refused(
        delivery, release.release_id, "staging"
    )
    assert await refused(delivery, release.release_id) == (
        f"release {release.release_id} has been promoted as far as test"
    )


async def test_the_build_opens_the_way_not_the_release(world: World) -> None:
    """Approved for dev only, and then planned for all of the path: the build has been in dev."""
    delivery = await a_delivery(world)
    first = await delivery.a_release("1.4.0", "dev")
    await delivery.promoted(first, "dev")
    second = await delivery.planned_again(first, "prod")
    promotion = await delivery.promote(second)
    assert (promotion.to_environment, promotion.status) == ("test", "Completed")


async def test_an_older_release_is_promoted_again_by_who_asks_for_it(world: World) -> None:
    delivery = await a_delivery(world)
    old, new = await delivery.a_release("1.3.0", "dev"), await delivery.a_release("1.4.0", "dev")
    await delivery.promoted(old, "dev")
    await delivery.promoted(new, "dev")
    await delivery.promoted(old, "dev")
    target = await delivery.target("dev")
    assert [slot.version for slot in target.arrangement.slots] == ["1.3.0"]
    assert target.verified is not None and target.verified.version == "1.3.0"


async def test_an_approved_release_goes_by_itself_as_far_as_environments_let_it(world: World) -> None:
    every = [an_environment(name, auto_promote=name in ("dev", "test")) for name in PATH]
    delivery = await a_delivery(world, *every)
    await delivery.a_release("1.4.0")
    await world.played()
    assert await promotions(world) == [("1.4.0", "dev", "Completed"), ("1.4.0", "test", "Completed")]


async def test_nothing_goes_by_itself_where_that_is_switched_off(world: World) -> None:
    delivery = await a_delivery(
        world, an_environment("dev", auto_promote=True), switched_off=[ReactionSwitch.PROMOTE_DEPLOYMENT]
    )
    await delivery.a_release("1.4.0", "dev")
    assert world.begun == [] and await promotions(world) == []


async def test_without_a_gitops_repository_nothing_is_promoted(world: World) -> None:
    release = await a_release(world)
    world.actor = ADA
    assert await world.refused(PromoteDeployment(release_id=release.release_id)) == (
        "the project has no GitOps repository: configure the delivery policy's gitopsRepositoryId"
    )
    happened = await world.given(PromoteDeployment(release_id=release.release_id, automatic=True))
    assert happened.names == () and world.begun == []


async def test_what_is_older_never_replaces_what_is_newer_by_itself(world: World) -> None:
    """Somebody takes dev back to 1.3.0, which never was in test: test keeps 1.4.0."""
    every = [an_environment(name, auto_promote=True) for name in ("dev", "test")]
    delivery = await a_delivery(world, *every)
    old = await delivery.a_release("1.3.0", "test", approved=False)
    await delivery.configure(an_environment("dev", auto_promote=True), an_environment("test"))
    await delivery.approve(old)
    await world.played()
    await delivery.configure(*every)
    await delivery.a_release("1.4.0", "test")
    await world.played()
    await delivery.promoted(old, "dev")
    target = await delivery.target("test")
    assert target.verified is not None and (target.verified.version, target.queue) == ("1.4.0", ())
    # Who asks for it gets it.
    await delivery.promoted(old, "test")


async def test_an_environment_off_the_path_is_refused(world: World) -> None:
    delivery = await a_delivery(world)
    release = await delivery.a_release("1.4.0")
    sentence = await refused(delivery, release.release_id, "qa")
    assert sentence == "environment qa is not on the path dev → test → staging → prod"


async def test_an_environment_taken_off_the_path_ends_who_waits_for_it(world: World) -> None:
    delivery = await a_delivery(world)
    promotion = await delivery.ask(await delivery.a_release("1.4.0", "dev"), "dev")
    await delivery.configure(an_environment("test"))
    await world.played()
    found = await delivery.again(promotion)
    assert (found.status, found.reason) == ("Canceled", "environment dev is not on the path test")


async def test_an_environment_that_comes_in_before_is_gone_through_first(world: World) -> None:
    delivery = await a_delivery(world, an_environment("dev"), an_environment("prod"))
    release = await delivery.a_release("1.4.0")
    await delivery.promoted(release, "dev")
    promotion = await delivery.ask(release, "prod")
    await delivery.configure(*(an_environment(name) for name in ("dev", "test", "prod")))
    await world.played()
    found = await delivery.again(promotion)
    assert found.status == "Canceled" and "has not been promoted to test yet" in (found.reason or "")


async def test_only_one_promotion_of_a_release_to_an_environment_is_underway(world: World) -> None:
    delivery = await a_delivery(world)
    release = await delivery.a_release("1.4.0")
    await delivery.ask(release, "dev")
    assert await refused(delivery, release.release_id, "dev") == (
        f"release {release.release_id} is being promoted to dev already"
    )


async def test_a_rejected_release_is_not_even_queued(world: World) -> None:
    delivery = await a_delivery(world)
    release = await delivery.a_release("1.4.0", approved=False)
    await delivery.reject(release)
    assert await refused(delivery, release.release_id) == f"release {release.release_id} is Rejected"
    world.actor = HEIDI
    with pytest.raises(Rejected):
        await delivery.ask(release, "dev")
