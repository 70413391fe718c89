"""The host is killed at every moment of an orchestration: the next one brings it to the same end."""

import asyncio
import signal
import uuid
from collections import Counter
from contextlib import suppress
from pathlib import Path

import aiohttp

from infra.local.functions_host.durable.events import Kind, completes, event, now
from infra.local.functions_host.durable.record import Message
from infra.local.functions_host.durable.replay import histories
from infra.local.functions_host.durable.store import InstanceStore
from tests.azurite import AzuriteServer
from tests.infra.test_durable.driving import settings
from tests.infra.test_durable.forked import forked


async def moments_of(name: str, environment: dict[str, str], directory: Path) -> list[str]:
    """The kinds of moments of one undisturbed run, in their order."""
    log = directory / "moments"
    async with forked(environment | {"FUNCTIONS_HOST_LOG_MOMENTS": str(log)}, directory / "log") as (
        _,
        driver,
    ):
        assert await driver.run(name) == 4
        instance = await driver.start("leaf", 1)
        await driver.end(instance)
    lines = [line.split() for line in log.read_text("utf-8").splitlines()]
    assert [int(line[0]) for line in lines] == list(range(1, len(lines) + 1))
    return [line[1] for line in lines if line[2] != instance]


async def test_killed_at_any_moment_an_orchestration_still_comes_to_its_result(
    azurite: AzuriteServer, hub: str, tmp_path: Path
) -> None:
    base = settings(azurite.connection_string, hub, tmp_path)
    moments = await moments_of("small", base, tmp_path)
    assert Counter(moments)["activity-returned"] == 2
    instances: list[str] = []
    for number in range(1, len(moments) + 1):
        instance = f"trial{number:02}-{uuid.uuid4().hex}"
        dying = {
            "FUNCTIONS_HOST_KILL_AT_MOMENT": str(number),
            "FUNCTIONS_HOST_COUNT_MOMENTS_OF": instance[:7],
        }
        # Meanwhile it takes up what the one before it left behind.
        async with forked(base | dying, tmp_path / "log") as (host, driver):
            with suppress(aiohttp.ClientError):
                await driver.start("small", None, instance)
            assert await asyncio.to_thread(host.wait) == -signal.SIGKILL, f"moment {number}"
        instances.append(instance)
    async with forked(base, tmp_path / "log") as (_, driver):
        for instance in instances:
            ended = await driver.end(instance)
            assert (ended["runtimeStatus"], ended["output"]) == ("Completed", 4), instance
        assert (await driver.counts())["ranAhead"] == 0
    for instance in instances:
        await has_each_result_once(azurite.connection_string, hub, instance)


async def has_each_result_once(storage: str, hub: str, instance: str) -> None:
    (history,) = await histories(storage, hub, instance)
    results = Counter(done for each in history if (done := completes(each)) is not None)
    begun = {e["EventId"] for e in history if e["EventType"] in (Kind.TASK_SCHEDULED, Kind.CHILD_CREATED)}
    assert begun and set(results.values()) == {1} and begun <= results.keys(), (instance, results)


async def test_killed_again_and_again_everything_comes_to_its_end(
    azurite: AzuriteServer, hub: str, tmp_path: Path
) -> None:
    base = settings(azurite.connection_string, hub, tmp_path)
    wanted = {"fan": (12, 132), "chain": ("x", "xabc"), "parent": (None, None), "nested": (None, [[2, 4], 6])}
    async with forked(base, tmp_path / "log") as (_, driver):
        await driver.start("approval", 60, "event")
        for name, (given, _) in wanted.items():
            await driver.start(name, given, name)
        await driver.raise_event("event", "Approved", "yes")
    for lives in range(1, 5):
        dying = {"FUNCTIONS_HOST_KILL_AT_MOMENT": str(9 * lives)}
        async with forked(base | dying, tmp_path / "log") as (host, _):
            await asyncio.to_thread(host.process.join, 0.5)
    async with forked(base, tmp_path / "log") as (_, driver):
        for name, (_, output) in wanted.items():
            ended = await driver.end(name)
            assert ended["runtimeStatus"] == "Completed"
            assert output is None or ended["output"] == output
        assert (await driver.end("event"))["output"]["approved"] == "yes"
    for name in wanted:
        await has_each_result_once(azurite.connection_string, hub, name)


async def test_results_that_come_twice_or_for_another_execution_are_dropped(
    azurite: AzuriteServer, hub: str, tmp_path: Path
) -> None:
    base = settings(azurite.connection_string, hub, tmp_path)
    async with forked(base | {"FUNCTIONS_HOST_KILL_AT_MOMENT": "3"}, tmp_path / "log") as (host, driver):
        with suppress(aiohttp.ClientError):
            await driver.start("chain", "x", "twice")
        await asyncio.to_thread(host.wait)
    store = InstanceStore(azurite.connection_string, hub)
    loaded = await store.load("twice")
    assert loaded is not None and len(loaded.history) == 4, "it was killed when its first turn was stored"
    for execution, text in (("other", "wrong"), (loaded.record.execution_id, "1"), ("", "2")):
        done = event(Kind.TASK_COMPLETED, now(), TaskScheduledId=0, Result=f'"{text}"')
        await store.put("twice", Message("completion", done, execution))
    await store.close()
    async with forked(base, tmp_path / "log") as (_, driver):
        assert (await driver.end("twice"))["output"] == "1bc"
    await has_each_result_once(azurite.connection_string, hub, "twice")
