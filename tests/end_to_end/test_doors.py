"""Every command through both doors, each twice: one handling, one answer, the same bytes on the topic."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from azure.servicebus import ServiceBusSubQueue

from domain.catalogue import catalogue
from domain.kernel.values import derived_id
from domain.sealing import integration_id
from infra.topology import subscription_name
from tests.domain.scenarios import SCENARIOS
from tests.end_to_end.consumer import Received, assert_no_gap, assert_repeats_are_identical
from tests.end_to_end.doors import (
    Doors,
    Payload,
    Project,
    bodies,
    queue_of,
    until_gone,
)
from tests.end_to_end.settling import CONVERGING, settled
from tests.end_to_end.stages import HttpStage, QueueStage

NAMES = sorted(handler.name for handler in catalogue().commands)
COPIES = 12
TOGETHER = 8
REPLY = ("commandId", "outcome", "aggregate", "events")

every_command = pytest.mark.parametrize("name", NAMES)


async def assert_one_handling(project: Project, name: str, reply: dict[str, Any]) -> None:
    """One version step for each of its facts, also of those that come later by themselves; and each is
    published with its id and its bytes, to whom it is promised."""
    assert reply["outcome"] == "accepted", reply
    answered = tuple(event["eventType"] for event in reply["events"])
    assert answered == SCENARIOS[name].events or (name in CONVERGING and not answered)
    subject = reply["aggregate"]
    assert subject["type"] == SCENARIOS[name].aggregate
    everything = await settled(project, name)
    for event in reply["events"]:
        await assert_published(project, event)
    for received in everything:
        if received.about["cs-event-type"] in SCENARIOS[name].later:
            await assert_published(project, json.loads(received.body))
    collection = next(c for c, kind in catalogue().aggregates.items() if kind.kind == subject["type"])
    view = await project.view(collection, subject["id"])
    if not (SCENARIOS[name].later or name in CONVERGING):
        assert view["aggregateVersion"] == subject["version"]
    everything = project.doors.consumer.of(project.tenant)
    assert_repeats_are_identical(everything)
    assert_no_gap(everything)
    facts = {
        received.message_id
        for received in everything
        if received.about["cs-aggregate-id"] == subject["id"] and received.about["cs-scope"] == "domain"
    }
    assert len(facts) == view["aggregateVersion"]


def part_of(reply: Mapping[str, Any]) -> dict[str, Any]:
    """What both doors say of a command."""
    return {key: reply[key] for key in REPLY}


async def assert_published(project: Project, event: dict[str, Any]) -> None:
    consumer, tenant = project.doors.consumer, project.tenant
    (domain, *_) = await consumer.ids(tenant, [event["eventId"]])
    assert json.loads(domain.body) == event
    assert domain.about["cs-scope"] == "domain"
    _, promotion = catalogue().events[event["eventType"]]
    if not promotion.consumers:
        return
    copy_id = integration_id(event["eventId"])
    (copy, *_) = await consumer.ids(tenant, [copy_id])
    assert copy.about["cs-scope"] == "integration"
    assert copy.envelope.causation_id == event["eventId"]
    for name in promotion.consumers:
        (received, *_) = await consumer.ids(tenant, [copy_id], subscription=subscription_name(name))
        assert received.content == copy.content


@every_command
async def test_a_command_that_comes_twice_over_http_is_handled_once(project: Project, name: str) -> None:
    payload = await SCENARIOS[name].prepare(HttpStage(project))
    first = await project.post(name, payload, key="the one key")
    again = await project.post(name, payload, key="the one key")
    assert again.text == first.text
    goes_on = bool(SCENARIOS[name].later)
    assert again.status == first.status == (202 if goes_on else 200)
    assert ("Location" in first.headers) == goes_on
    await assert_one_handling(project, name, first.reply)
    outcome = await project.outcome(first.reply["commandId"])
    assert part_of(first.reply) == part_of(outcome)


@every_command
async def test_a_key_that_comes_back_with_another_body_is_refused_by_name(
    project: Project, name: str
) -> None:
    payload = await SCENARIOS[name].prepare(HttpStage(project))
    first = await project.post(name, payload, key="reused")
    other = await project.post(name, altered(payload), key="reused")
    assert other.status == 422
    assert other.fields == {"Idempotency-Key"}
    assert (await project.post(name, payload, key="reused")).text == first.text


def altered(payload: Payload) -> Payload:
    """Another body that is as valid: unknown fields are ignored, but they are part of the body."""
    return payload | {"note": "another body"}


@dataclass(frozen=True)
class Played:
    """A command that came over its queue several times: its outcome after the first and after the last."""

    project: Project
    first: dict[str, Any]
    last: dict[str, Any]
    dead: list[bytes]


@pytest_asyncio.fixture(scope="module")
async def played(doors: Doors) -> AsyncIterator[Mapping[str, asyncio.Task[Played]]]:
    """Every command at once: the SDK spends most of its time waiting. Each test awaits its own."""
    together = asyncio.Semaphore(TOGETHER)

    async def play(name: str) -> Played:
        async with together, asyncio.timeout(90):
            return await play_over_queue(doors.project(), name)

    tasks = {name: asyncio.create_task(play(name)) for name in NAMES}
    yield tasks
    for task in tasks.values():
        task.cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)


async def play_over_queue(project: Project, name: str) -> Played:
    """The same body twice, and then again as a redelivery: other receivers have abandoned it."""
    payload = await SCENARIOS[name].prepare(QueueStage(project))
    queue, command_id = queue_of(name), f"cmd-{name}"
    body = project.message(name, payload, command_id)
    await project.send(queue, body, body)
    first = await project.outcome(command_id)
    async with project.doors.bus() as bus:
        async with bus.get_queue_receiver(queue) as receiver:
            abandoned = 0
            while not abandoned:
                # The host listens too; of so many copies some come here.
                await project.send(queue, *[body] * COPIES)
                for message in await receiver.receive_messages(COPIES, max_wait_time=0.3):
                    await receiver.abandon_message(message)
                    abandoned += 1
        async with bus.get_queue_receiver(queue) as receiver:
            await until_gone(receiver, body.encode())
        async with bus.get_queue_receiver(queue, sub_queue=ServiceBusSubQueue.DEAD_LETTER) as dead_letters:
            dead = await bodies(dead_letters)
    return Played(
        project, first, await project.outcome(command_id), [each for each in dead if each == body.encode()]
    )


@every_command
async def test_a_command_that_comes_again_over_its_queue_is_handled_once(
    played: Mapping[str, asyncio.Task[Played]], name: str
) -> None:
    run = await played[name]
    assert run.last | {"published": True} == run.first | {"published": True}
    assert run.dead == []
    await assert_one_handling(run.project, name, part_of(run.last))


@every_command
async def test_both_doors_are_one(project: Project, name: str) -> None:
    """A caller whose queue message was handled asks again over HTTP, by the key: one command."""
    payload = await SCENARIOS[name].prepare(HttpStage(project))
    command_id = derived_id("cmd", project.tenant, project.name, name, "both doors")
    await project.send(queue_of(name), project.message(name, payload, command_id))
    outcome = await project.outcome(command_id)
    answer = await project.post(name, payload, key="both doors")
    assert part_of(answer.reply) == part_of(outcome)
    await assert_one_handling(project, name, answer.reply)


def domain_facts(received: Iterable[Received]) -> list[Received]:
    return [each for each in received if each.about["cs-scope"] == "domain"]


async def test_a_rejection_is_an_outcome_and_publishes_nothing(doors: Doors, project: Project) -> None:
    payload = {"name": "taken"}
    await project.post("ProvisionRepository", payload)
    refused = await project.post("ProvisionRepository", payload, key="second")
    again = await project.post("ProvisionRepository", payload, key="second")
    assert refused.status == 409
    assert refused.headers["Content-Type"].startswith("application/problem+json")
    assert refused.json["detail"] == "a repository named taken already exists"
    assert again.text == refused.text
    await doors.consumer.ids(
        project.tenant, [(await project.get("repositories")).json["items"][0]["lineage"]["eventId"]]
    )
    assert len(domain_facts(doors.consumer.of(project.tenant))) == 1
