"""The way back of what did not come off: Git, then the environment, and one fact of both."""

from typing import Any

import pytest

from domain.devops.release.environment_promotion import EnvironmentPromotion
from domain.devops.release.promotion_control import CancelPromotion
from tests.deployment import APP
from tests.domain.devops.release.given import HEIDI
from tests.domain.devops.release.promoting import Delivery, a_delivery, an_environment
from tests.domain.devops.release.test_environment_promotion import promoted
from tests.domain.world import World
from tests.orchestrations import Running

HEALTHY = [("1.3.0", "dev")]


async def a_line(world: World, **changes: Any) -> Delivery:
    """One environment that 1.3.0 runs in."""
    delivery = await a_delivery(world, an_environment("dev", **changes))
    await delivery.promoted(await delivery.a_release("1.3.0", "dev"), "dev")
    return delivery


async def fails(delivery: Delivery, between: Any = None, **how: Any) -> EnvironmentPromotion:
    """1.4.0, whose Deployment does not come up, wherever it runs."""
    for slot in ("-green", "-blue"):
        delivery.world.workloads.becomes(delivery.handle("dev"), APP + slot, "failed", "it crashes")
    release = await delivery.a_release("1.4.0", "dev")
    return await delivery.promote(release, between=between, **{"strategy": "Canary", **how})


async def test_it_goes_back_to_what_was_last_found_good(world: World) -> None:
    delivery = await a_line(world)
    before = await delivery.committed("dev")
    promotion = await fails(delivery)
    assert promotion.status == "Failed"
    assert promotion.reason == f"DeployCanary: deployment {APP}-green: it crashes"
    assert await delivery.committed("dev") == before
    assert promoted(world) == HEALTHY * 2
    target = await delivery.target("dev")
    assert target.verified is not None and target.arrangement == target.verified.arrangement
    assert (target.verified.version, target.queue, target.promotion_id) == ("1.3.0", (), None)


async def test_the_fact_comes_once_git_and_environment_have_moved(world: World) -> None:
    delivery = await a_line(world)
    told: list[int] = []
    kept = delivery.handle("dev")

    async def between() -> None:
        told.append(len(promoted(world)))
        if (await delivery.again(promotion)).status == "RollingBack" and len(told) > 3:
            world.workloads.becomes(kept, APP, "complete")

    world.workloads.becomes(kept, APP + "-green", "failed", "it crashes")
    promotion = await delivery.ask(await delivery.a_release("1.4.0", "dev"), strategy="Canary")
    running = Running(world.begun.pop(), world.clock, world.orchestrations.taken)
    while (await delivery.again(promotion)).status != "RollingBack":
        await running.turn()
    world.workloads.becomes(kept, APP, "progressing")
    while not running.is_over:
        await between()
        if running.due is not None:
            world.clock.moment = max(world.clock.moment, running.due)
        await running.turn()
    found = await delivery.again(promotion)
    assert (
        found.rollback is not None and found.rollback.commit_sha == (await delivery.target("dev")).commit_sha
    )
    assert set(told) == {1} and promoted(world) == HEALTHY * 2


async def test_a_first_deployment_is_taken_away_again_and_tells_nothing(world: World) -> None:
    delivery = await a_delivery(world)
    promotion = await fails(delivery)
    assert (promotion.status, promotion.steps[0].candidate) == ("Failed", "blue")
    assert promotion.rollback is not None and promotion.rollback.confirmed_at is not None
    committed = await delivery.committed("dev")
    assert not any(path.startswith("module-") for path in committed)
    assert b"module-" not in committed["kustomization.yaml"]
    assert promoted(world) == [] and (await delivery.target("dev")).verified is None


async def test_an_environment_that_does_not_come_back_is_told_as_it_is(world: World) -> None:
    delivery = await a_line(world)
    world.workloads.becomes(delivery.handle("dev"), APP, "progressing")
    promotion = await fails(delivery)
    assert promotion.status == "Failed" and promotion.rollback is not None
    assert promotion.rollback.commit_sha is not None and promotion.rollback.confirmed_at is None
    assert f"not found as it was before: deployment {APP}" in (promotion.reason or "")
    assert promoted(world) == HEALTHY and (await delivery.target("dev")).promotion_id is None


async def test_it_goes_back_however_long_git_is_away(world: World) -> None:
    delivery = await a_line(world)
    waits = 0

    async def between() -> None:
        nonlocal waits
        waits += 1
        world.git.away = waits < 20

    world.agent.hold()
    running = await begun(delivery)
    world.git.away = True
    world.agent.fail("it does not build")
    while not running.is_over:
        if running.due is not None:
            await between()
            world.clock.moment = max(world.clock.moment, running.due)
        world.agent.finish() if not world.git.away else None
        await running.turn()
    promotion = await world.read(EnvironmentPromotion, running.id)
    assert promotion.status == "Errored" and waits >= 20
    assert promotion.rollback is not None and promotion.rollback.confirmed_at is not None
    assert promoted(world) == HEALTHY * 2


