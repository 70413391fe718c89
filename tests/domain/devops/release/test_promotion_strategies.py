"""The strategies as they come to Git and are verified: each stage a commit, each commit its gates."""

from typing import Any

import pytest
import yaml

from domain.devops.release.environment_promotion import EnvironmentPromotion
from domain.devops.release.promotion_state import PromotionStep
from tests.deployment import APP
from tests.domain.devops.release.promoting import Delivery, a_delivery, an_environment
from tests.domain.world import World


async def a_line(world: World, **changes: Any) -> Delivery:
    """One environment that 1.3.0 runs in."""
    delivery = await a_delivery(world, an_environment("dev", **changes))
    await delivery.promoted(await delivery.a_release("1.3.0", "dev"), "dev")
    return delivery


async def weights(delivery: Delivery, sha: str) -> dict[str, int]:
    """How a commit splits the traffic of the module's Service."""
    files = delivery.world.git
    path = "module-reservations-api/traffic.yaml"
    content = await files.file(delivery.gitops.handle, sha, path)
    routes = list(yaml.safe_load_all(content or b""))
    if not routes:
        return {}
    return {one["name"]: one["weight"] for one in routes[0]["spec"]["rules"][0]["backendRefs"]}


async def splits(delivery: Delivery, promotion: EnvironmentPromotion) -> list[dict[str, int]]:
    return [await weights(delivery, step.commit_sha or "") for step in promotion.steps]


def names(steps: tuple[PromotionStep, ...]) -> list[str]:
    return [step.name for step in steps]


async def test_a_rolling_update_replaces_it_in_its_place(world: World) -> None:
    delivery = await a_line(world)
    promotion = await delivery.promote(await delivery.a_release("1.4.0", "dev"), strategy="RollingUpdate")
    assert (promotion.status, names(promotion.steps)) == ("Completed", ["Deploy"])
    assert [slot.name for slot in (await delivery.target("dev")).arrangement.slots] == ["main"]
    manifest = (await delivery.committed("dev"))["module-reservations-api/main/manifest.yaml"]
    assert b"1.4.0".hex().encode() in manifest


async def test_blue_green_has_the_new_one_beside_the_old_and_then_all_traffic(world: World) -> None:
    delivery = await a_line(world)
    promotion = await delivery.promote(await delivery.a_release("1.4.0", "dev"), strategy="BlueGreen")
    assert promotion.status == "Completed"
    assert names(promotion.steps) == ["DeployGreen", "SwitchTraffic", "RetireBlue"]
    assert await splits(delivery, promotion) == [
        {APP: 100, f"{APP}-green": 0},
        {APP: 0, f"{APP}-green": 100},
        {f"{APP}-green": 100},
    ]


async def test_a_canary_widens_by_the_shares_of_its_environment(world: World) -> None:
    delivery = await a_line(world, canary_weights=[5, 25, 80])
    promotion = await delivery.promote(await delivery.a_release("1.4.0", "dev"), strategy="Canary")
    assert promotion.status == "Completed"
    assert names(promotion.steps) == ["DeployCanary", "Widen", "Widen", "Complete", "RetireStable"]
    assert await splits(delivery, promotion) == [
        {APP: 95, f"{APP}-green": 5},
        {APP: 75, f"{APP}-green": 25},
        {APP: 20, f"{APP}-green": 80},
        {APP: 0, f"{APP}-green": 100},
        {f"{APP}-green": 100},
    ]
    following = await delivery.promote(await delivery.a_release("1.5.0", "dev"), strategy="Canary")
    assert [slot.name for slot in following.steps[0].arrangement.slots] == ["green", "blue"]
    assert following.status == "Completed"


async def test_each_stage_is_a_commit_that_waits_for_the_gates_of_the_one_before(world: World) -> None:
    delivery = await a_line(world)
    moments: list[tuple[int, str]] = []

    async def between() -> None:
        found = await delivery.again(promotion)
        if found.step is not None:
            moments.append((found.step.position, (await delivery.head("dev")) or ""))

    release = await delivery.a_release("1.4.0", "dev")
    world.workloads.becomes(delivery.handle("dev"), f"{APP}-green", "progressing")
    promotion = await delivery.ask(release, strategy="Canary")
    waited = 0

    async def then() -> None:
        nonlocal waited
        await between()
        waited += 1
        if waited == 3:
            world.workloads.becomes(delivery.handle("dev"), f"{APP}-green", "complete")

    await world.played(then)
    found = await delivery.again(promotion)
    assert found.status == "Completed"
    assert len({one.commit_sha for one in found.steps}) == len(found.steps) == 4
    # While the canary was not up yet, the head stayed the first stage's commit.
    assert {(1, found.steps[0].commit_sha)} == set(moments)


@pytest.mark.parametrize("strategy", ["RollingUpdate", "BlueGreen", "Canary"])
async def test_where_nothing_runs_yet_every_strategy_deploys(world: World, strategy: str) -> None:
    delivery = await a_delivery(world)
    promotion = await delivery.promote(await delivery.a_release("1.4.0"), "dev", strategy=strategy)
    assert (promotion.status, names(promotion.steps)) == ("Completed", ["Deploy"])


async def test_a_strategy_that_is_not_valid_there_is_refused(world: World) -> None:
    delivery = await a_delivery(world, {"name": "dev", "strategies": ["RollingUpdate"]})
    release = await delivery.a_release("1.4.0", "dev")
    with pytest.raises(Exception, match="strategy Canary is not valid for dev; valid: RollingUpdate"):
        await delivery.ask(release, strategy="Canary")


async def test_the_release_says_how_it_gets_to_where_it_is_planned_for(world: World) -> None:
    delivery = await a_delivery(world, an_environment("dev"), an_environment("prod"))
    release = await delivery.a_release("1.4.0", strategy="BlueGreen")
    on_the_way = await delivery.promote(release, "dev")
    there = await delivery.promote(release, "prod")
    assert (on_the_way.strategy, there.strategy) == ("RollingUpdate", "BlueGreen")


async def test_promoting_what_serves_already_is_one_look(world: World) -> None:
    delivery = await a_line(world)
    release = await delivery.a_release("1.4.0", "dev")
    await delivery.promote(release, strategy="Canary")
    again = await delivery.promote(release, "dev", strategy="Canary")
    assert (again.status, names(again.steps)) == ("Completed", ["Deploy"])
    assert [slot.name for slot in (await delivery.target("dev")).arrangement.slots] == ["green"]
