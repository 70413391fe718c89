"""One command's way: repeats, lost races, an absent broker, rejections: `domain/dispatch.py`."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, override

import pytest

from adapters.memory.broker import MemoryBroker
from adapters.memory.store import MemoryStore
from domain.dispatch import TRIES, Dispatcher, KeyReused
from domain.kernel.envelope import Envelope
from domain.kernel.errors import Conflict, Invalid, NotFound, Unavailable
from domain.kernel.values import Redaction
from domain.kernel.work import Partition
from domain.ports import Committed, Journal, TraceNode, Transaction
from tests.domain.kernel import sample
from tests.domain.kernel.sample import Door
from tests.domain.world import Clock

HERE = Partition("connectsoft", "proj")


class UnluckyStore(MemoryStore):
    """Somebody else is quicker for the next `losses` commits."""

    losses = 0
    settling = True

    @override
    async def commit(self, transaction: Transaction) -> Committed:
        if self.losses > 0:
            self.losses -= 1
            raise Conflict("somebody else was quicker")
        return await super().commit(transaction)

    @override
    async def settle(self, journal: Journal) -> None:
        if not self.settling:
            raise Unavailable("store", "switched off")
        await super().settle(journal)


class House:
    """A dispatcher over memory with the sample context."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store, self.broker = UnluckyStore(self.clock.now), MemoryBroker()
        redaction = Redaction(b"a key of tests")
        self.dispatcher = Dispatcher(
            sample.catalogue, self.store, self.broker, self.port, redaction, self.clock.now
        )

    def port(self, kind: type) -> object:
        raise AssertionError(f"nobody asked for {kind}")

    def message(self, id: str = "cmd-1", name: str = "OpenDoor", **payload: Any) -> Envelope:
        return Envelope(
            event_id=id,
            event_type=name,
            tenant_id=HERE.tenant_id,
            project_id=HERE.project_id,
            trace_id="trace-1",
            correlation_id="corr-1",
            occurred_at=self.clock.now(),
            payload={"doorId": "door-1"} | payload,
        )

    async def dispatch(self, message: Envelope, *, may_be_repeat: bool = False) -> Journal:
        journal = await self.dispatcher.dispatch(message, "ada", may_be_repeat=may_be_repeat)
        await self.dispatcher.drain()
        return journal

    async def wear_out(self) -> None:
        for turn in range(3):
            await self.dispatch(self.message(f"cmd-before-{turn}"))
        sample.ran.clear()
        self.broker.published.clear()

    async def door(self) -> Door:
        loaded = await self.store.load(HERE, Door, "door-1")
        assert loaded is not None
        return loaded.aggregate

    async def nodes(self) -> dict[str, TraceNode]:
        return {node.id: node for node in await self.store.trace(HERE.tenant_id, "trace-1")}

    async def left_behind(self) -> list[str]:
        soon = self.clock.now() + timedelta(seconds=1)
        return [journal.outcome.command_id async for journal in self.store.unpublished(soon)]


@pytest.fixture
def house() -> Iterator[House]:
    sample.ran.clear()
    yield House()
    sample.ran.clear()


async def test_a_command_is_answered_with_its_aggregate_and_events(house: House) -> None:
    reply = (await house.dispatch(house.message())).outcome.reply
    assert set(reply) == {"commandId", "outcome", "aggregate", "events"}
    assert (reply["commandId"], reply["outcome"]) == ("cmd-1", "accepted")
    assert reply["aggregate"] == {"type": "Door", "id": "door-1", "version": 1}
    (event,) = reply["events"]
    assert (event["eventType"], event["causationId"]) == ("DoorOpened", "cmd-1")
    assert event["payload"] == {"doorId": "door-1", "openedBy": "ada"}


