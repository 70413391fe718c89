"""The engine when hosts stop, storage goes away, and orchestrators break the rules."""

import asyncio
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlparse

import pytest

from infra.local.functions_host.durable.events import BEGINNINGS
from infra.local.functions_host.durable.replay import begun, histories, prefixes, replay
from tests.azurite import AzuriteServer
from tests.infra.durable_app import orchestrators
from tests.infra.sample_app.processes import entries, running, until
from tests.infra.test_durable.conftest import Shared
from tests.infra.test_durable.driving import Driver, driving, settings, start_host
from tests.infra.test_durable.forked import forked
from tests.infra.test_durable.gate import gate_to


async def test_a_graceful_stop_keeps_the_result_of_what_was_running(
    azurite: AzuriteServer, hub: str, tmp_path: Path
) -> None:
    journal, base = tmp_path / "journal", settings(azurite.connection_string, hub, tmp_path)
    async with forked(base, tmp_path / "log") as (host, driver):
        instance = await driver.start("sleeping", 0.4)
        await until(lambda: entries(journal, activity="slow", event="started"))
        assert await asyncio.to_thread(host.stop) == 0
    assert len(entries(journal, activity="slow", event="ended")) == 1
    async with forked(base, tmp_path / "log") as (_, driver):
        assert (await driver.end(instance))["output"] == "slept"
    assert len(entries(journal, activity="slow", event="started")) == 1, "it was not run again"


async def test_what_outlasts_the_grace_period_is_run_again_by_the_next_host(
    azurite: AzuriteServer, hub: str, tmp_path: Path
) -> None:
    journal, base = tmp_path / "journal", settings(azurite.connection_string, hub, tmp_path)
    async with forked(base, tmp_path / "log", "--grace", "0.1") as (host, driver):
        instance = await driver.start("sleeping", 1)
        await until(lambda: entries(journal, activity="slow", event="started"))
        assert await asyncio.to_thread(host.stop) == 0
    assert not entries(journal, activity="slow", event="ended")
    async with forked(base, tmp_path / "log") as (_, driver):
        assert (await driver.end(instance))["output"] == "slept"
    assert len(entries(journal, activity="slow", event="started")) == 2


async def test_an_orchestrator_that_runs_ahead_of_the_host_is_told(driver: Driver, host: Shared) -> None:
    before = (await driver.counts())["ranAhead"]
    instance = await driver.start("breaking")
    await until(lambda: "SDK ran ahead" in host.server.logged)
    (line,) = [line for line in host.server.logged.splitlines() if "SDK ran ahead" in line]
    assert instance in line and "WARNING" in line
    assert (await driver.counts())["ranAhead"] == before + 1
    # As in Azure it does not end: the host waits for the event that the orchestrator has forgotten.
    assert await driver.raise_event(instance, "other") == 202
    assert (await driver.status(instance))["runtimeStatus"] == "Running"
    await driver.client("terminate", instance_id=instance, reason="over")
    await driver.end(instance)


async def test_an_event_in_another_case_is_told(driver: Driver, host: Shared) -> None:
    instance = await driver.start("waiting")
    assert await driver.raise_event(instance, "FIRST") == 202
    await until(lambda: "'FIRST' ends the wait for 'first' for the host but not" in host.server.logged)
    await driver.client("terminate", instance_id=instance, reason="over")
    await driver.end(instance)


async def test_storage_that_goes_away_loses_and_wedges_nothing(
    azurite: AzuriteServer, hub: str, tmp_path: Path
) -> None:
    port = f":{urlparse(azurite.table_url).port}/"
    async with gate_to(azurite.table_url) as gate:
        connection = azurite.connection_string.replace(port, f":{gate.port}/")
        host = await start_host(connection, hub, tmp_path)
        async with running(host), driving(host) as driver:
            sleeping = [await driver.start("sleeping", 0.2) for _ in range(3)]
            event = await driver.start("approval", 60)
            await driver.reaches(event, lambda status: status["customStatus"] == "waiting")
            await gate.close()
            raised = asyncio.ensure_future(driver.raise_event(event, "Approved", "meanwhile"))
            await until(lambda: len(entries(tmp_path / "journal", activity="slow", event="ended")) == 3)
            await until(lambda: host.logged.count("Storage is away") >= 4)
            await gate.open()
            assert await raised == 202
            for instance in sleeping:
                assert (await driver.end(instance))["output"] == "slept"
            assert (await driver.end(event))["output"]["approved"] == "meanwhile"
            assert "Storage is back" in host.logged


@pytest.mark.parametrize(
    ("name", "given"),
    [("chain", "x"), ("fan", 6), ("retrying", 1), ("parent", None), ("nested", None), ("approval", 0.02)],
)
async def test_an_orchestrator_replays_the_same_at_every_turn(
    driver: Driver, host: Shared, name: str, given: object
) -> None:
    instance = await driver.start(name, given)
    await driver.end(instance)
    (history,) = await histories(host.storage, host.hub, instance)
    orchestrator = getattr(orchestrators, name)
    turns = replay(orchestrator, history, instance)
    assert len(turns) == len(prefixes(history)) > 1
    assert turns == replay(orchestrator, history, instance)
    for earlier, later in pairwise(turns):
        assert later[: len(earlier)] == earlier or name == "approval", "actions are only ever added"
    assert begun(history), "something was begun"


async def test_a_replay_shows_an_orchestrator_that_has_changed(driver: Driver, host: Shared) -> None:
    instance = await driver.start("chain", "x")
    await driver.end(instance)
    (history,) = await histories(host.storage, host.hub, instance)
    turns = replay(orchestrators.chain, history, instance)
    assert [action["functionName"] for action in turns[-1]] == [name for _, name in begun(history)]
    assert replay(orchestrators.catching, history[:4], instance)[0] != turns[0]
    assert [e["EventId"] for e in history if e["EventType"] in BEGINNINGS] == [0, 1, 2]
