"""Every public command, found in the registry: a new one without a scenario fails here by name."""

import asyncio
import copy
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.catalogue import catalogue
from domain.kernel.envelope import Envelope
from domain.kernel.errors import Invalid
from domain.kernel.journal import Journal
from domain.kernel.values import validated
from tests.domain.mutations import mutations
from tests.domain.scenarios import SCENARIOS, Payload, Scenario
from tests.domain.world import PERSONS, World

NAMES = sorted(handler.name for handler in (*catalogue().commands, *catalogue().settings))

every_command = pytest.mark.parametrize("name", NAMES)


def scenario_of(name: str) -> Scenario:
    assert name in SCENARIOS, f"{name} has no scenario in tests/domain/scenarios.py"
    return SCENARIOS[name]


async def play(world: World, name: str) -> tuple[Scenario, Envelope, Counter[str]]:
    """Everything before the command itself: its message, and the provider's effects until now."""
    scenario = scenario_of(name)
    payload = await scenario.prepare(world)
    await world.dispatcher.drain()
    world.clock.step()
    world.topics.published.clear()
    world.actor = PERSONS[scenario.by]
    return scenario, world.envelope(name, payload), world.effects


def test_no_scenario_is_left_of_a_command_that_is_gone() -> None:
    assert sorted(SCENARIOS) == NAMES


@every_command
async def test_a_command_comes_to_its_facts_and_effects(world: World, name: str) -> None:
    scenario, envelope, before = await play(world, name)
    reply = (await world.dispatch(envelope)).outcome.reply
    assert reply["outcome"] == "accepted"
    assert reply["commandId"] == envelope.event_id
    assert reply["aggregate"]["type"] == scenario.aggregate
    assert tuple(event["eventType"] for event in reply["events"]) == scenario.events
    assert world.effects - before == Counter(scenario.effects)


def assert_one_handling(
    world: World, scenario: Scenario, before: Counter[str], replies: list[dict[str, Any]]
) -> None:
    """However often it came: one reply, one version step, each message with one id and one body."""
    assert all(reply == replies[0] for reply in replies)
    assert replies[0]["outcome"] == "accepted"
    assert tuple(event["eventType"] for event in replies[0]["events"]) == scenario.events
    assert world.effects - before == Counter(scenario.effects)
    bodies: dict[str, set[tuple[Any, ...]]] = {}
    for message in world.topics.published:
        properties = tuple(sorted(message.properties.items()))
        bodies.setdefault(message.message_id, set()).add((message.destination, message.body, properties))
    assert all(len(variants) == 1 for variants in bodies.values())
    ids = {event["eventId"] for event in replies[0]["events"]}
    assert {message.message_id for message in world.published()} == ids


async def version_of(world: World, journal: Journal) -> int:
    subject = journal.outcome.reply["aggregate"]
    kind = next(kind for kind in catalogue().aggregates.values() if kind.kind == subject["type"])
    version = (await world.read(kind, subject["id"])).aggregate_version
    assert version == subject["version"]
    return version


@pytest.mark.parametrize("may_be_repeat", [False, True])
@every_command
async def test_a_command_that_comes_twice_is_handled_once(
    world: World, name: str, may_be_repeat: bool
) -> None:
    scenario, envelope, before = await play(world, name)
    first = await world.dispatch(envelope)
    version = await version_of(world, first)
    published = list(world.topics.published)
    world.clock.step(60)
    second = await world.dispatch(envelope, may_be_repeat=may_be_repeat)
    assert_one_handling(world, scenario, before, [first.outcome.reply, second.outcome.reply])
    assert await version_of(world, second) == version
    assert second.messages == first.messages
    assert world.topics.published == published, "what is out is not sent again"


@every_command
async def test_eight_twins_at_once_are_handled_once(world: World, name: str) -> None:
    scenario, envelope, before = await play(world, name)
    twins = (world.dispatcher.dispatch(envelope, world.actor) for _ in range(8))
    journals = await asyncio.gather(*twins)
    await world.dispatcher.drain()
    assert_one_handling(world, scenario, before, [journal.outcome.reply for journal in journals])
    await version_of(world, journals[0])
    assert all(journal.messages == journals[0].messages for journal in journals)


@every_command
async def test_a_repeat_after_the_broker_was_away_publishes_the_same_bytes(world: World, name: str) -> None:
    _, envelope, _ = await play(world, name)
    world.topics.away = True
    first = await world.dispatch(envelope)
    assert world.topics.published == []
    world.topics.away = False
    world.clock.step(60)
    await world.dispatch(envelope)
    assert tuple(world.topics.published) == first.messages


@every_command
async def test_each_field_that_is_wrong_is_named_and_nothing_else_is_raised(world: World, name: str) -> None:
    _, envelope, before = await play(world, name)
    model = catalogue().handlers[name].command
    cases = list(mutations(model, envelope.payload))
    assert {case.path[0] for case in cases} == {field.alias for field in model.model_fields.values()}
    for case in cases:
        payload: Payload = case.applied_to(copy.deepcopy(envelope.payload))
        with pytest.raises(Invalid) as refused:
            await world.dispatch(world.envelope(name, payload))
        named = {error.field for error in refused.value.errors}
        assert any(field == case.field or field.startswith(f"{case.field}.") for field in named), (
            f"{case} is reported as {named}"
        )
    assert world.effects == before
    assert world.topics.published == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@every_command
@settings(max_examples=60)
@given(data=st.data())
def test_whatever_a_field_holds_it_is_taken_or_named(name: str, data: st.DataObject) -> None:
    model = catalogue().handlers[name].command
    fields = st.sampled_from([str(field.alias) for field in model.model_fields.values()])
    payload = data.draw(st.dictionaries(fields | st.text(max_size=8), json_values, max_size=6))
    try:
        command = validated(model, payload, at="payload")
    except Invalid as refused:
        assert all(error.field.split(".")[0] == "payload" for error in refused.errors)
    else:
        assert validated(model, command.model_dump(mode="json", by_alias=True)) == command
