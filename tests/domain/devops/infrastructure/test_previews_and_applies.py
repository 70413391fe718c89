"""What is applied is what was previewed; everything else is refused, or told."""

import pytest

from domain.devops.infrastructure.changes import ChangeSummary
from domain.devops.infrastructure.ending import FailInfrastructure
from domain.devops.infrastructure.engine_steps import (
    ApplyInfrastructure,
    DetectInfrastructureDrift,
    PreviewInfrastructure,
)
from domain.devops.infrastructure.watching import LONGEST, WatchInfrastructure
from domain.kernel.errors import Unavailable
from tests.domain.devops.infrastructure.given import STACK, Site

ONE = {"bucket": {"sku": "standard"}}
OTHER = {"bucket": {"sku": "premium"}}


async def again(site: Site) -> str:
    """The id of a plan that is about to apply something to a stack that was applied before."""
    await site.program(ONE)
    await site.provisioned()
    await site.program(OTHER)
    plan = await site.until((await site.requested()).id, "Verifying")
    assert plan.status == "Verifying"
    return plan.id


async def test_an_apply_without_a_preview_is_refused(site: Site) -> None:
    plan = await site.requested()
    assert await site.refused(ApplyInfrastructure(infrastructure_plan_id=plan.id)) == (
        f"plan {plan.id} is Requested: an apply requires a successful preview"
    )
    plan = await site.until(plan.id, "Previewing")
    assert "requires a successful preview" in await site.refused(
        ApplyInfrastructure(infrastructure_plan_id=plan.id)
    )
    assert not site.engine.effects


async def test_steps_out_of_their_order_are_refused(site: Site) -> None:
    plan = await site.requested()
    for step, wanted in (
        (DetectInfrastructureDrift, "DetectingDrift or Verifying"),
        (PreviewInfrastructure, "Previewing"),
    ):
        sentence = await site.refused(step(infrastructure_plan_id=plan.id))
        assert sentence == f"plan {plan.id} is Requested, not {wanted}"


async def test_a_failed_preview_is_not_applied(site: Site) -> None:
    site.engine.fail_next("preview", "bucket: name is taken")
    plan = await site.provisioned()
    assert (plan.status, plan.reason) == ("Failed", "the preview failed: bucket: name is taken")
    assert (await site.stack()).holder is None
    assert site.engine.updates == []


async def test_a_program_that_the_engine_does_not_take_fails_the_plan(site: Site) -> None:
    site.engine.refused[await site.program(ONE)] = "Pulumi takes no such program: runtime is missing"
    plan = await site.provisioned()
    assert (plan.status, plan.reason) == ("Failed", "Pulumi takes no such program: runtime is missing")
    assert (await site.stack()).holder is None


async def test_a_stack_that_moved_since_the_preview_is_not_touched(site: Site) -> None:
    plan = await site.until(await again(site), "Applying")
    site.engine.move(site.at_engine)
    ended = await site.until(plan.id)
    assert (ended.status, ended.reason) == (
        "Refused",
        f"stack {STACK} moved from version 1 to 2 since the preview: it is no longer what was previewed",
    )
    assert site.engine.effects["update"] == 1 and (await site.stack()).holder is None


async def test_drift_that_appeared_since_the_preview_refuses_the_apply(site: Site) -> None:
    id = await again(site)
    site.engine.drift(site.at_engine, "bucket", None)
    ended = await site.until(id)
    assert (ended.status, ended.reason) == (
        "Refused",
        f"drift appeared on stack {STACK} since the preview: create bucket",
    )
    assert site.engine.effects["update"] == 1
    assert [one.name for one in (await site.stack()).drift] == ["bucket"]


async def test_drift_that_was_mended_by_hand_refuses_it_as_well(site: Site) -> None:
    await site.program(ONE)
    await site.provisioned()
    site.engine.drift(site.at_engine, "bucket", {"sku": "by hand"})
    plan = await site.until((await site.requested()).id, "Verifying")
    site.engine.drift(site.at_engine, "bucket", ONE["bucket"])
    ended = await site.until(plan.id)
    assert (ended.status, ended.reason) == (
        "Refused",
        f"drift on stack {STACK} went away since the preview: update bucket",
    )


async def test_a_preview_that_was_tampered_with_is_not_applied(site: Site) -> None:
    plan = await site.until((await site.requested()).id, "Applying")
    plan.require_previewed()
    plan.changes = ()
    with pytest.raises(Exception, match="is not as it was previewed"):
        plan.require_previewed()


async def test_an_update_that_did_other_than_previewed_is_told_and_kept(site: Site) -> None:
    head = await site.program(ONE)
    plan = await site.until((await site.requested()).id, "Applying")
    site.engine.declare(head, {**ONE, "queue": {}}, {"region": "westeurope"})
    ended = await site.until(plan.id)
    assert (ended.status, ended.aggregate_version) == ("Failed", 0)
    assert ended.reason == (
        f"the update of stack {STACK} did other than was previewed: create queue was not previewed"
    )
    assert [one.name for one in ended.outputs] == ["region"]
    stack = await site.stack()
    assert (stack.version, stack.applied_program, stack.holder) == (1, None, None)
    assert [one.name for one in stack.outputs] == ["region"]


