"""The host as a process: what keeps it from starting, how it stops, and what a crash leaves behind."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusSender

from tests.infra.sample_app.processes import (
    Server,
    entries,
    running,
    start_bus,
    start_host,
    topology,
    until,
)


@pytest_asyncio.fixture(scope="module")
async def bus(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    bus = await start_bus(topology(tmp_path_factory.mktemp("process") / "topology.json", lock_seconds=1.5))
    async with running(bus):
        yield bus


@pytest_asyncio.fixture(scope="module")
async def client(bus: Server) -> AsyncIterator[ServiceBusClient]:
    async with ServiceBusClient.from_connection_string(bus.ready["connectionString"]) as client:
        yield client


@pytest_asyncio.fixture(scope="module")
async def work(client: ServiceBusClient) -> AsyncIterator[ServiceBusSender]:
    async with client.get_queue_sender("work") as sender:
        yield sender


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({}, "there is no function_app.py"),
        ({"function_app.py": "def broken(:\n"}, "SyntaxError"),
        (
            {
                "function_app.py": "import azure.functions as func\n"
                "app = func.FunctionApp()\n"
                "@app.timer_trigger('t', '%NOT_SET%')\n"
                "def f(t: func.TimerRequest) -> None: ...\n"
            },
            "'%NOT_SET%' does not resolve to a value",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_an_app_that_cannot_be_loaded_ends_the_host_with_the_reason(
    tmp_path: Path, files: dict[str, str], complaint: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "infra.local.functions_host",
        "--app-dir",
        str(tmp_path),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(20):
        stdout, stderr = await process.communicate()
    assert process.returncode == 1
    assert complaint in stderr.decode()
    assert b"READY" not in stdout


async def test_a_graceful_stop_lets_what_runs_finish(
    bus: Server, client: ServiceBusClient, work: ServiceBusSender, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    host = await start_host(bus.ready["connectionString"], JOURNAL=str(journal))
    async with running(host), aiohttp.ClientSession(host.ready["url"]) as http:
        await work.send_messages(ServiceBusMessage('{"seconds": 1}', message_id="finishes"))
        request = asyncio.ensure_future(http.get("/api/slow?seconds=1"))
        await until(lambda: entries(journal, function="slow") and entries(journal, message_id="finishes"))
        assert await host.stop() == 0
        async with await request as answer:
            assert (answer.status, await answer.text()) == (200, "done")
    assert entries(journal, message_id="finishes", event="ended")
    async with client.get_queue_receiver("work") as receiver:
        assert await receiver.peek_messages(1) == [], "it was completed"


async def test_what_outlasts_the_grace_period_is_cancelled_and_visible_at_once(
    bus: Server, client: ServiceBusClient, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    host = await start_host(
        bus.ready["connectionString"], "--grace", "0.2", JOURNAL=str(journal), WORK_QUEUE="patient"
    )
    async with client.get_queue_sender("patient") as sender:
        await sender.send_messages(ServiceBusMessage('{"seconds": 30}', message_id="outlasts"))
    async with running(host), aiohttp.ClientSession(host.ready["url"]) as http:
        request = asyncio.ensure_future(http.get("/api/slow?seconds=30"))
        stuck = asyncio.ensure_future(http.get("/api/stuck"))
        await until(
            lambda: (
                entries(journal, function="slow")
                and entries(journal, function="stuck")
                and entries(journal, message_id="outlasts")
            )
        )
        started = time.monotonic()
        assert await host.stop() == 0
        assert time.monotonic() - started < 6
        async with await request as answer:
            assert answer.status == 503
        assert await asyncio.gather(stuck, return_exceptions=True)
    assert entries(journal, function="slow", event="cancelled")
    async with client.get_queue_receiver("patient") as receiver:
        (message,) = await receiver.receive_messages(1, max_wait_time=2)
        assert (message.message_id, message.delivery_count) == ("outlasts", 1)
        await receiver.complete_message(message)


async def test_a_killed_host_leaves_its_messages_to_the_next_one(
    bus: Server, work: ServiceBusSender, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    host = await start_host(bus.ready["connectionString"], JOURNAL=str(journal))
    ids = [f"survives-{number}" for number in range(8)]
    await work.send_messages([ServiceBusMessage('{"seconds": 0.5}', message_id=each) for each in ids])
    await until(lambda: entries(journal, function="work", event="started"))
    await host.kill()
    assert len(entries(journal, event="ended")) < len(ids)
    host = await start_host(bus.ready["connectionString"], JOURNAL=str(journal))
    async with running(host):
        await until(lambda: {each["message_id"] for each in entries(journal, event="ended")} == set(ids))
    redelivered = [each for each in entries(journal, event="started") if each["delivery_count"] == 2]
    assert redelivered


async def send(bus: Server, message: ServiceBusMessage) -> None:
    connection = bus.ready["connectionString"]
    async with (
        ServiceBusClient.from_connection_string(connection) as client,
        client.get_queue_sender("work") as sender,
    ):
        await sender.send_messages(message)


async def test_the_host_survives_its_broker_going_away(tmp_path: Path) -> None:
    journal, config = tmp_path / "journal", topology(tmp_path / "topology.json")
    stored = ("--journal", str(tmp_path / "broker.db"))
    bus = await start_bus(config, *stored)
    host = await start_host(bus.ready["connectionString"], "--quiet", JOURNAL=str(journal))
    async with running(host):
        await send(bus, ServiceBusMessage('{"seconds": 1}', message_id="held"))
        await until(lambda: entries(journal, message_id="held"))
        await bus.kill()
        await until(lambda: entries(journal, message_id="held", event="ended"))
        await until(lambda: "The link of 'work' broke" in host.logged)
        bus = await start_bus(config, *stored, port=bus.ready["port"])
        async with running(bus):
            await send(bus, ServiceBusMessage("{}", message_id="after"))
            await until(lambda: entries(journal, message_id="after", event="ended"))
            # What was running when the broker fell was not settled: it comes again, at least once.
            await until(lambda: len(entries(journal, message_id="held", event="ended")) >= 2)
            assert "could not complete message held" in host.logged
            async with aiohttp.ClientSession(host.ready["url"]) as http, http.get("/api/any") as answer:
                assert answer.status == 200
            assert await host.stop() == 0


async def test_the_host_waits_for_a_broker_that_is_not_there_yet(tmp_path: Path) -> None:
    config = topology(tmp_path / "topology.json")
    bus = await start_bus(config)
    await bus.stop()
    starting = asyncio.ensure_future(start_host(bus.ready["connectionString"]))
    await asyncio.sleep(1)
    assert not starting.done()
    bus = await start_bus(config, port=bus.ready["port"])
    async with running(bus), asyncio.timeout(10):
        host = await starting
        assert await host.stop() == 0


@pytest.fixture
def small_app(tmp_path: Path) -> Path:
    """An app without a broker: it starts faster."""
    (tmp_path / "function_app.py").write_text(
        "import azure.functions as func\n"
        "app = func.FunctionApp()\n"
        "@app.route('here/{x}')\n"
        "@app.retry(strategy='fixed_delay', max_retry_count='1', delay_interval='00:00:01')\n"
        "def here(req: func.HttpRequest) -> str: return 'here'\n"
        "@app.generic_trigger('x', 'someTrigger')\n"
        "def other(x: str) -> None: ...\n"
    )
    (tmp_path / "host.json").write_text('{"extensions": {"http": {"routePrefix": ""}}}')
    return tmp_path


async def test_the_host_ends_with_its_parent(small_app: Path) -> None:
    guardian = await asyncio.create_subprocess_exec("sleep", "60")
    host = await start_host("", "--parent-pid", str(guardian.pid), app_dir=small_app)
    guardian.kill()
    await guardian.wait()
    assert await host.exit_code() == 0


async def test_a_small_app_is_served_and_an_interrupt_stops_it(small_app: Path) -> None:
    host = await start_host("", app_dir=small_app)
    assert (host.ready["functions"], host.ready["functionKey"]) == (2, "function-key")
    async with aiohttp.ClientSession(host.ready["url"]) as http:
        async with http.get("/here/x?code=function-key") as answer:
            assert await answer.text() == "here", "the empty prefix and the default level FUNCTION"
        async with http.post("/admin/functions/other?wait=1", json={}) as answer:
            assert answer.status == 501
    os.kill(host.process.pid, signal.SIGINT)
    assert await host.exit_code() == 0
    assert "'other' will not run: no someTrigger in this host" in host.logged
    assert "The retry policy of 'here' has no effect" in host.logged


async def test_a_port_that_is_taken_ends_the_host_with_the_reason(bus: Server, small_app: Path) -> None:
    with pytest.raises(AssertionError, match="address already in use"):
        await start_host("", "--port", str(bus.ready["port"]), app_dir=small_app)