async def test_a_promoted_event_goes_out_twice_and_only_its_copy_is_redacted(house: House) -> None:
    await house.dispatch(house.message())
    domain, copy = house.broker.published
    assert domain.destination == copy.destination == "devops.front-house"
    assert domain.message_id != copy.message_id
    inside, outside = Envelope.parse(domain.body), Envelope.parse(copy.body)
    assert (inside.event_id, outside.event_id) == (domain.message_id, copy.message_id)
    assert outside.causation_id == inside.event_id
    assert inside.payload["openedBy"] == "ada"
    assert outside.payload["openedBy"].startswith("*** (hmac-sha256:")
    assert '"ada"' not in copy.body
    assert "ada" not in copy.properties.values()
    about = {
        "cs-event-version": 1,
        "cs-aggregate-type": "Door",
        "cs-aggregate-id": "door-1",
        "cs-aggregate-version": 1,
        "cs-event-type": "DoorOpened",
        "cs-tenant-id": "connectsoft",
        "cs-trace-id": "trace-1",
        "cs-correlation-id": "corr-1",
    }
    assert domain.properties == about | {
        "cs-scope": "domain",
        "cs-actor": "ada",
        "cs-causation-id": "cmd-1",
    }
    assert copy.properties == about | {"cs-scope": "integration", "cs-causation-id": domain.message_id}


async def test_an_event_that_nobody_outside_consumes_goes_out_once(house: House) -> None:
    await house.dispatch(house.message())
    house.broker.published.clear()
    await house.dispatch(house.message("hook-1", "ObserveDoor", wind=10))
    assert [one.properties["cs-event-type"] for one in house.broker.published] == ["DoorSlammed"]


@pytest.mark.parametrize("may_be_repeat", [False, True])
async def test_a_repeat_answers_the_stored_reply(house: House, may_be_repeat: bool) -> None:
    first = await house.dispatch(house.message())
    house.clock.step(60)
    again = await house.dispatch(house.message(), may_be_repeat=may_be_repeat)
    assert again.outcome == first.outcome
    assert (await house.door()).version == 1
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
    assert (await house.door()).version == 1


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
    assert (await house.door()).version == 1


async def test_racing_commands_on_one_aggregate_all_count(house: House) -> None:
    await house.dispatch(house.message("cmd-0"))
    messages = [house.message(f"cmd-{n}") for n in range(1, 3)]
    journals = await asyncio.gather(*(house.dispatcher.dispatch(message, "ada") for message in messages))
    versions = [journal.outcome.reply["aggregate"]["version"] for journal in journals]
    assert sorted(versions) == [2, 3]
    assert (await house.door()).times == 3


async def test_who_loses_every_race_raises_so_that_it_is_redelivered(house: House) -> None:
    house.store.losses = TRIES
    with pytest.raises(Conflict):
        await house.dispatch(house.message())
    assert len(sample.ran) == TRIES
    assert (await house.dispatch(house.message(), may_be_repeat=True)).outcome.rejection is None


async def test_an_absent_broker_never_fails_a_command(house: House) -> None:
    house.broker.away = True
    journal = await house.dispatch(house.message())
    assert journal.outcome.reply["outcome"] == "accepted"
    assert await house.left_behind() == ["cmd-1"]
    house.broker.away = False
    house.clock.step(60)
    assert await house.dispatcher.publish_left_behind(house.clock.now()) == 1
    assert tuple(house.broker.published) == journal.messages
    assert await house.left_behind() == []
    assert await house.dispatcher.publish_left_behind(house.clock.now()) == 0


async def test_a_repeat_makes_an_unpublished_command_good_too(house: House) -> None:
    house.broker.away = True
    journal = await house.dispatch(house.message())
    house.broker.away = False
    await house.dispatch(house.message())
    assert tuple(house.broker.published) == journal.messages
    assert await house.left_behind() == []


async def test_what_the_timer_can_not_send_stays_for_its_next_round(house: House) -> None:
    house.broker.away = True
    await house.dispatch(house.message())
    house.clock.step(60)
    with pytest.raises(Unavailable):
        await house.dispatcher.publish_left_behind(house.clock.now())
    assert await house.left_behind() == ["cmd-1"]


async def test_a_row_that_could_not_be_settled_is_sent_again_as_the_same_bytes(house: House) -> None:
    house.store.settling = False
    journal = await house.dispatch(house.message())
    assert await house.left_behind() == ["cmd-1"]
    house.store.settling = True
    house.clock.step(60)
    await house.dispatcher.publish_left_behind(house.clock.now())
    assert tuple(house.broker.published) == journal.messages * 2


@pytest.mark.timeout(5)
async def test_two_who_wait_for_the_background_at_once_both_come_to_an_end(house: House) -> None:
    messages = [house.message(f"cmd-{n}") for n in range(1, 4)]
    await asyncio.gather(*(house.dispatch(message) for message in messages))
    assert await house.left_behind() == []


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
    assert (house.broker.published, (await house.door()).version) == ([], 3)


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
