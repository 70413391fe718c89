"""The registry is what the specification's tables say, row by row."""

import enum
import inspect
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

import domain
from domain.catalogue import catalogue
from domain.devops.release.approvals import PolicyCheckResult
from domain.devops.source_control.review import PolicyResult
from domain.kernel.aggregate import Aggregate
from domain.kernel.context import OBSERVATIONS
from tests.domain.scenarios import SCENARIOS
from tests.domain.specification import (
    AGGREGATES,
    AUDIT,
    COMMANDS,
    CONSUMERS,
    ENTITIES,
    MEMBERS,
    OBSERVED,
    OWN,
    SETTINGS,
    TOPICS,
)
from tests.domain.world import World


def wire_fields(model: type[BaseModel]) -> set[str]:
    return set(model.model_json_schema(by_alias=True)["properties"])


def file_of(function: object) -> str:
    source = inspect.getsourcefile(inspect.unwrap(function))  # type: ignore[arg-type]
    assert source is not None
    return Path(source).relative_to(Path(domain.__path__[0])).as_posix()


def test_the_commands_are_the_specifications() -> None:
    assert {handler.name for handler in catalogue().commands} == set(COMMANDS)


def test_the_observations_are_the_known_ones() -> None:
    observed = {name for name, handler in catalogue().handlers.items() if handler.is_observation}
    assert observed == set(OBSERVED)


def test_the_settings_are_the_known_ones_and_have_no_queue() -> None:
    found = {handler.name: file_of(handler.function) for handler in catalogue().settings}
    assert found == SETTINGS
    assert all(handler.queue is None for handler in catalogue().settings)


def test_nine_of_twelve_commands_twelve_of_sixteen_events_and_eleven_of_fifteen_aggregates_stand() -> None:
    events = set().union(*TOPICS.values())
    assert (len(COMMANDS), len(events), len(AGGREGATES.keys() - OWN)) == (9, 12, 11)


@pytest.mark.parametrize("name", COMMANDS)
async def test_a_command_targets_its_aggregate_and_results_in_its_event(world: World, name: str) -> None:
    aggregate, event, _, _ = COMMANDS[name]
    scenario = SCENARIOS[name]
    reply = await world.send(name, await scenario.prepare(world), by=scenario.by)
    assert reply["aggregate"]["type"] == aggregate
    assert [one["eventType"] for one in reply["events"]] == [event]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_its_queue_and_its_handler_the_file_of_its_aggregate(name: str) -> None:
    aggregate, event, queue, file = COMMANDS[name]
    handler = catalogue().handlers[name]
    assert handler.queue == queue
    assert file_of(handler.function) == file_of(handler.command) == file
    assert file_of(handler.context.aggregates[aggregate]) == file
    assert file_of(handler.context.events[event].event) == file


@pytest.mark.parametrize("name", OBSERVED)
def test_an_observation_shares_the_one_queue(name: str) -> None:
    handler = catalogue().handlers[name]
    assert handler.queue == OBSERVATIONS == "platform.observations"
    assert file_of(handler.function) == OBSERVED[name]


def test_each_topic_carries_its_events() -> None:
    found: dict[str, set[str]] = {}
    for name, (context, _) in catalogue().events.items():
        found.setdefault(context.topic, set()).add(name)
    assert found == TOPICS


def test_the_integration_events_have_their_consumers() -> None:
    found = {
        name: set(promotion.consumers)
        for name, (_, promotion) in catalogue().events.items()
        if promotion.consumers
    }
    assert found == CONSUMERS


async def test_only_promoted_events_leave_their_platform(world: World) -> None:
    for name, scenario in SCENARIOS.items():
        await world.send(name, await scenario.prepare(world), by=scenario.by)
    types = {scope: {one.properties["cs-event-type"] for one in world.published(scope)} for scope in _SCOPES}
    assert types == {"domain": set().union(*TOPICS.values()), "integration": set(CONSUMERS)}
    assert {message.destination for message in world.topics.published} == set(TOPICS)


_SCOPES = ("domain", "integration")


def test_the_aggregates_are_the_specifications() -> None:
    assert {kind.kind: kind.collection for kind in catalogue().aggregates.values()} == {
        name: collection for name, (collection, _, _) in AGGREGATES.items()
    }


@pytest.mark.parametrize("name", AGGREGATES)
def test_an_aggregate_has_every_field_of_the_specification(name: str) -> None:
    collection, specified, ours = AGGREGATES[name]
    assert wire_fields(catalogue().aggregates[collection]) == specified | ours | AUDIT | {"lineage"}


@pytest.mark.parametrize("kind", MEMBERS, ids=lambda kind: kind.__name__)
def test_a_value_object_has_exactly_its_members(kind: type[enum.StrEnum]) -> None:
    assert {str(member) for member in kind} == MEMBERS[kind]


def kind_of(name: str) -> type[Aggregate]:
    return next(kind for kind in catalogue().aggregates.values() if kind.kind == name)


def types_in(annotation: object) -> set[object]:
    """The annotation and all that it is made of: `tuple[Item, ...] | None` holds Item."""
    return {annotation}.union(*(types_in(part) for part in get_args(annotation)))


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.__name__)
def test_an_entity_is_kept_by_its_aggregate_with_its_fields(entity: type[BaseModel]) -> None:
    aggregate, wire_name, fields = ENTITIES[entity]
    assert wire_fields(entity) == fields
    kept = next(field for field in kind_of(aggregate).model_fields.values() if field.alias == wire_name)
    assert entity in types_in(kept.annotation)


def test_a_policy_result_has_its_fields() -> None:
    assert wire_fields(PolicyResult) == {"name", "status", "blocking"}


def test_a_policy_check_result_has_its_fields() -> None:
    assert wire_fields(PolicyCheckResult) == {"name", "passed", "sentence"}


def test_queues_and_topics_stay_within_what_the_local_broker_takes() -> None:
    queues = {handler.queue for handler in catalogue().handlers.values() if handler.queue is not None}
    topics = {context.topic for context in catalogue().contexts if context.events}
    assert len(queues) + len(topics) <= 50
    assert queues.isdisjoint(topics)


def test_names_are_verb_noun_for_commands_and_noun_past_tense_for_events() -> None:
    assert all(name.endswith(("ed", "Built")) for name in catalogue().events)
    assert not any(name.endswith("ed") for name in catalogue().handlers)
