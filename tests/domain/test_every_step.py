"""Every step of an orchestration, found in the registry: one that no journey takes fails here by name."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from domain.catalogue import catalogue
from domain.dispatch import Dispatcher
from tests.crash.ending import States, states, timeless
from tests.crash.faults import Call, Fault, Faults, Mode
from tests.crash.ground import frozen, thawed_as
from tests.domain.journeys import JOURNEYS, Journey
from tests.domain.world import REDACTION, World
from tests.orchestrations import STEPS, Activity, Orchestrations, Running

type Answer = dict[str, Any]
type Taken = Callable[[Activity], Awaitable[Answer]]

every_journey = pytest.mark.parametrize("journey", JOURNEYS, ids=lambda journey: journey.name)

_begun: dict[str, bytes] = {}


async def begun(journey: Journey) -> World:
    """A world of one's own in which it has begun; what was published before is gone."""
    if journey.name not in _begun:
        world = World()
        await journey.begin(world)
        await world.dispatcher.drain()
        world.topics.published.clear()
        _begun[journey.name] = frozen(world)
    return thawed_as(World, _begun[journey.name])


@dataclass(frozen=True)
class Outcome:
    """`facts`: type, aggregate, its version, the payload up to moments; `effects`: those of before, too."""

    status: str
    facts: list[tuple[str, str, int, str]]
    effects: dict[str, int]

    @property
    def types(self) -> tuple[str, ...]:
        return tuple(fact[0] for fact in self.facts)


async def outcome(world: World, order: dict[str, Any]) -> Outcome:
    await world.dispatcher.drain()
    kind = next(one for one in catalogue().aggregates.values() if one.kind == order["orchestration"])
    aggregate = await world.read(kind, order["id"])
    facts = [
        (
            str(message.properties["cs-event-type"]),
            str(message.properties["cs-aggregate-id"]),
            int(message.properties["cs-aggregate-version"]),
            timeless(message.body.partition('"payload"')[2]),
        )
        for message in {one.message_id: one for one in world.published()}.values()
    ]
    return Outcome(str(vars(aggregate)["status"]), facts, dict(+world.effects))


async def play(world: World, taken: Taken) -> Outcome:
    """The one orchestration to its end, each step as `taken` has it."""
    (order,) = world.begun
    running = Running(order, world.clock, taken)
    while not running.is_over:
        if running.due is not None:
            world.clock.step(max((running.due - world.clock.moment).total_seconds(), 0))
        await running.turn()
        if running.tries:
            world.clock.step(3)
    return await outcome(world, order)


async def plainly(journey: Journey) -> Outcome:
    """As it comes where nothing happens twice and nothing is lost."""
    world = await begun(journey)
    return await play(world, world.orchestrations.taken)


@every_journey
async def test_a_journey_comes_to_its_end_and_its_facts(journey: Journey) -> None:
    found = await plainly(journey)
    assert (found.status, found.types) == (journey.status, journey.facts)


@pytest.fixture(scope="module")
async def steps_taken() -> dict[str, set[str]]:
    """Step -> the journeys that take it."""
    found: dict[str, set[str]] = {}
    for journey in JOURNEYS:
        world = await begun(journey)
        taken = world.orchestrations.taken

        async def noted(asked: Activity, journey: Journey = journey, taken: Taken = taken) -> Answer:
            found.setdefault(STEPS[asked.name], set()).add(journey.name)
            return await taken(asked)

        await play(world, noted)
    return found


@pytest.mark.parametrize("name", sorted(handler.name for handler in catalogue().steps))
async def test_a_step_is_taken_on_some_journey(steps_taken: dict[str, set[str]], name: str) -> None:
    assert name in steps_taken, f"{name} occurs in no journey of tests/domain/journeys.py"


async def seen(world: World) -> tuple[States, dict[str, int], set[str]]:
    """All that a second run of a step must leave as it is."""
    await world.dispatcher.drain()
    ids = {message.message_id for message in world.topics.published}
    return await states(world.store, world.partition), dict(+world.effects), ids


@every_journey
async def test_each_step_that_is_taken_twice_is_taken_once(journey: Journey) -> None:
    """The host has lost the first answer, and runs the activity again a moment later."""
    expected = await plainly(journey)
    world = await begun(journey)

    async def twice(asked: Activity) -> Answer:
        first = await world.orchestrations.taken(asked)
        before = await seen(world)
        world.clock.step()
        assert await world.orchestrations.taken(asked) == first, asked.name
        assert await seen(world) == before, asked.name
        return first

    assert await play(world, twice) == expected


@every_journey
async def test_each_step_that_is_taken_twice_at_once_is_taken_once(journey: Journey) -> None:
    """Two hosts take the same work item: whoever is second, answers what the first one did."""
    expected = await plainly(journey)
    world = await begun(journey)

    async def twins(asked: Activity) -> Answer:
        taken = (world.orchestrations.taken(asked) for _ in range(2))
        found = await asyncio.gather(*taken, return_exceptions=True)
        errors = [one for one in found if isinstance(one, BaseException)]
        if errors:
            raise errors[0]
        one, other = found
        assert one == other, asked.name
        return await world.orchestrations.taken(asked)

    assert await play(world, twins) == expected


async def with_a_lost_answer(journey: Journey, index: int) -> tuple[Outcome, list[Call], bool]:
    """Played with the answer to one call of a port lost; and the calls, and whether it came to that one."""
    world, faults = await begun(journey), Faults()
    faults.plan(Fault(index, Mode.UNAVAILABLE_AFTER))
    faulty = {kind: faults.wrap(port) for kind, port in world.ports.items()}
    dispatcher = Dispatcher(
        catalogue(), world.store, world.broker, faulty.__getitem__, REDACTION, world.clock.now
    )
    played = Orchestrations(dispatcher, world.store, world.clock, world.react)
    found = await play(world, played.taken)
    await dispatcher.drain()
    return found, faults.calls, bool(faults.met)


@every_journey
async def test_whatever_answer_of_a_port_is_lost_there_is_one_effect_in_the_end(journey: Journey) -> None:
    expected = await plainly(journey)
    index = 0
    while True:
        found, calls, met = await with_a_lost_answer(journey, index)
        if not met:
            break
        assert found == expected, f"{calls[index].name} ({index})"
        index += 1
    assert index >= 1
