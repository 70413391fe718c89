"""One apply of a stack at a time: whoever has its lease."""

import pytest

from domain.devops.infrastructure.beginning import BeginInfrastructure
from domain.devops.infrastructure.ending import FailInfrastructure
from domain.devops.infrastructure.engine_steps import ApplyInfrastructure
from domain.devops.infrastructure.infrastructure_stack import LEASE
from domain.devops.infrastructure.watching import WatchInfrastructure
from tests.domain.devops.infrastructure.given import STACK, Site, step

ONE = {"bucket": {"sku": "standard"}}


async def test_the_second_plan_waits_and_says_for_what(site: Site) -> None:
    first = await site.until((await site.requested()).id, "Applying")
    second = await site.requested()
    for _ in range(3):
        second = await site.next_step(second.id)
        assert (second.status, second.waiting_for) == (
            "Requested",
            f"plan {first.id}, which holds stack {STACK}",
        )
        assert second.look_again_at is not None
    assert (await site.until(first.id)).status == "Provisioned"
    assert (await site.until(second.id)).status == "NothingToDo"


async def test_two_environments_of_one_stack_take_turns_too(site: Site) -> None:
    first = await site.until((await site.requested("dev")).id, "Previewing")
    second = await site.next_step((await site.requested("test")).id)
    assert second.waiting_for == f"plan {first.id}, which holds stack {STACK}"


async def test_a_plan_whose_environment_got_another_stack_is_superseded(site: Site) -> None:
    plan = await site.requested()
    await site.configure(stack="booking/other")
    ended = await site.until(plan.id)
    assert (ended.status, ended.reason) == (
        "Superseded",
        "environment dev is configured to have other infrastructure by now",
    )
    assert not site.engine.effects


@pytest.mark.parametrize("stage", ["DetectingDrift", "Previewing", "Verifying", "Applying"])
@pytest.mark.parametrize("begun", [False, True])
async def test_a_stale_holders_late_step_is_refused_by_its_fence(site: Site, stage: str, begun: bool) -> None:
    await site.program(ONE)
    await site.provisioned()
    await site.program({**ONE, "queue": {}})
    plan = await site.until((await site.requested()).id, stage)
    if begun:
        plan = await site.next_step(plan.id)
    before = site.engine.effects.copy()
    await site.taken_from(plan.id)
    assert plan.next_step is not None
    assert await site.refused(step(plan.next_step, plan.id)) == (
        f"plan {plan.id} no longer holds stack {STACK}: its lease 2 is over, the last one given is 3"
    )
    assert site.engine.effects == before


async def test_a_lease_ends_where_nothing_is_heard_of_its_holder(site: Site) -> None:
    await site.program(ONE)
    silent = await site.until((await site.requested()).id, "Applying")
    site.clock.step(LEASE.total_seconds())
    following = await site.until((await site.requested()).id)
    assert following.status == "Provisioned" and following.fence == 2
    silent = await site.plan(silent.id)
    assert (silent.status, silent.reason) == (
        "Errored",
        f"nothing was heard of plan {silent.id} until its lease had ended",
    )
    assert await site.refused(ApplyInfrastructure(infrastructure_plan_id=silent.id)) == (
        f"plan {silent.id} is Errored, not Applying"
    )
    assert site.engine.effects["update"] == 1


async def test_looks_renew_the_lease(site: Site) -> None:
    site.engine.holding = True
    plan = await site.until((await site.requested()).id, "Previewing")
    await site.next_step(plan.id)
    before = (await site.stack()).held_until
    site.clock.step(LEASE.total_seconds() * 0.6)
    await site.next_step(plan.id)
    after = (await site.stack()).held_until
    assert before is not None and after is not None and after > before


async def test_an_update_that_was_given_up_but_still_runs_is_waited_for(site: Site) -> None:
    await site.program(ONE)
    plan = await site.until((await site.requested()).id, "Applying")
    site.engine.holding = True
    await site.next_step(plan.id)
    await site.when(FailInfrastructure(infrastructure_plan_id=plan.id, reason="the engine was away"))
    following = await site.next_step((await site.requested()).id)
    assert following.waiting_for == f"the update of plan {plan.id}, which was given up but still runs"
    site.engine.holding = False
    site.engine.finish()
    assert (await site.until(following.id)).status == "NothingToDo"
    assert site.engine.overlaps == 0


async def test_an_update_that_may_have_begun_is_looked_for_by_its_operation(site: Site) -> None:
    """Its step crashed after the engine had taken it, and was given up: nobody knows its id."""
    await site.program(ONE)
    plan = await site.until((await site.requested()).id, "Applying")
    site.engine.holding = True
    site.engine.lose_answer("begin")
    try:
        await site.next_step(plan.id)
        raise AssertionError("the answer was not lost")
    except Exception as lost:
        assert "lost" in str(lost)
    await site.when(FailInfrastructure(infrastructure_plan_id=plan.id, reason="the engine was away"))
    following = await site.next_step((await site.requested()).id)
    assert following.waiting_for is not None and plan.id in following.waiting_for
    site.engine.holding = False
    site.engine.finish()
    assert (await site.until(following.id)).status == "NothingToDo"
    assert (site.engine.overlaps, site.engine.effects["update"]) == (0, 1)


async def test_a_repeated_beginning_takes_no_second_lease(site: Site) -> None:
    plan = await site.until((await site.requested()).id, "Previewing")
    await site.when(BeginInfrastructure(infrastructure_plan_id=plan.id))
    await site.when(WatchInfrastructure(infrastructure_plan_id=plan.id))
    assert ((await site.stack()).fence, (await site.plan(plan.id)).fence) == (1, 1)
