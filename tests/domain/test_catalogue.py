"""The registry is what the specification's tables say, row by row."""

import enum
import inspect
import json
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

import domain
from domain.catalogue import catalogue
from domain.devops.pipelines.build_result import BlobReference
from domain.devops.release.approvals import PolicyCheckResult
from domain.devops.release.deployment_manifest import DeploymentManifest
from domain.devops.source_control.review import PolicyResult
from domain.kernel.aggregate import Aggregate
from domain.kernel.context import OBSERVATIONS
from functions.roles import NEEDED
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
    STEPS,
    TOPICS,
    VALUES,
)
from tests.domain.world import World

# The specification's own example of an event.
EXAMPLE: dict[str, Any] = {
    "eventId": "evt-d4a90c11-7f33-4b2e-9c01-6a2b3c4d5e6f",
    "eventType": "DeploymentPromoted",
    "tenantId": "connectsoft",
    "projectId": "proj-booking-saas",
    "moduleId": "module-reservations-api",
    "traceId": "trace-9f1c2b7d",
    "correlationId": "corr-3a6e1d40",
    "causationId": "evt-releaseapproved-66a1",
    "occurredAt": "2026-06-11T18:22:05Z",
    "payload": {
        "releaseId": "rel-3120",
        "version": "1.4.0",
        "environment": "staging",
        "strategy": "RollingUpdate",
        "deploymentManifestId": "man-7c5e",
    },
}


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


def test_the_steps_are_the_known_ones_and_have_neither_queue_nor_route() -> None:
    found = {handler.name: file_of(handler.function) for handler in catalogue().steps}
    assert found == STEPS
    assert all(handler.queue is None for handler in catalogue().steps)
    sendable = {handler.name for handler in (*catalogue().commands, *catalogue().settings)}
    assert sendable.isdisjoint(STEPS)
    assert NEEDED.keys().isdisjoint(STEPS), "nobody has a role for them"


def test_twelve_commands_sixteen_events_fifteen_aggregates_and_six_topics_stand() -> None:
    events = set().union(*TOPICS.values())
    assert (len(COMMANDS), len(events), len(AGGREGATES.keys() - OWN), len(TOPICS)) == (12, 16, 15, 6)


@pytest.mark.parametrize("name", COMMANDS)
async def test_a_command_targets_its_aggregate_and_results_in_its_event(world: World, name: str) -> None:
    """At once, or by its orchestration: then the aggregate that it made says where it went."""
    aggregate, event, _, _ = COMMANDS[name]
    scenario = SCENARIOS[name]
    payload = await scenario.prepare(world)
    world.topics.published.clear()
    reply = await world.send(name, payload, by=scenario.by)
    assert reply["aggregate"]["type"] == aggregate
    assert [one["eventType"] for one in reply["events"]] == list(scenario.events)
    await world.played()
    (fact,) = (one for one in world.published() if one.properties["cs-event-type"] == event)
    assert fact.properties["cs-aggregate-type"] == aggregate
    assert fact.properties["cs-aggregate-id"] == reply["aggregate"]["id"]
    assert event in (*scenario.events, *scenario.later)


async def test_a_promotion_is_told_as_the_specifications_example_tells_it(world: World) -> None:
    scenario = SCENARIOS["PromoteDeployment"]
    await world.send("PromoteDeployment", await scenario.prepare(world))
    await world.played()
    (fact,) = (one for one in world.published() if one.properties["cs-event-type"] == "DeploymentPromoted")
    envelope = json.loads(fact.body)
    assert list(envelope) == list(EXAMPLE)
    assert list(envelope["payload"]) == list(EXAMPLE["payload"])
    for text in ("environment", "strategy", "version"):
        assert type(envelope["payload"][text]) is type(EXAMPLE["payload"][text])
    (copy,) = (
        one
        for one in world.published("integration")
        if one.properties["cs-event-type"] == "DeploymentPromoted"
    )
    assert list(json.loads(copy.body)["payload"]) == list(EXAMPLE["payload"])


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


async def test_only_promoted_events_leave_their_platform() -> None:
    types: dict[str, set[str]] = {"domain": set(), "integration": set()}
    destinations: set[str] = set()
    for name, scenario in SCENARIOS.items():
        world = World()
        await world.send(name, await scenario.prepare(world), by=scenario.by)
        if scenario.later:
            await world.played()
        for scope, found in types.items():
            found |= {str(one.properties["cs-event-type"]) for one in world.published(scope)}
        destinations |= {message.destination for message in world.topics.published}
    assert types == {"domain": set().union(*TOPICS.values()), "integration": set(CONSUMERS)}
    # What begins orchestrations goes over the queue of observations.
    assert destinations == {*TOPICS, OBSERVATIONS}


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


@pytest.mark.parametrize("name", VALUES)
def test_a_value_object_that_is_a_text_is_kept_by_its_aggregate_and_refuses_what_is_none(name: str) -> None:
    aggregate, wire_name, good, bad = VALUES[name]
    field = next(one for one in kind_of(aggregate).model_fields.values() if one.alias == wire_name)
    kept: TypeAdapter[object] = TypeAdapter(field.rebuild_annotation())
    assert kept.validate_python(good) == good
    with pytest.raises(ValidationError):
        kept.validate_python(bad)


def test_a_manifests_content_is_a_blob_reference() -> None:
    assert get_type_hints(vars(DeploymentManifest)["blob"].fget)["return"] is BlobReference


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
