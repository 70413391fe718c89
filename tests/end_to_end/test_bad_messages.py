"""Bad input over the queues: the dead-letter queue holds it whole, and the next message is handled."""

import asyncio
import copy
import json
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from azure.servicebus import ServiceBusMessage, ServiceBusSubQueue
from azure.servicebus.aio import ServiceBusReceiver

from domain.catalogue import catalogue
from domain.kernel.context import OBSERVATIONS
from domain.kernel.envelope import Envelope
from tests.domain.mutations import mutations
from tests.domain.scenarios import SCENARIOS
from tests.end_to_end import bad_input
from tests.end_to_end.doors import Doors, Payload, Project, queue_of
from tests.end_to_end.stages import HttpStage
from tests.end_to_end.waiting import eventually

NAMES = sorted(handler.name for handler in catalogue().commands)
TOGETHER = 4
NOT_THERE = "a command for what is not there"
PROPERTIES: dict[str | bytes, Any] = {
    "cs-actor": "service:tests",
    "cs-event-type": "whatever the sender says",
}

every_command = pytest.mark.parametrize("name", NAMES)


@dataclass(frozen=True)
class Dead:
    """What the dead-letter queue holds of a message."""

    body: bytes
    properties: dict[Any, Any]


@dataclass(frozen=True)
class Run:
    """Bad messages by their id, what became of each, and the outcome of the good one behind them."""

    sent: dict[str, bytes]
    dead: dict[str, Dead]
    next: dict[str, Any] | None


def one_a_field(handler_name: str, payload: Payload) -> Iterator[Payload]:
    """The payload with each field broken in one way; HTTP tries them all."""
    seen = set()
    for mutation in mutations(catalogue().handlers[handler_name].command, payload):
        if mutation.path not in seen:
            seen.add(mutation.path)
            yield mutation.applied_to(copy.deepcopy(payload))


def bad_bodies(project: Project, name: str, payload: Payload) -> Iterator[bytes]:
    """Bodies that `name`'s queue can't take, whatever its payload is."""
    yield from (body for _, body in bad_input.unreadable())
    good = json.loads(project.message(name, payload))
    seen = set()
    for mutation in mutations(Envelope, good):
        if mutation.path not in seen and mutation.path[0] != "payload":
            seen.add(mutation.path)
            yield json.dumps(mutation.applied_to(copy.deepcopy(good))).encode()
    for key in ("eventId", "tenantId", "projectId", "traceId"):
        for character in bad_input.KEY_CHARACTERS[:4]:
            yield json.dumps(good | {key: f"x{character}y"}).encode()
    for moment in ("yesterday", "2026-06-11T18:22:05", "2026-13-11T18:22:05Z", 1781202125, None):
        yield json.dumps(good | {"occurredAt": moment}).encode()
    for other in ("DemolishRepository", *(each for each in NAMES if each != name), "ObserveBranch"):
        yield json.dumps(good | {"eventType": other}).encode()


@pytest_asyncio.fixture(scope="module")
async def runs(doors: Doors, tried: Counter[str]) -> AsyncIterator[Mapping[str, asyncio.Task[Run]]]:
    """All queues at once; each test awaits its own."""
    together = asyncio.Semaphore(TOGETHER)

    async def play(name: str) -> Run:
        async with together, asyncio.timeout(90):
            project = doors.project()
            payload = await SCENARIOS[name].prepare(HttpStage(project))
            bodies = [project.message(name, broken).encode() for broken in one_a_field(name, payload)]
            if name == NAMES[0]:
                # The envelope is read alike on every queue: one of them gets the whole list.
                bodies += bad_bodies(project, name, payload)
            else:
                bodies += [b"", b"\xff\xfe", b'{"cut": "o']
            tried["queue"] += len(bodies)
            return await run(project, queue_of(name), bodies, payload, name)

    async def not_there() -> Run:
        project, name = doors.project(), "MergePullRequest"
        body = project.message(name, {"pullRequestId": "pr-none"}).encode()
        tried["queue"] += 1
        return await run(project, queue_of(name), [body])

    tasks = {name: asyncio.create_task(play(name)) for name in NAMES}
    tasks[NOT_THERE] = asyncio.create_task(not_there())
    yield tasks
    for task in tasks.values():
        task.cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)


