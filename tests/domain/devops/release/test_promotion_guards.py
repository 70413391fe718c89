"""What keeps a promotion from beginning, or from going on: each says what it waits for."""

from datetime import timedelta
from typing import Any

import pytest

from domain.devops.delivery.delivery_line import ResumeTheLine, StopTheLine
from domain.devops.delivery.delivery_policy import ConfigureDelivery, Severity
from domain.devops.packaging.container_image import ContainerImage, ImageScanResult, ScanState
from domain.devops.release.deployment_target import HoldDeployment, LiftHold
from domain.devops.release.environment_promotion import EnvironmentPromotion
from domain.devops.release.promotion_control import BypassFreeze, CancelPromotion
from domain.kernel.command import Command
from domain.kernel.values import timestamp
from domain.kernel.work import TENANT_WIDE, Partition
from tests.domain.devops.release.given import ALAN, HEIDI, MODULE, store, to_decide
from tests.domain.devops.release.promoting import Delivery, a_delivery, an_environment
from tests.domain.world import HERE, World
from tests.orchestrations import Running

WIDE = Partition(HERE.tenant_id, TENANT_WIDE)
HOLD = HoldDeployment(module_id=MODULE, environment="dev", reason="an audit")
LIFT = LiftHold(module_id=MODULE, environment="dev", reason="it is over")


async def by_heidi(world: World, command: Command, partition: Partition = HERE) -> None:
    world.actor, world.partition = HEIDI, partition
    await world.given(command)
    world.partition = HERE


class Underway:
    """A promotion of 1.4.0 to dev, turn by turn."""

    def __init__(self, delivery: Delivery, promotion: EnvironmentPromotion) -> None:
        self.delivery, self.id = delivery, promotion.promotion_id
        world = delivery.world
        self.running = Running(world.begun.pop(), world.clock, world.orchestrations.taken)

    async def look(self) -> EnvironmentPromotion:
        """Once more, when it is time."""
        if self.running.due is not None:
            self.delivery.world.clock.moment = max(self.delivery.world.clock.moment, self.running.due)
            await self.running.turn()
        await self.running.turn()
        return await self.delivery.world.read(EnvironmentPromotion, self.id)

    async def ended(self) -> EnvironmentPromotion:
        while not self.running.is_over:
            await self.look()
        return await self.delivery.world.read(EnvironmentPromotion, self.id)


async def underway(delivery: Delivery, *, approved: bool = True, **how: Any) -> Underway:
    release = await delivery.a_release("1.4.0", "dev", approved=approved)
    return Underway(delivery, await delivery.ask(release, "dev", **how))


def waits_for(promotion: EnvironmentPromotion) -> tuple[str, str]:
    assert promotion.status == "Pending" and promotion.waiting_for is not None, promotion
    return promotion.waiting_for.what, promotion.waiting_for.sentence


async def test_a_release_that_is_not_approved_waits_for_its_approval(world: World) -> None:
    delivery = await a_delivery(world)
    promotion = await underway(delivery, approved=False)
    what, sentence = waits_for(await promotion.look())
    assert what == "Approval" and "has not been approved" in sentence
    release = (await world.read(EnvironmentPromotion, promotion.id)).release_id
    world.actor = ALAN
    await world.given(to_decide(await delivery.release(release)))
    assert (await promotion.ended()).status == "Completed"


@pytest.mark.parametrize("end", ["Rejected", "Expired"])
async def test_a_release_that_will_never_be_approved_ends_it(world: World, end: str) -> None:
    delivery = await a_delivery(world)
    promotion = await underway(delivery, approved=False)
    release = (await promotion.look()).release_id
    if end == "Rejected":
        world.actor = ALAN
        await world.given(to_decide(await delivery.release(release), decision="Rejected"))
    else:
        world.clock.step(timedelta(days=4).total_seconds())
    found = await promotion.ended()
    assert (found.status, found.reason) == ("Canceled", f"release {release} is {end}")
    assert found.began_at is None and (await delivery.target("dev")).queue == ()


async def test_a_scan_that_fails_after_the_approval_keeps_it_waiting(world: World) -> None:
    delivery = await a_delivery(world)
    promotion = await underway(delivery)
    plan = await delivery.release((await world.read(EnvironmentPromotion, promotion.id)).release_id)
    image = await world.read(ContainerImage, plan.artifacts[0].image_id or "")
    await scanned(world, image, ScanState.FAILED)
    what, sentence = waits_for(await promotion.look())
    assert what == "Readiness" and "scan" in sentence and "approved" not in sentence
    assert waits_for(await promotion.look())[0] == "Readiness"
    assert await delivery.head("dev") is None
    await scanned(world, image, ScanState.PASSED)
    assert (await promotion.ended()).status == "Completed"


async def scanned(world: World, image: ContainerImage, state: ScanState) -> None:
    result = ImageScanResult(state=state, scanned_at=world.clock.now(), failing_severity=Severity.HIGH)
    # As a later scan of the same image leaves it.
    row = world.memory._project(HERE).aggregates.pop((image.kind, image.id))
    assert row is not None
    await store(world, image.model_copy(update={"scan_result": result}))


STOPS = {
    "environment": (StopTheLine(environment="dev", reason="an alarm"), HERE),
    "project": (StopTheLine(reason="an alarm"), HERE),
    "tenant": (StopTheLine(reason="an alarm"), WIDE),
    "environment of the tenant": (StopTheLine(environment="dev", reason="an alarm"), WIDE),
}


