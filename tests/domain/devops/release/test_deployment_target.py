"""DeploymentTarget: who holds a module in an environment, and what is kept of it."""

import pytest

from domain.devops.release.deployment_target import DeploymentTarget, HoldDeployment, LiftHold, Queued
from domain.kernel.errors import Rejected
from tests.domain.devops.release.given import HEIDI, MODULE, configure, on_path
from tests.domain.devops.release.promoting import a_delivery
from tests.domain.world import World


def a_target(*promotions: str, automatic: bool = False, is_ready: bool = True) -> DeploymentTarget:
    target = DeploymentTarget(deployment_target_id="target-1", module_id=MODULE, environment="dev")
    for number, id in enumerate(promotions):
        queued = Queued(
            promotion_id=id,
            release_id=f"release-{id}",
            version=f"1.{number}.0",
            automatic=automatic,
            is_ready=is_ready,
        )
        target.enqueue(queued)
    return target


def test_only_the_first_in_the_queue_takes_it() -> None:
    target = a_target("one", "two")
    with pytest.raises(Rejected, match="promotion two is not in front"):
        target.take("two")
    assert target.take("one") == 1
    with pytest.raises(Rejected, match="promotion one holds dev"):
        target.take("one")


def test_each_holder_has_a_number_of_its_own() -> None:
    target = a_target("one", "two")
    target.take("one")
    target.leave("one")
    assert target.take("two") == 2


@pytest.mark.parametrize(("id", "fence"), [("one", 1), ("two", 1), ("two", None), ("one", 2)])
def test_who_comes_with_another_number_has_lost_it(id: str, fence: int | None) -> None:
    target = a_target("one", "two")
    target.take("one")
    target.leave("one")
    target.take("two")
    with pytest.raises(Rejected, match=f"promotion {id} has lost {MODULE} in dev"):
        target.require_held(id, fence)
    target.require_held("two", 2)


def test_who_only_waited_leaves_the_holder_alone() -> None:
    target = a_target("one", "two")
    target.take("one")
    target.leave("two")
    assert target.promotion_id == "one" and [one.promotion_id for one in target.queue] == ["one"]
    target.leave("one")
    assert target.promotion_id is None and target.queue == ()


def test_the_last_automatic_one_behind_is_who_an_automatic_one_gives_way_to() -> None:
    target = a_target("one", "two", "three", automatic=True)
    newer = target.newer_than("one")
    assert newer is not None and newer.promotion_id == "three"
    assert target.newer_than("three") is None
    manual = a_target("one", "two")
    assert manual.newer_than("one") is None


def test_newer_is_by_version_not_by_text() -> None:
    target = a_target()
    target.enqueue(
        Queued(promotion_id="one", release_id="release-1", version="1.10.0", automatic=True, is_ready=True)
    )
    assert target.has_newer("1.9.0") and target.has_newer("1.10.0-rc.1")
    assert not target.has_newer("1.10.0") and not target.has_newer("1.11.0")


async def test_a_hold_says_what_it_keeps(world: World) -> None:
    delivery = await a_delivery(world)
    await delivery.promoted(await delivery.a_release("1.3.0"), "dev")
    world.actor = HEIDI
    await world.when(HoldDeployment(module_id=MODULE, environment="dev", reason="an audit"))
    hold = (await delivery.target("dev")).hold
    assert hold is not None
    assert (hold.version, hold.reason, hold.held_by, hold.held_at) == (
        "1.3.0",
        "an audit",
        HEIDI.name,
        world.clock.now(),
    )


async def test_a_module_is_held_once_and_lifted_once(world: World) -> None:
    await configure(world, environments=on_path("dev", "test"))
    hold = HoldDeployment(module_id=MODULE, environment="dev", reason="an audit")
    lift = LiftHold(module_id=MODULE, environment="dev", reason="it is over")
    assert await world.refused(lift) == f"{MODULE} is not held in dev"
    await world.when(hold)
    assert await world.refused(hold) == f"{MODULE} is already held in dev: an audit"
    await world.when(HoldDeployment(module_id=MODULE, environment="test", reason="an audit"))
    await world.when(HoldDeployment(module_id="module-payments", environment="dev", reason="an audit"))
    await world.when(lift)
    assert await world.refused(lift) == f"{MODULE} is not held in dev"


async def test_only_what_is_on_the_path_is_held(world: World) -> None:
    await configure(world, environments=on_path("dev"))
    hold = HoldDeployment(module_id=MODULE, environment="prod", reason="an audit")
    assert await world.refused(hold) == "environment prod is not on the path dev"


async def test_a_hold_of_what_went_off_the_path_is_lifted(world: World) -> None:
    await configure(world, environments=on_path("dev", "prod"))
    await world.when(HoldDeployment(module_id=MODULE, environment="prod", reason="an audit"))
    await configure(world, environments=on_path("dev"))
    lift = LiftHold(module_id=MODULE, environment="prod", reason="it is over")
    await world.when(lift)
    assert await world.refused(lift) == f"{MODULE} is not held in prod"


def test_one_that_is_not_ready_keeps_no_other_waiting_until_it_is() -> None:
    target = a_target("one", "two", is_ready=False)
    assert target.in_front_of("two") is None
    target.make_ready("one")
    assert (front := target.in_front_of("two")) is not None and front.promotion_id == "one"


def test_whoever_holds_it_is_in_front_of_one_that_was_there_before() -> None:
    target = a_target("one", "two", is_ready=False)
    target.take("two")
    assert (front := target.in_front_of("one")) is not None and front.promotion_id == "two"
