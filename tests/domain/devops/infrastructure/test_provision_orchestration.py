"""The orchestrator, played over memory with a clock that jumps from timer to timer."""

from collections.abc import Callable

from domain.devops.infrastructure.infrastructure_plan import InfrastructurePlan, ProvisionInfrastructure
from domain.devops.infrastructure.infrastructure_stack import LEASE
from domain.kernel.values import timestamp
from functions.infrastructure import STEPS
from tests.domain.devops.infrastructure.given import Site
from tests.domain.world import START

ONE = {"bucket": {"sku": "standard"}}


async def ordered(site: Site, environment: str = "dev", **more: bool) -> str:
    """A request whose orchestration waits to be played; the plan's id."""
    await site.given(ProvisionInfrastructure(environment=environment, **more))
    return str(site.begun[-1]["id"])


async def played(site: Site, id: str, between: Callable[[], object] | None = None) -> InfrastructurePlan:
    async def then() -> None:
        if between is not None:
            between()

    await site.played(then)
    return await site.plan(id)


async def test_it_goes_all_the_way(site: Site) -> None:
    await site.program(ONE)
    plan = await played(site, await ordered(site))
    assert (plan.status, plan.initiator, plan.updated_by) == ("Provisioned", site.actor.name, "orchestrator")
    await site.program({**ONE, "queue": {}})
    again = await played(site, await ordered(site))
    assert again.status == "Provisioned"
    assert [run.operation for run in again.runs] == ["detect-drift", "preview", "detect-drift", "update"]


async def test_the_fact_is_of_the_trace_of_the_request(site: Site) -> None:
    await ordered(site)
    await site.played()
    (fact,) = [m for m in site.published() if m.properties["cs-event-type"] == "InfrastructureProvisioned"]
    assert fact.properties["cs-trace-id"] == f"trace-{site._numbers['trace']}"
    assert fact.properties["cs-initiator"] == site.actor.name


async def test_it_looks_until_the_engine_is_done(site: Site) -> None:
    site.engine.holding = True
    looks = 0

    def between() -> None:
        nonlocal looks
        looks += 1
        if looks % 120 == 0:
            site.engine.finish()

    plan = await played(site, await ordered(site), between)
    assert plan.status == "Provisioned"
    # More looks than one history holds, one every half minute.
    assert looks == 240 > 2 * STEPS
    assert 240 * 25 < (site.clock.moment - START).total_seconds() < 240 * 30 + 10


async def test_two_of_one_stack_take_turns(site: Site) -> None:
    site.engine.holding = True
    first, second = await ordered(site), await ordered(site)
    orders = site.orchestrations.begun
    waited: list[str] = []

    async def of_the_second() -> None:
        """One look at the first each time that the second waits for it."""
        waiting_for = (await site.plan(second)).waiting_for
        if waiting_for is None:
            return  # it waits for the engine, at its own turn
        waited.append(waiting_for)
        if len(waited) < 3:
            return
        site.engine.holding = False
        site.engine.finish()
        await site.until(first)

    async def of_the_first() -> None:
        if not waited:
            await site.orchestrations.play(orders[second], of_the_second)

    await site.orchestrations.play(orders[first], of_the_first)
    stack = (await site.stack()).stack
    assert waited == [f"plan {first}, which holds stack {stack}"] * 3
    assert [(await site.plan(id)).status for id in (first, second)] == ["Provisioned", "NothingToDo"]
    assert site.engine.effects["update"] == 1


async def test_an_engine_that_stays_away_ends_the_plan_as_errored(site: Site) -> None:
    site.engine.away = True
    plan = await played(site, await ordered(site))
    assert plan.status == "Errored" and plan.reason is not None
    assert "the infrastructure engine is unavailable" in plan.reason
    assert (await site.stack()).holder is None
    site.engine.away = False
    assert (await played(site, await ordered(site))).status == "Provisioned"


async def test_an_engine_that_comes_back_in_time_is_not_even_noticed(site: Site) -> None:
    for method in ("begin", "run", "stack", "find"):
        site.engine.lose_answer(method, 2)
    plan = await played(site, await ordered(site))
    assert (plan.status, site.engine.effects) == ("Provisioned", {"preview": 1, "update": 1})


async def test_a_step_that_is_refused_fails_the_plan_with_its_sentence(site: Site) -> None:
    site.engine.closed = "resource group rg-booking does not exist"
    plan = await played(site, await ordered(site))
    assert (plan.status, plan.reason) == ("Failed", site.engine.closed)
    assert (await site.stack()).holder is None


async def test_it_ends_where_its_plan_was_given_up_meanwhile(site: Site) -> None:
    site.engine.holding = True
    id = await ordered(site)

    async def between() -> None:
        site.clock.step(LEASE.total_seconds())
        other = await site.requested()
        await site.next_step(other.id)

    await site.orchestrations.play(site.orchestrations.begun[id], between)
    plan = await site.plan(id)
    assert (plan.status, plan.runs[-1].status) == ("Errored", "running")
    assert (await site.stack()).holder not in (None, id)


async def test_its_standing_is_json_of_what_comes_next(site: Site) -> None:
    site.engine.holding = True
    plan = await site.until((await site.requested()).id, "Previewing")
    plan = await site.next_step(plan.id)
    assert plan.look_again_at is not None
    assert plan.standing() == {
        "status": "Previewing",
        "nextStep": "WatchInfrastructure",
        "lookAgainAt": timestamp(plan.look_again_at),
        "waitingFor": None,
        "reason": None,
    }