@pytest.mark.parametrize("scope", STOPS)
async def test_a_stopped_line_is_waited_for(world: World, scope: str) -> None:
    delivery = await a_delivery(world)
    stop, partition = STOPS[scope]
    await by_heidi(world, stop, partition)
    promotion = await underway(delivery)
    assert waits_for(await promotion.look()) == (
        "StoppedLine",
        f"the line was stopped by {HEIDI.name}: an alarm",
    )
    resume = ResumeTheLine(environment=stop.environment, reason="it is over")
    await by_heidi(world, resume, partition)
    assert (await promotion.ended()).status == "Completed"


async def test_a_stop_elsewhere_is_none_of_its_business(world: World) -> None:
    delivery = await a_delivery(world)
    await by_heidi(world, StopTheLine(environment="test", reason="an alarm"))
    assert (await (await underway(delivery)).ended()).status == "Completed"


@pytest.mark.parametrize("scope", ["environment", "project", "tenant"])
async def test_a_freeze_is_waited_for_and_says_until_when(world: World, scope: str) -> None:
    delivery = await a_delivery(world)
    ends = world.clock.moment + timedelta(minutes=5)
    window = {"name": "holidays", "starts_at": timestamp(world.clock.moment), "ends_at": timestamp(ends)}
    if scope == "environment":
        await delivery.configure(an_environment("dev", freezes=[window]))
    elif scope == "project":
        await delivery.configure(freezes=[window])
    else:
        await by_heidi(world, ConfigureDelivery.model_validate({"freezes": [window]}), WIDE)
    promotion = await underway(delivery)
    found = await promotion.look()
    assert waits_for(found) == ("Freeze", "freeze holidays")
    assert found.waiting_for is not None and found.waiting_for.until == ends
    found = await promotion.ended()
    assert found.status == "Completed" and found.began_at is not None
    # It looks at the very end of the freeze, not some time later.
    assert ends <= found.began_at <= ends + timedelta(seconds=1)


async def test_of_several_freezes_the_one_that_ends_last_is_told(world: World) -> None:
    delivery = await a_delivery(world)
    starts = timestamp(world.clock.moment)
    windows = [
        {"name": name, "starts_at": starts, "ends_at": timestamp(world.clock.moment + timedelta(hours=hours))}
        for name, hours in (("short", 1), ("long", 9), ("middle", 3))
    ]
    await delivery.configure(freezes=windows)
    assert waits_for(await (await underway(delivery)).look())[1] == "freeze long"


async def test_a_bypass_lets_it_through_stop_and_freeze_and_is_kept(world: World) -> None:
    delivery = await a_delivery(world)
    ends = timestamp(world.clock.moment + timedelta(days=5))
    window = {"name": "holidays", "starts_at": timestamp(world.clock.moment), "ends_at": ends}
    await delivery.configure(freezes=[window])
    await by_heidi(world, StopTheLine(reason="an alarm"))
    promotion = await underway(delivery)
    await promotion.look()
    await by_heidi(world, BypassFreeze(promotion_id=promotion.id, reason="the fix for it"))
    found = await promotion.ended()
    assert found.status == "Completed" and found.bypass is not None
    assert (found.bypass.reason, found.bypass.bypassed_by) == ("the fix for it", HEIDI.name)
    again = BypassFreeze(promotion_id=promotion.id, reason="once more")
    assert await world.refused(again) == f"promotion {promotion.id} is already Completed"


async def test_a_hold_keeps_until_it_is_lifted_whatever_is_bypassed(world: World) -> None:
    delivery = await a_delivery(world)
    await by_heidi(world, HOLD)
    promotion = await underway(delivery)
    assert waits_for(await promotion.look()) == ("Hold", f"dev is held by {HEIDI.name}: an audit")
    await by_heidi(world, BypassFreeze(promotion_id=promotion.id, reason="it is urgent"))
    world.clock.step(24 * 3600)
    assert waits_for(await promotion.look())[0] == "Hold"
    await by_heidi(world, LIFT)
    assert (await promotion.ended()).status == "Completed"


@pytest.mark.parametrize("what", ["stop", "hold"])
async def test_between_two_steps_it_waits_as_well(world: World, what: str) -> None:
    delivery = await a_delivery(world)
    await delivery.promoted(await delivery.a_release("1.3.0", "dev"), "dev")
    promotion = await underway(delivery, strategy="Canary")
    while (found := await promotion.look()).next_step != "VerifyPromotionStep":
        pass
    stop, resume = StopTheLine(reason="an alarm"), ResumeTheLine(reason="it is over")
    await by_heidi(world, stop if what == "stop" else HOLD)
    head = await delivery.head("dev")
    for _ in range(6):
        found = await promotion.look()
    assert (found.status, found.next_step) == ("InProgress", "CommitPromotionStep")
    assert found.waiting_for is not None and await delivery.head("dev") == head
    assert found.waiting_for.what == ("StoppedLine" if what == "stop" else "Hold")
    await by_heidi(world, resume if what == "stop" else LIFT)
    found = await promotion.ended()
    assert (found.status, found.waiting_for) == ("Completed", None)


async def test_the_way_back_waits_for_nothing(world: World) -> None:
    delivery = await a_delivery(world)
    await delivery.promoted(await delivery.a_release("1.3.0", "dev"), "dev")
    promotion = await underway(delivery, strategy="Canary")
    while (await promotion.look()).next_step != "VerifyPromotionStep":
        pass
    await by_heidi(world, HOLD)
    await by_heidi(world, StopTheLine(reason="an alarm"))
    await by_heidi(world, CancelPromotion(promotion_id=promotion.id, reason="enough"))
    found = await promotion.ended()
    assert found.status == "Canceled" and found.rollback is not None
    assert found.rollback.confirmed_at is not None
    target = await delivery.target("dev")
    assert target.hold is not None and target.hold.version == "1.3.0"
    assert [slot.version for slot in target.arrangement.slots] == ["1.3.0"]
