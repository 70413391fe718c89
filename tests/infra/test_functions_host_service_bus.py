"""Service Bus functions of the sample app: real messages of the real SDK through a real broker process."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from azure.servicebus import ServiceBusMessage, ServiceBusReceivedMessage, ServiceBusSubQueue
from azure.servicebus.aio import ServiceBusClient, ServiceBusSender

from tests.infra.sample_app.processes import (
    Server,
    entries,
    fire,
    running,
    start_bus,
    start_host,
    topology,
    until,
)

LOCK_SECONDS = 1.2
CALLS = 4  # maxConcurrentCalls in the sample app's host.json


@dataclass
class Scene:
    """A broker and a host with the sample app, for the whole module."""

    host: Server
    client: ServiceBusClient
    work: ServiceBusSender
    journal: Path

    def seen(self, **wanted: Any) -> list[dict[str, Any]]:
        return entries(self.journal, **wanted)

    async def ended(self, *message_ids: str) -> None:
        def all_ended() -> bool:
            ended = {each["message_id"] for each in self.seen(function="work", event="ended")}
            return ended >= set(message_ids)

        await until(all_ended)


@pytest_asyncio.fixture(scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    directory = tmp_path_factory.mktemp("service_bus")
    bus = await start_bus(topology(directory / "topology.json", lock_seconds=LOCK_SECONDS))
    async with running(bus):
        connection = bus.ready["connectionString"]
        host = await start_host(connection, JOURNAL=str(directory / "journal"))
        async with (
            running(host),
            ServiceBusClient.from_connection_string(connection) as client,
            client.get_queue_sender("work") as work,
        ):
            yield Scene(host, client, work, directory / "journal")


async def dead_letters(client: ServiceBusClient, queue: str) -> list[ServiceBusReceivedMessage]:
    async with client.get_queue_receiver(queue, sub_queue=ServiceBusSubQueue.DEAD_LETTER) as receiver:
        messages = await receiver.receive_messages(10, max_wait_time=5)
        for message in messages:
            await receiver.complete_message(message)
        return messages


async def test_a_message_reaches_the_function_with_the_metadata_of_azure(scene: Scene) -> None:
    before = datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=1)
    await scene.work.send_messages(
        ServiceBusMessage(
            '{"text": "é"}',
            message_id="m-1",
            correlation_id="c-1",
            subject="s-1",
            content_type="application/json",
            to="t-1",
            reply_to="r-1",
            time_to_live=timedelta(hours=1),
            application_properties={"text": "é", "number": 5, "flag": True, "ratio": 0.5},
        )
    )
    (got,) = await until(lambda: scene.seen(function="work", event="started", message_id="m-1"))
    assert got["body"] == '{"text": "é"}'
    assert (got["correlation_id"], got["subject"], got["label"]) == ("c-1", "s-1", "s-1")
    assert (got["content_type"], got["to"], got["reply_to"]) == ("application/json", "t-1", "r-1")
    assert got["session_id"] is None
    assert got["delivery_count"] == 1
    assert got["sequence_number"] >= 1
    assert len(got["lock_token"]) == 36
    assert got["application_properties"] == {"text": "é", "number": 5, "flag": True, "ratio": 0.5}
    assert got["user_properties"] == got["application_properties"]
    enqueued = datetime.fromisoformat(got["enqueued_time_utc"])
    assert enqueued.tzinfo is None, "Azure sends the time without a zone"
    assert before < enqueued < before + timedelta(seconds=10)
    assert datetime.fromisoformat(got["expires_at_utc"]) == enqueued + timedelta(hours=1)
    for never_sent in ("locked_until", "time_to_live", "state", "dead_letter_reason"):
        assert got[never_sent] is None


async def test_a_completed_message_is_gone(scene: Scene) -> None:
    await scene.work.send_messages(ServiceBusMessage("{}", message_id="gone"))
    await scene.ended("gone")
    async with scene.client.get_queue_receiver("work") as receiver:
        await until_empty(receiver)
    await asyncio.sleep(LOCK_SECONDS + 0.3)  # were it only locked, it would come again
    assert len(scene.seen(function="work", event="started", message_id="gone")) == 1


async def until_empty(receiver: Any) -> None:
    async with asyncio.timeout(5):
        while True:
            if not await receiver.peek_messages(1):
                return
            await asyncio.sleep(0.05)


async def test_a_message_that_always_fails_is_dead_lettered_with_its_whole_body(scene: Scene) -> None:
    body = json.dumps({"fail": True, "padding": "x" * 100_000})
    await scene.work.send_messages(ServiceBusMessage(body, message_id="fails", subject="kept"))
    (dead,) = await dead_letters(scene.client, "work")
    assert (dead.message_id, dead.subject, str(dead)) == ("fails", "kept", body)
    assert dead.dead_letter_reason == "MaxDeliveryCountExceeded"
    deliveries = scene.seen(function="work", event="started", message_id="fails")
    assert [each["delivery_count"] for each in deliveries] == [1, 2, 3]


async def test_a_subscription_triggers_a_synchronous_function(scene: Scene) -> None:
    async with scene.client.get_topic_sender("events") as sender:
        await sender.send_messages(ServiceBusMessage("hello", message_id="event-1"))
        await sender.send_messages(ServiceBusMessage(b"\xff\xfe", message_id="event-2"))
        await sender.send_messages(ServiceBusMessage(b"", message_id="event-3"))
    got = await until(lambda: (found := scene.seen(function="audit"))[2:] and found)
    assert {each["message_id"]: each["body"] for each in got} == {
        "event-1": "hello",
        "event-2": b"\xff\xfe".decode(errors="replace"),
        "event-3": "",
    }


async def test_a_batch_function_gets_messages_together(scene: Scene) -> None:
    async with scene.client.get_queue_sender("batches") as sender:
        await sender.send_messages(
            [
                ServiceBusMessage(
                    f"body {number}", message_id=f"b-{number}", application_properties={"n": number}
                )
                for number in range(5)
            ]
        )
        batches = await until(lambda: collected(scene, 5))
    messages = [message for batch in batches for message in batch["messages"]]
    assert len(batches) < 5
    assert [each["body"] for each in messages] == [f"body {number}" for number in range(5)]
    assert [each["user_properties"] for each in messages] == [{"n": number} for number in range(5)]
    assert [each["delivery_count"] for each in messages] == [1] * 5
    async with scene.client.get_queue_receiver("batches") as receiver:
        await until_empty(receiver)


def collected(scene: Scene, count: int) -> list[dict[str, Any]]:
    batches = scene.seen(function="batches")
    return batches if sum(len(batch["messages"]) for batch in batches) >= count else []


async def test_as_many_calls_run_at_once_as_host_json_allows(scene: Scene) -> None:
    ids = [f"many-{number}" for number in range(3 * CALLS)]
    await scene.work.send_messages([ServiceBusMessage('{"seconds": 0.2}', message_id=each) for each in ids])
    await scene.ended(*ids)
    running_now, most = 0, 0
    for entry in scene.seen(function="work"):
        if entry["message_id"] in ids:
            running_now += 1 if entry["event"] == "started" else -1
            most = max(most, running_now)
    assert most == CALLS


async def test_a_lock_is_renewed_while_its_function_runs(scene: Scene) -> None:
    await scene.work.send_messages(ServiceBusMessage('{"seconds": 2.6}', message_id="longer-than-its-lock"))
    await scene.ended("longer-than-its-lock")
    async with scene.client.get_queue_receiver("work") as receiver:
        await until_empty(receiver)
    assert len(scene.seen(function="work", event="started", message_id="longer-than-its-lock")) == 1


async def test_a_single_message_does_not_wait_for_others(scene: Scene) -> None:
    delays = []
    for number in range(10):
        sent = datetime.now(UTC)
        await scene.work.send_messages(ServiceBusMessage("{}", message_id=f"prompt-{number}"))
        await scene.ended(f"prompt-{number}")
        delays.append((datetime.now(UTC) - sent).total_seconds())
    assert sorted(delays)[len(delays) // 2] < 0.15


async def test_a_service_bus_function_runs_by_hand(scene: Scene) -> None:
    assert await fire(scene.host, "work", {"by": "hand"}) == (200, None)
    got = [each for each in scene.seen(function="work", event="started") if "by" in json.loads(each["body"])]
    assert [each["body"] for each in got] == ['{"by": "hand"}']
    assert got[0]["user_properties"] == {}
    status, answer = await fire(scene.host, "work", {"fail": True})
    assert (status, answer) == (500, {"error": "RuntimeError: told to fail"})
