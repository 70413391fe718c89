"""Promotions: from an approved release to an environment that has it, found healthy."""

import pytest
import yaml

from domain.devops.release.environment_promotion import EnvironmentPromotion
from domain.kernel.errors import Unavailable
from domain.kernel.naming import dns_label
from tests.domain.devops.release.given import MODULE
from tests.domain.devops.release.promoting import a_delivery, an_environment
from tests.domain.world import World
from tests.orchestrations import Activity, Running

OTHER = "module-payments"
BOTH = sorted(map(dns_label, (MODULE, OTHER)))


def promoted(world: World) -> list[tuple[str, str]]:
    """Version and environment of each DeploymentPromoted, as they came."""
    facts = [one for one in world.published() if one.properties["cs-event-type"] == "DeploymentPromoted"]
    payloads = [yaml.safe_load(one.body)["payload"] for one in facts]
    return [(one["version"], one["environment"]) for one in payloads]


def rendered(world: World) -> int:
    names = [one.properties["cs-event-type"] for one in world.published()]
    return names.count("DeploymentManifestRendered")


async def test_a_release_goes_down_the_path(world: World) -> None:
    delivery = await a_delivery(world)
    release = await delivery.a_release("1.4.0")
    for name in ("dev", "test", "staging", "prod"):
        promotion = await delivery.promote(release)
        assert (promotion.to_environment, promotion.status, promotion.reason) == (name, "Completed", None)
        target = await delivery.target(name)
        assert target.verified is not None and target.verified.version == "1.4.0"
        assert target.queue == () and target.promotion_id is None
    assert promoted(world) == [("1.4.0", name) for name in ("dev", "test", "staging", "prod")]
    assert "promoted as far as prod" in await refusal(world, delivery.ask(release))


async def refusal(world: World, asking: object) -> str:
    with pytest.raises(Exception) as no:
        await asking  # type: ignore[misc]
    return str(no.value)


async def test_a_promotion_keeps_who_asked_where_from_and_what_it_saw(world: World) -> None:
    delivery = await a_delivery(world)
    release = await delivery.a_release("1.4.0")
    await delivery.promoted(release, "dev")
    promotion = await delivery.promote(release, "test")
    assert (promotion.from_environment, promotion.to_environment) == ("dev", "test")
    assert (promotion.promoted_by, promotion.automatic, promotion.is_first_of_build) == (
        "ada@connectsoft.example",
        False,
        True,
    )
    assert [(one.kind, one.outcome) for one in promotion.gate_results] == [
        ("Sync", "Passed"),
        ("Rollout", "Passed"),
    ]
    (step,) = promotion.steps
    assert step.commit_sha == await delivery.head("test") == (await delivery.target("test")).commit_sha
    fact = world.published()[-1]
    assert fact.properties["cs-initiator"] == "ada@connectsoft.example"


async def test_a_manifest_is_rendered_once_however_often_it_is_promoted(world: World) -> None:
    delivery = await a_delivery(world)
    release = await delivery.a_release("1.4.0")
    first = await delivery.promote(release, "dev")
    second = await delivery.promote(release, "dev")
    assert (first.status, second.status) == ("Completed", "Completed")
    assert first.manifest_id == second.manifest_id and rendered(world) == 1
    assert (first.is_first_of_build, second.is_first_of_build) == (True, False)
    # What is in Git already is not committed again.
    assert first.steps[0].commit_sha == second.steps[0].commit_sha
    assert promoted(world) == [("1.4.0", "dev")] * 2


async def test_two_modules_at_the_same_time_leave_each_other_alone(world: World) -> None:
    delivery = await a_delivery(world)
    one = await delivery.a_release("1.4.0")
    other = await delivery.a_release("2.0.0", module_id=OTHER)
    asked = [await delivery.ask(release, "dev") for release in (one, other)]
    running = [Running(order, world.clock, world.orchestrations.taken) for order in world.begun]
    while any(not each.is_over for each in running):
        for each in running:
            if not each.is_over:
                await each.turn()
    assert [(await delivery.again(each)).status for each in asked] == ["Completed", "Completed"]
    committed = await delivery.committed("dev")
    assert yaml.safe_load(committed["kustomization.yaml"])["resources"] == BOTH