async def begun(delivery: Delivery) -> Running:
    """1.4.0 by Canary, its first stage committed."""
    world = delivery.world
    promotion = await delivery.ask(await delivery.a_release("1.4.0", "dev"), strategy="Canary")
    running = Running(world.begun.pop(), world.clock, world.orchestrations.taken)
    while (await delivery.again(promotion)).next_step != "VerifyPromotionStep":
        await running.turn()
    return running


async def ended(world: World, running: Running) -> EnvironmentPromotion:
    while not running.is_over:
        if running.due is not None:
            world.clock.moment = max(world.clock.moment, running.due)
        await running.turn()
    return await world.read(EnvironmentPromotion, running.id)


async def test_a_canceled_promotion_goes_back(world: World) -> None:
    delivery = await a_line(world)
    running = await begun(delivery)
    world.actor = HEIDI
    await world.given(CancelPromotion(promotion_id=running.id, reason="wrong version"))
    found = await ended(world, running)
    assert (found.status, found.reason) == ("Canceled", f"canceled by {HEIDI.name}: wrong version")
    assert [slot.version for slot in (await delivery.target("dev")).arrangement.slots] == ["1.3.0"]
    assert promoted(world) == HEALTHY * 2
    again = await world.refused(CancelPromotion(promotion_id=running.id, reason="once more"))
    assert again == f"promotion {running.id} is already Canceled"


@pytest.mark.parametrize("when", ["Pending", "InProgress", "RollingBack"])
async def test_a_terminated_orchestration_is_begun_anew_by_canceling(world: World, when: str) -> None:
    delivery = await a_line(world)
    if when == "Pending":
        promotion = await delivery.ask(await delivery.a_release("1.4.0", "dev"))
        id = promotion.promotion_id
        world.begun.clear()
    else:
        id = (await begun(delivery)).id
    if when == "RollingBack":
        world.actor = HEIDI
        await world.given(CancelPromotion(promotion_id=id, reason="wrong version"))
    assert (await world.read(EnvironmentPromotion, id)).status == when
    # An operator has terminated it: what is under way stays as it is, for good.
    del world.orchestrations.begun[id]
    world.actor = HEIDI
    await world.given(CancelPromotion(promotion_id=id, reason="stuck"))
    await world.played()
    found = await world.read(EnvironmentPromotion, id)
    assert found.status == "Canceled" and (await delivery.target("dev")).queue == ()
    assert promoted(world) == HEALTHY * (1 if when == "Pending" else 2)


@pytest.mark.parametrize("gateway", ["gateway", "edge"])
async def test_off_the_path_in_the_middle_it_goes_back_as_it_was(world: World, gateway: str) -> None:
    delivery = await a_line(world, gateway=gateway)
    await delivery.promoted(await delivery.a_release("1.3.1", "dev", strategy="BlueGreen"), "dev")
    before = await delivery.committed("dev")
    running = await begun(delivery)
    await delivery.configure(an_environment("test"))
    found = await ended(world, running)
    assert (found.status, found.reason) == ("Failed", "environment dev is not on the path test")
    assert found.rollback is not None and found.rollback.confirmed_at is not None
    assert await delivery.committed("dev") == before


async def test_without_its_gitops_repository_it_ends_as_it_stands_and_says_so(world: World) -> None:
    delivery = await a_line(world)
    running = await begun(delivery)
    await delivery.configure(an_environment("dev"), gitops_repository_id=None)
    found = await ended(world, running)
    assert found.status == "Failed" and "the way back failed: the project has no GitOps" in (
        found.reason or ""
    )
    assert promoted(world) == HEALTHY and (await delivery.target("dev")).promotion_id is None


async def test_without_an_agent_git_goes_back_all_the_same(world: World) -> None:
    delivery = await a_line(world)
    before = await delivery.committed("dev")
    running = await begun(delivery)
    world.agent.disconnect(delivery.handle("dev"))
    found = await ended(world, running)
    assert found.status == "Failed" and "the environment has no GitOps agent" in (found.reason or "")
    assert await delivery.committed("dev") == before and promoted(world) == HEALTHY
    target = await delivery.target("dev")
    assert target.verified is not None and target.arrangement == target.verified.arrangement


async def test_another_gitops_repository_in_the_middle_gets_the_rest(world: World) -> None:
    delivery = await a_line(world)
    running = await begun(delivery)
    delivery.gitops = await delivery.another_repository()
    await delivery.configure(an_environment("dev"))
    found = await ended(world, running)
    assert found.status == "Completed"
    assert b"1.4.0".hex().encode() in b"".join((await delivery.committed("dev")).values())


async def test_gates_that_are_added_in_the_middle_count_from_then_on(world: World) -> None:
    delivery = await a_line(world)
    running = await begun(delivery)
    world.metrics.gives("errors", 1.0)
    metric = {"name": "errors", "query": "errors", "threshold": 0.5}
    await delivery.configure(an_environment("dev", gates={"metrics": [metric]}))
    found = await ended(world, running)
    assert (found.status, found.reason) == ("Failed", "DeployCanary: errors is 1, must be at most 0.5")
