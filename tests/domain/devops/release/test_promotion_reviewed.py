"""What a promotion does not give away, does not heap up, and does not give up."""

from datetime import timedelta

from domain.devops.release.promotion_state import (
    MOST_RESULTS,
    GateCheck,
    GateKind,
    GateOutcome,
    HealthGateResult,
    with_checks,
)
from domain.kernel.errors import Unavailable
from domain.provided import StackHandle
from functions.promotion import LONGEST, promote
from tests.domain.devops.release.promoting import a_delivery, an_environment
from tests.domain.world import Clock, World
from tests.orchestrations import Activity, Context, Timer

STACK = "reservations/dev"


async def test_outputs_that_look_like_secrets_are_not_put_into_git(world: World) -> None:
    source = {"stack": STACK, "repository_id": "repo-programs"}
    environment = an_environment("dev", manifest={"type": "PulumiOutput"}, infrastructure=source)
    delivery = await a_delivery(world, environment)
    stack = world.infrastructure.stack_of(StackHandle(world.partition, "dev", "Pulumi", STACK))
    stack.outputs = {
        "host": "db.internal",
        "dbPassword": "not-marked-by-the-program",
        "connection": "Server=db;Password=not-marked-either;",
    }
    promotion = await delivery.promote(await delivery.a_release("1.4.0", "dev"), "dev")
    assert promotion.manifest_id is not None, promotion.reason
    (committed,) = [
        content
        for path, content in (await delivery.committed("dev")).items()
        if path.endswith("manifest.yaml")
    ]
    assert b"db.internal" in committed and b"not-marked" not in committed


def test_of_a_gate_that_comes_and_goes_the_newest_results_are_kept() -> None:
    clock = Clock()
    results: tuple[HealthGateResult, ...] = ()
    for look in range(MOST_RESULTS + 100):
        outcome = GateOutcome.INCONCLUSIVE if look % 2 else GateOutcome.PASSED
        check = GateCheck(GateKind.METRIC, "errors", outcome, f"look {look}")
        results = with_checks(results, 1, (check,), clock.step(30))
    assert len(results) == MOST_RESULTS
    assert results[-1].sentence == f"look {MOST_RESULTS + 99}"


def test_who_has_not_begun_is_not_ended_by_what_is_away() -> None:
    clock = Clock()
    turns = promote(Context({"id": "promotion-1"}, clock))
    asked = next(turns)
    for _ in range(3):
        assert isinstance(asked, Activity) and asked.name == "begin_promotion"
        waits = turns.throw(Unavailable("storage", "it is away"))
        assert isinstance(waits, Timer) and waits.fire_at == clock.moment + timedelta(seconds=LONGEST)
        asked = turns.send(None)


async def test_a_release_that_nobody_has_approved_keeps_no_other_waiting(world: World) -> None:
    delivery = await a_delivery(world)
    waiting = await delivery.ask(await delivery.a_release("1.4.0", approved=False), "dev")
    (first,) = world.begun
    world.begun.clear()
    other = await delivery.promote(await delivery.a_release("1.5.0"), "dev")
    assert other.status == "Completed"
    assert (await delivery.again(waiting)).status == "Pending" and first["id"] == waiting.promotion_id


async def test_a_module_that_has_what_another_one_has_is_refused_and_leaves_it_alone(world: World) -> None:
    delivery = await a_delivery(world)
    await delivery.promoted(await delivery.a_release("1.4.0"), "dev")
    before = await delivery.committed("dev")
    other = await delivery.a_release("2.0.0", module_id="module-payments", same_objects=True)
    promotion = await delivery.promote(other, "dev")
    assert promotion.status == "Failed"
    assert "module module-reservations-api has a " in (promotion.reason or "")
    assert await delivery.committed("dev") == before


async def test_a_cluster_that_does_not_answer_has_as_long_as_a_step_may_take(world: World) -> None:
    delivery = await a_delivery(world, an_environment("dev", gates={"timeout_seconds": 900}))
    world.agent.hold()
    asked = await delivery.ask(await delivery.a_release("1.4.0", "dev"), "dev")

    async def away_while_it_is_verified() -> None:
        promotion = await delivery.again(asked)
        world.agent.away = promotion.status == "InProgress"

    await world.played(away_while_it_is_verified)
    promotion = await delivery.again(asked)
    assert promotion.status == "Failed", "what was never found applied has not passed"
    assert promotion.reason is not None and "not healthy within 900 s" in promotion.reason
    assert any("it is away" in one.sentence for one in promotion.gate_results)
