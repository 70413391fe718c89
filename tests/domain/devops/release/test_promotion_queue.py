"""Promotions to one target come one after another; automatic ones give way to newer automatic ones."""

import asyncio
from itertools import pairwise

from domain.devops.release.deployment_target import MOST_QUEUED
from domain.devops.release.environment_promotion import EnvironmentPromotion, PromoteDeployment
from domain.devops.release.promotion_control import CancelPromotion
from domain.kernel.actor import service
from tests.deployment import APP
from tests.domain.devops.release.given import ADA, HEIDI
from tests.domain.devops.release.promoting import Delivery, a_delivery, an_environment
from tests.domain.world import World
from tests.orchestrations import Running

VERSIONS = ("1.1.0", "1.2.0", "1.3.0")


async def asked(delivery: Delivery, *versions: str) -> list[EnvironmentPromotion]:
    return [await delivery.ask(await delivery.a_release(one, "dev"), "dev") for one in versions]


def all_of(world: World) -> list[Running]:
    orders, world.begun = world.begun, []
    return [Running(order, world.clock, world.orchestrations.taken) for order in orders]


async def side_by_side(world: World, running: list[Running]) -> None:
    """Each a turn, the last first, until all are over."""
    while any(not one.is_over for one in running):
        for one in reversed(running):
            if not one.is_over:
                await one.turn()
        dues = [one.due for one in running if one.due is not None]
        if dues:
            world.clock.moment = max(world.clock.moment, min(dues))


async def test_they_come_in_the_order_in_which_they_were_asked_for(world: World) -> None:
    delivery = await a_delivery(world)
    promotions = await asked(delivery, *VERSIONS)
    await side_by_side(world, all_of(world))
    found = [await delivery.again(one) for one in promotions]
    assert [one.status for one in found] == ["Completed"] * 3
    assert [one.fence for one in found] == [1, 2, 3]
    for earlier, later in pairwise(found):
        assert earlier.ended_at is not None and later.began_at is not None
        assert earlier.ended_at <= later.began_at
    assert (await delivery.target("dev")).fence == 3


async def test_who_waits_says_for_whom(world: World) -> None:
    delivery = await a_delivery(world)
    first, second, third = await asked(delivery, *VERSIONS)
    for running in all_of(world)[1:]:
        await running.turn()
    for one in (second, third):
        found = (await delivery.again(one)).waiting_for
        assert found is not None and found.what == "AnotherPromotion"
        assert found.sentence == f"promotion {first.promotion_id} of version 1.1.0 comes first"


async def test_who_is_canceled_leaves_the_queue_to_the_next(world: World) -> None:
    delivery = await a_delivery(world)
    first, second, third = await asked(delivery, *VERSIONS)
    world.actor = HEIDI
    for one in (first, second):
        await world.given(CancelPromotion(promotion_id=one.promotion_id, reason="wrong version"))
    await side_by_side(world, all_of(world))
    found = [await delivery.again(one) for one in (first, second, third)]
    assert [one.status for one in found] == ["Canceled", "Canceled", "Completed"]
    assert [one.began_at is None for one in found] == [True, True, False]


async def test_who_fails_leaves_the_target_to_the_next(world: World) -> None:
    delivery = await a_delivery(world)
    first, second = await asked(delivery, "1.1.0", "1.2.0")
    running = all_of(world)
    world.workloads.becomes(delivery.handle("dev"), APP, "failed")
    while not running[0].is_over:
        await running[0].turn()
    world.workloads.becomes(delivery.handle("dev"), APP, "complete")
    await side_by_side(world, running[1:])
    assert ((await delivery.again(first)).status, (await delivery.again(second)).status) == (
        "Failed",
        "Completed",
    )


