"""DeliveryLine: whoever sees something wrong stops it, and nothing moves until somebody resumes it."""

import pytest

from domain.devops.delivery.delivery_line import DeliveryLine, ResumeTheLine, StopTheLine
from domain.devops.delivery.delivery_policy import ConfigureDelivery
from domain.kernel.work import TENANT_WIDE, Lookup, Partition
from tests.domain.world import HERE, World

ALL = StopTheLine(reason="an alarm")
DEV = StopTheLine(environment="dev", reason="a leak")


async def line(world: World, partition: Partition = HERE) -> DeliveryLine:
    return await DeliveryLine.of(Lookup(world.store, partition))


async def test_a_line_that_nobody_ever_stopped_runs(world: World) -> None:
    assert (await line(world)).stop_in("dev") is None
    sentence = "the line is not stopped in all environments"
    assert await world.refused(ResumeTheLine(reason="it is over")) == sentence


async def test_a_stop_says_who_when_and_why(world: World) -> None:
    await world.when(ALL)
    stop = (await line(world)).stop_in("dev")
    assert stop is not None
    assert (stop.environment, stop.reason, stop.stopped_by, stop.stopped_at) == (
        None,
        "an alarm",
        world.actor.name,
        world.clock.now(),
    )


async def test_a_stop_of_one_environment_leaves_the_others_running(world: World) -> None:
    await world.when(DEV)
    found = await line(world)
    assert found.stop_in("dev") is not None and found.stop_in("prod") is None


async def test_each_scope_is_stopped_once_and_resumed_by_itself(world: World) -> None:
    await world.when(ALL)
    await world.when(DEV)
    assert await world.refused(ALL) == "the line is already stopped in all environments"
    assert await world.refused(DEV) == "the line is already stopped in dev"
    await world.when(ResumeTheLine(reason="it is over"))
    found = await line(world)
    assert found.stop_in("prod") is None and found.stop_in("dev") is not None
    assert await world.refused(ResumeTheLine(reason="it is over")) == (
        "the line is not stopped in all environments"
    )
    await world.when(ResumeTheLine(environment="dev", reason="it is over"))
    assert (await line(world)).stops == ()


@pytest.mark.parametrize("command", [StopTheLine, ResumeTheLine])
async def test_what_is_stopped_is_on_the_path(
    world: World, command: type[StopTheLine] | type[ResumeTheLine]
) -> None:
    await world.when(ConfigureDelivery.model_validate({"environments": [{"name": "dev"}]}))
    refused = await world.refused(command(environment="prod", reason="an alarm"))
    assert refused in (
        "environment prod is not on the path dev",
        "the line is not stopped in prod",
    )


async def test_a_stop_of_what_went_off_the_path_can_be_taken_back(world: World) -> None:
    await world.when(StopTheLine(environment="prod", reason="an alarm"))
    await world.when(ConfigureDelivery.model_validate({"environments": [{"name": "dev"}]}))
    await world.when(ResumeTheLine(environment="prod", reason="it is over"))
    assert (await line(world)).stops == ()


async def test_the_tenants_line_stops_what_projects_have_on_paths_of_their_own(world: World) -> None:
    wide = Partition(HERE.tenant_id, TENANT_WIDE)
    world.partition = wide
    await world.when(StopTheLine(environment="somewhere", reason="an alarm"))
    assert (await line(world, wide)).stop_in("somewhere") is not None
    assert (await line(world)).stop_in("somewhere") is None


async def test_two_that_stop_it_in_the_same_moment_stop_it_once(world: World) -> None:
    first = await world.dispatch(world.envelope(ALL))
    second = await world.dispatch(world.envelope(ALL))
    assert first.outcome.rejection is None
    assert second.outcome.rejection == "the line is already stopped in all environments"
    assert len((await line(world)).stops) == 1