async def run(
    project: Project, queue: str, bodies: list[bytes], payload: Payload | None = None, name: str = ""
) -> Run:
    """Send the bad ones, then a good one where there is a payload."""
    sent = {f"bad-{uuid.uuid4()}": body for body in bodies}
    await project.doors.send(
        queue,
        *(
            ServiceBusMessage(body, message_id=id, application_properties=dict(PROPERTIES))
            for id, body in sent.items()
        ),
    )
    outcome = None
    if payload is not None:
        command_id = f"cmd-{uuid.uuid4()}"
        await project.send(queue, project.message(name, payload, command_id))
        outcome = await project.outcome(command_id, within=60)
    async with (
        project.doors.bus() as bus,
        bus.get_queue_receiver(queue, sub_queue=ServiceBusSubQueue.DEAD_LETTER) as receiver,
    ):
        dead = await eventually(lambda: peeked(receiver), lambda found: sent.keys() <= found.keys(), 60, 0.2)
    return Run(sent, {id: dead[id] for id in sent}, outcome)


async def peeked(receiver: ServiceBusReceiver) -> dict[str, Dead]:
    """All of a queue by message id, without taking it."""
    found: dict[str, Dead] = {}
    number = 1
    while messages := await receiver.peek_messages(200, sequence_number=number):
        for message in messages:
            properties = message.application_properties or {}
            found[str(message.message_id)] = Dead(b"".join(message.body), dict(properties))
            number = (message.sequence_number or 0) + 1
    return found


def assert_whole(run: Run) -> None:
    for id, body in run.sent.items():
        dead = run.dead[id]
        assert dead.body == body
        kept = {_text(key): _text(value) for key, value in dead.properties.items()}
        assert {key: kept.get(str(key)) for key in PROPERTIES} == PROPERTIES
        assert kept.get("DeadLetterReason") == "MaxDeliveryCountExceeded"


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


@every_command
async def test_a_bad_message_is_dead_lettered_whole_and_the_next_is_handled(
    runs: Mapping[str, asyncio.Task[Run]], name: str
) -> None:
    run = await runs[name]
    assert_whole(run)
    assert run.next is not None and run.next["outcome"] == "accepted"


async def test_a_bad_observation_is_dead_lettered_whole(project: Project, tried: Counter[str]) -> None:
    bodies = [b"", b"{", project.message("ObserveBranch", {"repositoryId": "repo-1"}).encode()]
    bodies += [project.message("NoSuchObservation", {}).encode()]
    tried["queue"] += len(bodies)
    assert_whole(await run(project, OBSERVATIONS, bodies))


async def test_a_used_id_with_another_body_is_dead_lettered(project: Project, tried: Counter[str]) -> None:
    command, queue = "ProvisionRepository", queue_of("ProvisionRepository")
    await project.send(queue, project.message(command, {"name": "first"}, "cmd-used"))
    first = await project.outcome("cmd-used")
    other = project.message(command, {"name": "second"}, "cmd-used").encode()
    tried["queue"] += 1
    assert_whole(await run(project, queue, [other]))
    last = await project.outcome("cmd-used")
    assert last | {"published": True} == first | {"published": True}
    assert [item["name"] for item in (await project.get("repositories")).json["items"]] == ["first"]


async def test_a_command_for_what_is_not_there_is_dead_lettered_whole(
    runs: Mapping[str, asyncio.Task[Run]],
) -> None:
    """It may come to be there, so it is tried again; at last an operator decides."""
    assert_whole(await runs[NOT_THERE])