async def test_an_automatic_one_gives_way_to_a_newer_automatic_one(world: World) -> None:
    delivery = await a_delivery(world, an_environment("dev", auto_promote=True))
    for version in VERSIONS:
        await delivery.a_release(version, "dev")
    target = await delivery.target("dev")
    ids = [one.promotion_id for one in target.queue]
    await side_by_side(world, all_of(world))
    found = [await world.read(EnvironmentPromotion, id) for id in ids]
    assert [one.status for one in found] == ["Canceled", "Canceled", "Completed"]
    assert found[0].reason == f"promotion {ids[2]} of version 1.3.0 has come since"


async def test_what_somebody_asked_for_gives_way_to_nobody(world: World) -> None:
    delivery = await a_delivery(world, an_environment("dev", auto_promote=False))
    (manual,) = await asked(delivery, "1.1.0")
    await delivery.configure(an_environment("dev", auto_promote=True))
    await delivery.a_release("1.2.0", "dev")
    await side_by_side(world, all_of(world))
    assert (await delivery.again(manual)).status == "Completed"
    target = await delivery.target("dev")
    assert target.verified is not None and target.verified.version == "1.2.0"


async def test_an_automatic_one_underway_is_not_given_up_for_a_newer(world: World) -> None:
    delivery = await a_delivery(world, an_environment("dev", auto_promote=True))
    await delivery.a_release("1.1.0", "dev")
    (first,) = all_of(world)
    await first.turn()
    await delivery.a_release("1.2.0", "dev")
    await side_by_side(world, [first, *all_of(world)])
    assert (await world.read(EnvironmentPromotion, first.id)).status == "Completed"


async def test_a_newer_one_on_its_way_is_not_overtaken_by_an_older(world: World) -> None:
    delivery = await a_delivery(world, an_environment("dev", auto_promote=True))
    old = await delivery.a_release("1.9.0", "dev", approved=False)
    await delivery.a_release("1.10.0", "dev")
    await delivery.approve(old)
    assert [one.version for one in (await delivery.target("dev")).queue] == ["1.10.0"]
    await world.played()
    target = await delivery.target("dev")
    assert target.verified is not None and target.verified.version == "1.10.0"


async def test_asked_for_automatically_twice_it_is_promoted_once(world: World) -> None:
    delivery = await a_delivery(world, an_environment("dev", auto_promote=True))
    release = await delivery.a_release("1.1.0", "dev")
    world.actor = service("reactions", ADA.name)
    await world.given(PromoteDeployment(release_id=release.release_id, automatic=True))
    (queued,) = (await delivery.target("dev")).queue
    promotion = await world.read(EnvironmentPromotion, queued.promotion_id)
    assert promotion.automatic and len(world.begun) == 1
    await world.played()
    # Where it is already, it is not brought once more.
    await world.given(PromoteDeployment(release_id=release.release_id, automatic=True))
    assert world.begun == [] and (await delivery.target("dev")).fence == 1


async def test_two_that_are_asked_for_in_the_same_moment_both_queue(world: World) -> None:
    delivery = await a_delivery(world)
    releases = [await delivery.a_release(one, "dev") for one in ("1.1.0", "1.2.0")]
    world.actor = ADA
    envelopes = [
        world.envelope(PromoteDeployment(release_id=one.release_id, to_environment="dev")) for one in releases
    ]
    journals = await asyncio.gather(*(world.dispatch(one) for one in envelopes))
    assert [one.outcome.rejection for one in journals] == [None, None]
    queue = (await delivery.target("dev")).queue
    assert sorted(one.version for one in queue) == ["1.1.0", "1.2.0"]


async def test_a_queue_has_an_end(world: World) -> None:
    delivery = await a_delivery(world)
    for number in range(MOST_QUEUED):
        await delivery.ask(await delivery.a_release(f"1.{number}.0", "dev"), "dev")
    release = await delivery.a_release("2.0.0", "dev")
    world.actor = ADA
    assert await world.refused(PromoteDeployment(release_id=release.release_id)) == (
        f"{MOST_QUEUED} promotions of module-reservations-api to dev are waiting already"
    )