@pytest.mark.parametrize("third", [[], ["module-third"]], ids=["the first ones", "beside another"])
async def test_commits_of_two_modules_in_the_same_moment_both_count(world: World, third: list[str]) -> None:
    """The root of the branch is shared: the second decides anew on top of the first."""
    delivery = await a_delivery(world)
    for module_id in third:
        await delivery.promoted(await delivery.a_release("1.0.0", module_id=module_id), "dev")
    asked = []
    for version, module_id in (("1.4.0", MODULE), ("2.0.0", OTHER)):
        asked.append(await delivery.ask(await delivery.a_release(version, module_id=module_id), "dev"))
    one, other = (Running(order, world.clock, world.orchestrations.taken) for order in world.begun)
    for each in (one, other):
        while not (isinstance(each.asked, Activity) and each.asked.name == "commit_promotion_step"):
            await each.turn()
    create_commit = world.git.create_commit
    passed: list[bool] = []

    async def slow(*args: object, **named: object) -> object:
        if not passed:
            passed.append(True)
            await other.turn()
        return await create_commit(*args, **named)  # type: ignore[arg-type]

    world.git.create_commit = slow  # type: ignore[method-assign, assignment]
    await one.turn()
    committed = await delivery.committed("dev")
    assert yaml.safe_load(committed["kustomization.yaml"])["resources"] == [*BOTH, *third]
    for each in (one, other):
        while not each.is_over:
            await each.turn()
    assert [(await delivery.again(each)).status for each in asked] == ["Completed", "Completed"]


async def test_each_step_dispatched_twice_has_one_effect(world: World) -> None:
    delivery = await a_delivery(world, an_environment("dev", default_strategy="Canary"))
    await delivery.promoted(await delivery.a_release("1.3.0", "dev", strategy="Canary"), "dev")
    before = world.effects
    promotion = await delivery.ask(await delivery.a_release("1.4.0", "dev", strategy="Canary"), "dev")
    twice = 0

    async def taken(asked: Activity) -> dict[str, object]:
        nonlocal twice
        first = await world.orchestrations.taken(asked)
        state = (await delivery.again(promotion)).state()
        effects = world.effects
        second = await world.orchestrations.taken(asked)
        if first["standing"]["next"] != "VerifyPromotionStep" or asked.name != "verify_promotion_step":
            assert (await delivery.again(promotion)).state() == state and world.effects == effects
        assert first["rejected"] == second["rejected"] is None
        twice += 1
        return first

    running = Running(world.begun.pop(), world.clock, taken)
    while not running.is_over:
        await running.turn()
    assert (await delivery.again(promotion)).status == "Completed" and twice == 11
    # Four stages: 10 %, 50 %, all, and the old version away.
    assert (world.effects - before)["commit"] == 4
    assert promoted(world) == [("1.3.0", "dev"), ("1.4.0", "dev")]


async def test_what_one_activity_has_done_its_zombie_cannot_do_again(world: World) -> None:
    """A step of another run, when the promotion has long been over, is refused and changes nothing."""
    delivery = await a_delivery(world)
    promotion = await delivery.ask(await delivery.a_release("1.4.0"), "dev")
    order, calls = world.begun[0], []

    async def taken(asked: Activity) -> dict[str, object]:
        calls.append(asked)
        return await world.orchestrations.taken(asked)

    running = Running(world.begun.pop(), world.clock, taken)
    while not running.is_over:
        await running.turn()
    state, effects = (await delivery.again(promotion)).state(), world.effects
    for call in calls:
        late = Activity(call.name, {**call.call, "order": {**order, "run": "run-zombie"}})
        answer = await world.orchestrations.taken(late)
        assert answer["standing"]["next"] is None and answer["errored"] is None
        assert answer["rejected"] is None or "has lost module-reservations-api in dev" in answer["rejected"]
    assert (await delivery.again(promotion)).state() == state and world.effects == effects


async def test_a_provider_that_stays_away_ends_it_as_errored(world: World) -> None:
    delivery = await a_delivery(world)
    promotion = await delivery.ask(await delivery.a_release("1.4.0"), "dev")
    world.renderer.away = True
    await world.played()
    found = await delivery.again(promotion)
    assert (found.status, found.rollback) == ("Errored", None)
    assert found.reason is not None and str(Unavailable("kustomize", "it is away")) in found.reason
    assert (await delivery.target("dev")).queue == () and promoted(world) == []


async def test_what_nobody_can_render_fails(world: World) -> None:
    broken = {"path": "nowhere/{environment}"}
    delivery = await a_delivery(world, an_environment("dev", manifest=broken))
    promotion = await delivery.promote(await delivery.a_release("1.4.0", "dev"), "dev")
    assert (promotion.status, promotion.steps) == ("Failed", ())
    assert promotion.reason is not None and "has no folder nowhere/dev" in promotion.reason
    assert (await world.store.page(world.partition, EnvironmentPromotion, 10)).items
    assert await delivery.head("dev") is None
