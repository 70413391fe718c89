"""Ways that orchestrations go, to be replayed: each answers one that has been played to its end."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from domain.devops.release.environment_promotion import EnvironmentPromotion
from domain.devops.release.promotion_control import CancelPromotion
from domain.kernel.values import timestamp
from tests.deployment import APP
from tests.domain.devops.infrastructure.given import Site, site
from tests.domain.devops.infrastructure.test_provision_orchestration import ONE, ordered
from tests.domain.devops.release.given import HEIDI
from tests.domain.devops.release.promoting import Delivery, a_delivery, an_environment
from tests.domain.world import START, World
from tests.functions.recorded import Recorded

type Case = Callable[[], Awaitable[Recorded]]

CASES: dict[str, dict[str, Case]] = {"EnvironmentPromotion": {}, "InfrastructurePlan": {}}

STEPS, FOR_GOOD = 12, 5
"""So many steps a history has, and so often a step is tried, while cases are played and replayed: far less
than the platform does, for each replay reads all that was before it."""


def case(kind: str) -> Callable[[Case], Case]:
    def register(made: Case) -> Case:
        CASES[kind][made.__name__] = made
        return made

    return register


async def _line(**changes: object) -> Delivery:
    """One environment, in which 1.3.0 runs."""
    delivery = await a_delivery(World(), an_environment("dev", **changes))
    await delivery.promoted(await delivery.a_release("1.3.0", "dev"), "dev")
    return delivery


async def _asked(delivery: Delivery, strategy: str = "Canary") -> Recorded:
    release = await delivery.a_release("1.4.0", "dev")
    await delivery.ask(release, "dev", strategy=strategy)
    return Recorded(delivery.world, delivery.world.begun.pop())


@case("EnvironmentPromotion")
async def completed() -> Recorded:
    recorded = await _asked(await _line())
    assert (await recorded.play())["status"] == "Completed"
    return recorded


@case("EnvironmentPromotion")
async def soaking_and_looking() -> Recorded:
    recorded = await _asked(await _line(gates={"soakSeconds": 10}), "BlueGreen")
    assert (await recorded.play())["status"] == "Completed"
    return recorded


@case("EnvironmentPromotion")
async def waiting_for_a_freeze_to_end() -> Recorded:
    window = {
        "name": "party",
        "startsAt": timestamp(START),
        "endsAt": timestamp(START + timedelta(minutes=2)),
    }
    delivery = await a_delivery(World(), an_environment("dev", freezes=[window]))
    recorded = await _asked(delivery)
    assert (await recorded.play())["status"] == "Completed"
    assert delivery.world.clock.moment >= START + timedelta(minutes=2)
    return recorded


@case("EnvironmentPromotion")
async def waiting_longer_than_one_history() -> Recorded:
    delivery = await _line()
    plan = await delivery.a_release("1.4.0", "dev", approved=False)
    await delivery.ask(plan, "dev")
    recorded = Recorded(delivery.world, delivery.world.begun.pop())
    looks = 0

    async def between() -> None:
        nonlocal looks
        looks += 1
        if looks == 2 * STEPS + 2:
            await delivery.approve(plan)

    assert (await recorded.play(between))["status"] == "Completed"
    assert len(recorded.histories) == 3
    return recorded


@case("EnvironmentPromotion")
async def failing_and_going_back() -> Recorded:
    delivery = await _line()
    recorded = await _asked(delivery)
    delivery.world.workloads.becomes(delivery.handle("dev"), f"{APP}-green", "failed", "it crashes")
    assert (await recorded.play())["status"] == "Failed"
    return recorded


@case("EnvironmentPromotion")
async def refused_in_a_step() -> Recorded:
    nowhere = an_environment("dev", manifest={"path": "nowhere/{environment}"})
    recorded = await _asked(await a_delivery(World(), nowhere))
    assert (await recorded.play())["status"] == "Failed"
    return recorded


@case("EnvironmentPromotion")
async def tried_again_after_technical_errors() -> Recorded:
    recorded = await _asked(await _line())
    recorded.away.update(begin_promotion=1, commit_promotion_step=3, verify_promotion_step=2)
    assert (await recorded.play())["status"] == "Completed"
    return recorded


@case("EnvironmentPromotion")
async def errored_for_good_and_going_back() -> Recorded:
    recorded = await _asked(await _line())
    recorded.away.update(verify_promotion_step=FOR_GOOD)
    assert (await recorded.play())["status"] == "Errored"
    return recorded


@case("EnvironmentPromotion")
async def never_giving_up_the_way_back() -> Recorded:
    recorded = await _asked(await _line())
    recorded.away.update(verify_promotion_step=FOR_GOOD, fail_promotion=FOR_GOOD + 1)
    assert (await recorded.play())["status"] == "Errored"
    return recorded


@case("EnvironmentPromotion")
async def failing_with_the_last_step_of_a_history() -> Recorded:
    """What it has come to is not forgotten by the history that begins anew."""
    delivery = await _line()
    world = delivery.world
    world.agent.hold()
    recorded = await _asked(delivery)
    looks = 0

    async def between() -> None:
        nonlocal looks
        looks += 1
        # Begin, render and commit were before.
        if looks == STEPS - 4:
            recorded.away.update(verify_promotion_step=FOR_GOOD)
            world.agent.finish()

    assert (await recorded.play(between))["status"] == "Errored"
    assert len(recorded.histories) == 2
    return recorded


@case("EnvironmentPromotion")
async def canceled_on_its_way() -> Recorded:
    delivery = await _line()
    recorded = await _asked(delivery)
    world = delivery.world
    world.agent.hold()

    async def between() -> None:
        world.agent.finish()
        if (await world.read(EnvironmentPromotion, recorded.id)).status == "InProgress":
            world.actor = HEIDI
            await world.given(CancelPromotion(promotion_id=recorded.id, reason="the next one comes instead"))

    assert (await recorded.play(between))["status"] == "Canceled"
    return recorded


@case("InfrastructurePlan")
async def provisioned() -> Recorded:
    world = await site(Site)
    await world.program(ONE)
    return await _provisioned(world, "Provisioned")


@case("InfrastructurePlan")
async def provisioned_again_after_a_look_for_drift() -> Recorded:
    world = await site(Site)
    await world.program(ONE)
    await ordered(world)
    await world.played()
    await world.program({**ONE, "queue": {}})
    return await _provisioned(world, "Provisioned")


@case("InfrastructurePlan")
async def looking_longer_than_one_history() -> Recorded:
    world = await site(Site)
    world.engine.holding = True
    looks = 0

    async def between() -> None:
        nonlocal looks
        looks += 1
        if looks % 15 == 0:
            world.engine.finish()

    recorded = await _provisioned(world, "Provisioned", between)
    assert len(recorded.histories) > 2
    return recorded


@case("InfrastructurePlan")
async def an_engine_that_loses_its_answers() -> Recorded:
    world = await site(Site)
    for method in ("begin", "run", "stack", "find"):
        world.engine.lose_answer(method)
    return await _provisioned(world, "Provisioned")


@case("InfrastructurePlan")
async def an_engine_that_stays_away() -> Recorded:
    world = await site(Site)
    world.engine.away = True
    return await _provisioned(world, "Errored")


@case("InfrastructurePlan")
async def refused_by_the_engine() -> Recorded:
    world = await site(Site)
    world.engine.closed = "resource group rg-booking does not exist"
    return await _provisioned(world, "Failed")


@case("InfrastructurePlan")
async def never_giving_up_to_end_it() -> Recorded:
    world = await site(Site)
    world.engine.closed = "resource group rg-booking does not exist"
    recorded = Recorded(world, await _order(world))
    recorded.away.update(fail_infrastructure=FOR_GOOD)
    assert (await recorded.play())["status"] == "Failed"
    return recorded


async def _provisioned(
    world: Site, status: str, between: Callable[[], Awaitable[None]] | None = None
) -> Recorded:
    recorded = Recorded(world, await _order(world))
    assert (await recorded.play(between))["status"] == status
    return recorded


async def _order(world: Site) -> dict[str, object]:
    await ordered(world)
    return world.begun.pop()
