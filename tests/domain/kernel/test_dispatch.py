"""One command's way: repeats, lost races, rejections, its nodes in the trace: `domain/dispatch.py`."""

import asyncio

import pytest

from domain.dispatch import TRIES, KeyReused
from domain.kernel.actor import Actor
from domain.kernel.errors import Conflict, Invalid, NotFound
from tests.domain.kernel import sample
from tests.domain.kernel.house import HERE, House
from tests.domain.kernel.sample import Door


async def test_a_command_is_answered_with_its_aggregate_and_events(house: House) -> None:
    reply = (await house.dispatch(house.message())).outcome.reply
    assert set(reply) == {"commandId", "outcome", "aggregate", "events"}
    assert (reply["commandId"], reply["outcome"]) == ("cmd-1", "accepted")
    assert reply["aggregate"] == {"type": "Door", "id": "door-1", "version": 1}
    (event,) = reply["events"]
    assert (event["eventType"], event["causationId"]) == ("DoorOpened", "cmd-1")
    assert event["payload"] == {"doorId": "door-1", "openedBy": "ada"}


@pytest.mark.parametrize("may_be_repeat", [False, True])
async def test_a_repeat_answers_the_stored_reply(house: House, may_be_repeat: bool) -> None:
    first = await house.dispatch(house.message())
    house.clock.step(60)
    again = await house.dispatch(house.message(), may_be_repeat=may_be_repeat)
    assert again.outcome == first.outcome
    assert (await house.door()).aggregate_version == 1
    assert len(house.broker.published) == 2


async def test_a_known_repeat_does_not_run_the_domain(house: House) -> None:
    await house.dispatch(house.message())
    await house.dispatch(house.message(), may_be_repeat=True)
    assert sample.ran == ["door-1"]


async def test_a_repeats_own_spacing_key_order_and_time_do_not_matter(house: House) -> None:
    await house.dispatch(house.message(label="Front"))
    house.clock.step(60)
    turned = house.message().model_copy(update={"payload": {"label": "Front", "doorId": "door-1"}})
    assert (await house.dispatch(turned, may_be_repeat=True)).outcome.reply["outcome"] == "accepted"


@pytest.mark.parametrize("may_be_repeat", [False, True])
async def test_the_same_key_with_another_body_is_refused(house: House, may_be_repeat: bool) -> None:
    await house.dispatch(house.message())
    with pytest.raises(KeyReused) as refused:
        await house.dispatch(house.message(label="Back"), may_be_repeat=may_be_repeat)
    (error,) = refused.value.errors
    assert (error.field, error.problem) == ("Idempotency-Key", "cmd-1 was used before with another body")
    assert (await house.door()).aggregate_version == 1


async def test_the_same_key_with_another_command_is_refused(house: House) -> None:
    await house.dispatch(house.message())
    with pytest.raises(KeyReused):
        await house.dispatch(house.message(name="ObserveDoor"), may_be_repeat=True)


async def test_keys_of_two_projects_have_nothing_to_do_with_each_other(house: House) -> None:
    await house.dispatch(house.message())
    elsewhere = house.message().model_copy(update={"project_id": "other"})
    first, second = (await house.dispatch(elsewhere)).messages, house.broker.published[:2]
    assert {one.message_id for one in first}.isdisjoint(one.message_id for one in second)


async def test_a_lost_race_runs_the_handler_again_on_what_is_there_now(house: House) -> None:
    house.store.losses = 2
    reply = (await house.dispatch(house.message())).outcome.reply
    assert reply["outcome"] == "accepted"
    assert len(sample.ran) == 3
    assert (await house.door()).aggregate_version == 1


async def test_racing_commands_on_one_aggregate_all_count(house: House) -> None:
    await house.dispatch(house.message("cmd-0"))
    messages = [house.message(f"cmd-{n}") for n in range(1, 3)]
    twins = (house.dispatcher.dispatch(message, Actor("ada")) for message in messages)
    journals = await asyncio.gather(*twins)
    versions = [journal.outcome.reply["aggregate"]["version"] for journal in journals]
    assert sorted(versions) == [2, 3]
    assert (await house.door()).times == 3


async def test_who_loses_every_race_raises_so_that_it_is_redelivered(house: House) -> None:
    house.store.losses = TRIES
    with pytest.raises(Conflict):
        await house.dispatch(house.message())
    assert len(sample.ran) == TRIES
    assert (await house.dispatch(house.message(), may_be_repeat=True)).outcome.rejection is None


async def test_a_rejection_is_stored_and_answered_again(house: House) -> None:
    await house.wear_out()
    first = await house.dispatch(house.message())
    assert first.outcome.rejection == "door Front is worn out"
    assert first.outcome.reply == {
        "commandId": "cmd-1",
        "outcome": "rejected",
        "reason": "door Front is worn out",
        "aggregate": None,
        "events": [],
    }
    again = await house.dispatch(house.message(), may_be_repeat=True)
    assert again.outcome == first.outcome
    assert sample.ran == ["door-1"]
    assert (house.broker.published, (await house.door()).aggregate_version) == ([], 3)