async def test_a_failed_update_tells_how_far_it_came(site: Site) -> None:
    await site.program({**ONE, "queue": {}})
    site.engine.fail_next("update", "queue: quota exceeded", after=1)
    plan = await site.provisioned()
    assert (plan.status, plan.reason) == ("Failed", "the update failed: queue: quota exceeded")
    assert [one.name for one in plan.done] == ["bucket"] and plan.applied_at is None
    # The next one goes on from there: drift is looked for, and the rest is made.
    after = await site.provisioned()
    assert (after.status, after.preview_summary) == ("Provisioned", ChangeSummary(create=1))
    assert after.runs[0].operation == "detect-drift"


async def test_an_update_whose_answer_was_lost_is_found_again(site: Site) -> None:
    await site.program(ONE)
    plan = await site.until((await site.requested()).id, "Applying")
    site.engine.lose_answer("begin")
    with pytest.raises(Unavailable):
        await site.next_step(plan.id)
    # The state has moved meanwhile, but by this very update.
    ended = await site.until(plan.id)
    assert (ended.status, site.engine.effects["update"]) == ("Provisioned", 1)


async def test_looks_are_quick_at_first_and_then_half_a_minute_apart(site: Site) -> None:
    site.engine.holding = True
    plan = await site.until((await site.requested()).id, "Previewing")
    plan = await site.next_step(plan.id)
    waits = []
    for _ in range(7):
        assert plan.look_again_at is not None and plan.standing()["nextStep"] == "WatchInfrastructure"
        waits.append((plan.look_again_at - site.clock.now()).total_seconds())
        plan = await site.next_step(plan.id)
    assert waits == [1, 2, 4, 8, 15, 30, 30]
    site.engine.finish()
    assert (await site.next_step(plan.id)).look_again_at is None


async def test_somebody_elses_update_is_waited_for(site: Site) -> None:
    await site.program(ONE)
    plan = await site.until((await site.requested()).id, "Applying")
    site.there.taken_by_somebody = True
    await site.next_step(plan.id)
    plan = await site.next_step(plan.id)
    assert (plan.status, plan.waiting_for) == (
        "Applying",
        f"an update of stack {STACK} that is somebody else's",
    )
    assert plan.standing()["waitingFor"] == plan.waiting_for
    site.there.taken_by_somebody = False
    assert (await site.until(plan.id)).status == "Provisioned"


async def test_drift_is_looked_for_again_after_waiting_for_somebody_else(site: Site) -> None:
    plan = await site.until(await again(site), "Applying")
    site.there.taken_by_somebody = True
    await site.next_step(plan.id)
    plan = await site.next_step(plan.id)
    assert (plan.status, plan.running) == ("Verifying", None)
    site.there.taken_by_somebody = False
    site.engine.drift(site.at_engine, "bucket", None)
    assert (await site.until(plan.id)).status == "Refused"


async def test_a_preview_that_the_engine_has_forgotten_is_made_again(site: Site) -> None:
    plan = await site.until((await site.requested()).id, "Previewing")
    plan = await site.next_step(plan.id)
    site.engine.forget()
    assert (await site.until(plan.id)).status == "Provisioned"
    assert site.engine.effects["preview"] == 2


async def test_an_update_that_the_engine_has_forgotten_is_not(site: Site) -> None:
    plan = await site.until((await site.requested()).id, "Applying")
    plan = await site.next_step(plan.id)
    site.engine.forget()
    ended = await site.until(plan.id)
    run = ended.runs[-1].run_id
    assert (ended.status, ended.reason) == ("Errored", f"the engine does not know update {run} any more")
    assert site.engine.effects["update"] == 1


async def test_a_canceled_run_fails_the_plan(site: Site) -> None:
    site.engine.holding = True
    plan = await site.until((await site.requested()).id, "Previewing")
    await site.next_step(plan.id)
    site.engine.finish("canceled")
    plan = await site.next_step(plan.id)
    assert (plan.status, plan.reason) == ("Failed", "the preview was canceled")


async def test_what_does_not_end_is_stopped(site: Site) -> None:
    site.engine.holding = True
    plan = await site.until((await site.requested()).id, "Previewing")
    await site.next_step(plan.id)
    site.clock.step(LONGEST.total_seconds())
    plan = await site.next_step(plan.id)
    assert (plan.status, plan.reason) == ("Errored", "the preview was not done within 6 hours")
    assert site.engine.unfinished == [] and (await site.stack()).holder is None


async def test_what_failed_technically_is_told_apart_from_what_was_refused(site: Site) -> None:
    for refused, status in ((False, "Errored"), (True, "Failed")):
        plan = await site.until((await site.requested()).id, "Previewing")
        await site.when(
            FailInfrastructure(infrastructure_plan_id=plan.id, reason="the engine is away", refused=refused)
        )
        plan = await site.plan(plan.id)
        assert (plan.status, plan.reason) == (status, "the engine is away")
        assert (await site.stack()).holder is None
        # Whatever comes late finds it over.
        await site.when(WatchInfrastructure(infrastructure_plan_id=plan.id))
        await site.when(FailInfrastructure(infrastructure_plan_id=plan.id, reason="again"))
        assert (await site.plan(plan.id)).reason == "the engine is away"
