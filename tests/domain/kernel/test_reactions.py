"""Reactions: pure functions from a fact to a command, in the same trace, under a derived id."""

import contextlib
import copy
import inspect
from datetime import UTC, datetime

import pytest

from domain.kernel.command import Command
from domain.kernel.envelope import Envelope
from domain.kernel.errors import Invalid
from domain.kernel.event import Event
from domain.kernel.reaction import Reactions
from domain.kernel.values import validated
from domain.reactions import reactions as page
from tests.domain.kernel.sample import DoorOpened, DoorSlammed, ObserveDoor, OpenDoor

reactions = Reactions()


@reactions.reaction
def look_at_it(event: DoorOpened) -> ObserveDoor:
    return ObserveDoor(door_id=event.door_id)


@reactions.reaction
def open_the_next(event: DoorOpened) -> OpenDoor | None:
    return OpenDoor(door_id="door-2") if event.door_id == "door-1" else None


@reactions.reaction
def look_again(event: DoorOpened) -> ObserveDoor:
    return ObserveDoor(door_id=event.door_id)


def fact(door_id: str = "door-1", **changes: object) -> Envelope:
    fields: dict[str, object] = {
        "event_id": "evt-1",
        "event_type": "DoorOpened",
        "tenant_id": "connectsoft",
        "project_id": "proj",
        "module_id": "module-1",
        "trace_id": "trace-1",
        "correlation_id": "corr-1",
        "causation_id": "cmd-1",
        "occurred_at": datetime(2026, 6, 11, tzinfo=UTC),
        "payload": {"doorId": door_id, "openedBy": "ada", "unknown": 1},
    }
    return Envelope.model_validate(fields | changes)


def test_what_follows_is_in_the_same_trace_and_caused_by_the_fact() -> None:
    commands = list(reactions.to(fact()))
    assert [command.event_type for command in commands] == ["ObserveDoor", "OpenDoor", "ObserveDoor"]
    for command in commands:
        assert command.causation_id == "evt-1"
        assert (command.trace_id, command.correlation_id) == ("trace-1", "corr-1")
        assert (command.tenant_id, command.project_id) == ("connectsoft", "proj")
        assert command.module_id == "module-1"
        assert command.event_id.startswith("cmd-")
    assert validated(OpenDoor, commands[1].payload) == OpenDoor(door_id="door-2")


def test_the_same_fact_gives_the_same_commands_byte_for_byte() -> None:
    twice = [[command.to_json() for command in reactions.to(fact())] for _ in range(2)]
    assert twice[0] == twice[1]


def test_each_command_has_an_id_of_its_own_for_each_fact() -> None:
    ids = [command.event_id for id in ("evt-1", "evt-2") for command in reactions.to(fact(event_id=id))]
    assert len(set(ids)) == len(ids) == 6


def test_a_reaction_that_does_not_apply_gives_no_command_and_moves_no_other_id() -> None:
    all_three = {command.event_id for command in reactions.to(fact())}
    two = {command.event_id for command in reactions.to(fact("door-7"))}
    assert len(two) == 2
    assert two < all_three


def test_what_nobody_reacts_to_gives_nothing() -> None:
    assert list(reactions.to(fact(event_type="DoorSlammed"))) == []


def test_a_fact_that_can_not_be_read_names_its_field() -> None:
    with pytest.raises(Invalid) as refused:
        list(reactions.to(fact(payload={"openedBy": "ada"})))
    assert [error.field for error in refused.value.errors] == ["payload.doorId"]


def test_only_a_function_of_an_event_is_a_reaction() -> None:
    def of_a_command(command: OpenDoor) -> Command | None:
        return None

    with pytest.raises(AssertionError, match="must take an event"):
        Reactions().reaction(of_a_command)


def test_a_reaction_stays_a_plain_function() -> None:
    assert look_at_it(DoorOpened(door_id="door-3", opened_by="ada")) == ObserveDoor(door_id="door-3")
    assert DoorSlammed.__name__ not in reactions.by_event


def _of_the_page() -> list[tuple[type[Event], object]]:
    return [(one.event, one.function) for of_event in page.by_event.values() for one in of_event]


@pytest.mark.parametrize(("event", "function"), _of_the_page())
def test_every_reaction_of_the_page_is_a_pure_function_of_one_event(
    event: type[Event], function: object
) -> None:
    assert callable(function)
    assert not inspect.iscoroutinefunction(function)
    assert len(inspect.signature(function).parameters) == 1
    closure = inspect.getclosurevars(function)
    assert all(isinstance(value, type) for value in closure.globals.values()), "it uses nothing but types"
    assert not closure.nonlocals
    sample = event.model_construct(**dict.fromkeys(event.model_fields))
    before = copy.deepcopy(sample)
    # The values are no real ones, and the command may say so; what counts is that the event stays as it was.
    with contextlib.suppress(ValueError):
        function(sample)
    assert sample == before