async def test_a_taken_name_is_a_rejection_too(house: House) -> None:
    await house.dispatch(house.message())
    second = await house.dispatch(house.message("cmd-2", doorId="door-2"))
    assert second.outcome.rejection == "a door labelled Front already exists"
    assert await house.store.load(HERE, Door, "door-2") is None


async def test_commands_and_facts_have_their_nodes_in_the_trace(house: House) -> None:
    await house.dispatch(house.message())
    command, event = (await house.nodes()).values()
    assert (command.id, command.type, command.scope) == ("cmd-1", "OpenDoor", "command")
    assert command.details["outcome"] == "accepted"
    assert (event.type, event.scope, event.causation_id) == ("DoorOpened", "domain", "cmd-1")
    assert event.details["payload"] == {"doorId": "door-1", "openedBy": "ada"}
    assert {command.actor, event.actor} == {"ada"}


async def test_a_rejection_has_its_node_in_the_trace(house: House) -> None:
    await house.wear_out()
    await house.dispatch(house.message())
    node = (await house.nodes())["cmd-1"]
    assert node.details["outcome"] == "rejected"
    assert node.details["reason"] == "door Front is worn out"


async def test_an_observation_is_a_node_of_the_aggregates_trace_and_says_what_it_is(house: House) -> None:
    opened = await house.dispatch(house.message())
    hook = house.message("hook-1", "ObserveDoor", wind=10).model_copy(update={"trace_id": "trace-of-hook"})
    await house.dispatch(hook)
    node = (await house.nodes())["hook-1"]
    assert node.scope == "observation"
    assert node.causation_id == opened.outcome.reply["events"][0]["eventId"]
    assert await house.store.trace(HERE.tenant_id, "trace-of-hook") == []


async def test_an_accepted_command_that_found_nothing_to_do_is_in_its_trace_too(house: House) -> None:
    await house.dispatch(house.message())
    await house.dispatch(house.message("hook-1", "ObserveDoor", wind=3))
    await house.dispatch(house.message("cmd-look", "LookAtDoor"))
    assert (await house.nodes())["cmd-look"].details["outcome"] == "accepted"


async def test_what_is_not_found_is_not_stored_and_may_exist_by_the_next_try(house: House) -> None:
    observed = house.message("hook-1", "ObserveDoor", wind=2)
    with pytest.raises(NotFound, match="Door door-1 does not exist"):
        await house.dispatch(observed)
    await house.dispatch(house.message())
    assert (await house.dispatch(observed, may_be_repeat=True)).outcome.rejection is None
    assert (await house.door()).wind == 2


async def test_an_unknown_command_is_named(house: House) -> None:
    with pytest.raises(Invalid) as refused:
        await house.dispatch(house.message(name="CloseDoor"))
    assert str(refused.value) == "eventType: CloseDoor is not a known command"


async def test_a_field_at_fault_is_named_and_nothing_is_stored(house: House) -> None:
    with pytest.raises(Invalid) as refused:
        await house.dispatch(house.message(doorId=None))
    assert [error.field for error in refused.value.errors] == ["payload.doorId"]
    assert await house.store.handled(HERE, "cmd-1") is None


async def test_an_observation_that_finds_nothing_new_leaves_no_row(house: House) -> None:
    """Reconcilers look again and again, and the journal is for ever."""
    await house.dispatch(house.message())
    await house.dispatch(house.message("hook-1", "ObserveDoor", wind=3))
    journal = await house.dispatch(house.message("hook-2", "ObserveDoor", wind=3))
    assert journal.outcome.reply["outcome"] == "accepted"
    assert await house.store.handled(HERE, "hook-1") is not None
    assert await house.store.handled(HERE, "hook-2") is None
    assert await house.left_behind() == []


async def test_an_observation_that_changed_something_is_answered_as_then_however_it_comes_again(
    house: House,
) -> None:
    await house.dispatch(house.message())
    house.broker.away = True
    first = await house.dispatch(house.message("hook-1", "ObserveDoor", wind=10))
    house.broker.away = False
    again = await house.dispatch(house.message("hook-1", "ObserveDoor", wind=10))
    assert again.messages == first.messages
    assert [message.properties["cs-event-type"] for message in house.broker.published][-1] == "DoorSlammed"
    assert (await house.door()).aggregate_version == 2


async def test_an_observation_that_follows_from_a_fact_keeps_its_place_in_the_trace(house: House) -> None:
    await house.dispatch(house.message())
    await house.dispatch(house.message("hook-1", "ObserveDoor", wind=3))
    caused = house.message("obs-2", "ObserveDoor", wind=3).model_copy(update={"causation_id": "evt-1"})
    await house.dispatch(caused)
    assert await house.store.handled(HERE, "obs-2") is not None
