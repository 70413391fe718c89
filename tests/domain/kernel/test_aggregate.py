"""Aggregates: what may not change says its sentence, stored states are upcast, versions count facts."""

import json
from typing import Any, ClassVar

import pytest

from domain.kernel.aggregate import Aggregate
from domain.kernel.context import Context
from domain.kernel.errors import Rejected
from domain.kernel.event import Event

sample = Context("devops", "sample")


class DoorOpened(Event):
    door_id: str


def _named(state: dict[str, Any]) -> dict[str, Any]:
    return {**state, "label": state.pop("title")}


def _coloured(state: dict[str, Any]) -> dict[str, Any]:
    return {**state, "colour": f"{state['label']} red"}


@sample.aggregate(prefix="door", collection="doors")
class Door(Aggregate):
    """Schema 1 had a `title`; 2 calls it `label`; 3 knows the colour."""

    schema_version: ClassVar = 3
    upcasts: ClassVar = (_named, _coloured)
    immutable: ClassVar = {"maker": "a door's maker does not change"}

    door_id: str
    label: str
    colour: str
    maker: str | None = None


def door(**changes: Any) -> Door:
    return Door(door_id="door-1", label="Front", colour="red", **changes)


def test_registering_gives_the_aggregate_its_names() -> None:
    assert (Door.kind, Door.id_field, Door.id_prefix, Door.collection) == ("Door", "door_id", "door", "doors")
    assert door().id == "door-1"


def test_an_immutable_field_says_its_sentence() -> None:
    with pytest.raises(Rejected) as no:
        door(maker="Acme").maker = "Bcme"
    assert no.value.sentence == "a door's maker does not change"


def test_an_immutable_field_can_not_be_taken_away() -> None:
    with pytest.raises(Rejected):
        door(maker="Acme").maker = None


def test_an_immutable_field_is_filled_in_once_and_may_be_said_again() -> None:
    one = door()
    one.maker = "Acme"
    one.maker = "Acme"
    assert one.maker == "Acme"


def test_the_other_fields_change() -> None:
    one = door(maker="Acme")
    one.label = "Back"
    assert one.label == "Back"


def test_the_version_counts_the_facts() -> None:
    one = door()
    assert (one.aggregate_version, one.recorded) == (0, ())
    one.record(DoorOpened(door_id="door-1"))
    one.record(DoorOpened(door_id="door-1"))
    assert (one.aggregate_version, len(one.recorded)) == (2, 2)


def test_a_stored_aggregate_comes_back_with_its_version_and_no_facts_to_send() -> None:
    one = door(maker="Acme")
    one.record(DoorOpened(door_id="door-1"))
    again = Door.restore(one.state(), 3, one.aggregate_version)
    assert again.state() == one.state()
    assert (again.aggregate_version, again.recorded) == (1, ())
    again.record(DoorOpened(door_id="door-1"))
    assert again.aggregate_version == 2


@pytest.mark.parametrize(
    ("schema_version", "stored"),
    [
        (1, {"doorId": "door-1", "title": "Front"}),
        (2, {"doorId": "door-1", "label": "Front"}),
        (3, {"doorId": "door-1", "label": "Front", "colour": "Front red"}),
    ],
)
def test_each_older_state_takes_every_step_from_its_own_version_on(
    schema_version: int, stored: dict[str, Any]
) -> None:
    one = Door.restore(json.dumps(stored), schema_version, 4)
    assert (one.label, one.colour, one.aggregate_version) == ("Front", "Front red", 4)


def test_a_state_of_a_newer_build_is_refused_and_says_what_to_do() -> None:
    with pytest.raises(ValueError, match="schema version 4; this build knows 3: deploy the newer build"):
        Door.restore(door().state(), 4, 1)


def test_every_registered_aggregate_has_a_step_for_each_older_schema() -> None:
    from domain.catalogue import catalogue

    for kind in catalogue().aggregates.values():
        assert len(kind.upcasts) == kind.schema_version - 1, kind.kind
