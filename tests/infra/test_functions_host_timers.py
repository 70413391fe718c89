"""Timers of the sample app: their schedule, what they are told, retries, and what survives a restart."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

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


@pytest_asyncio.fixture(scope="module")
async def bus(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    bus = await start_bus(topology(tmp_path_factory.mktemp("timers") / "topology.json"))
    async with running(bus):
        yield bus


@pytest_asyncio.fixture(scope="module")
async def host(bus: Server, journal: Path) -> AsyncIterator[Server]:
    connection = bus.ready["connectionString"]
    host = await start_host(connection, JOURNAL=str(journal), TIMER_SCHEDULE="* * * * * *")
    async with running(host):
        yield host


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("journal") / "journal"


async def test_a_timer_fires_on_its_schedule(host: Server, journal: Path) -> None:
    ticks = await until(lambda: (found := entries(journal, function="tick"))[1:] and found)
    assert [tick["past_due"] for tick in ticks[:2]] == [False, False]
    assert ticks[0]["schedule"] == {"AdjustForDST": True}
    assert ticks[0]["status"]["Last"] == "0001-01-01T00:00:00"
    due = [datetime.fromisoformat(tick["status"]["Next"]) for tick in ticks[:2]]
    assert due[1] - due[0] == timedelta(seconds=1)
    ran = datetime.fromisoformat(ticks[1]["status"]["Last"])
    assert timedelta(0) <= ran - due[0] < timedelta(seconds=0.5)
    await until(lambda: "tick logged by the app" in host.logged)


async def test_a_timer_that_asks_for_it_runs_at_startup(host: Server, journal: Path) -> None:
    (entry,) = await until(lambda: entries(journal, function="at_start"))
    assert entry == {"function": "at_start", "past_due": False}


async def test_a_timer_fires_by_hand_whatever_the_case_of_its_name(host: Server, journal: Path) -> None:
    assert await fire(host, "AT_START") == (200, None)
    assert len(entries(journal, function="at_start")) == 2


async def test_a_failing_timer_is_retried_as_its_policy_says(host: Server, journal: Path) -> None:
    status, answer = await fire(host, "stubborn")
    assert (status, answer) == (500, {"error": "RuntimeError: never works"})
    attempts = [(each["attempt"], each["limit"]) for each in entries(journal, function="stubborn")]
    assert attempts == [(0, 2), (1, 2), (2, 2)]


async def test_a_timer_never_runs_over_itself(host: Server, journal: Path) -> None:
    await asyncio.gather(fire(host, "lingering"), fire(host, "lingering"))
    assert [each["event"] for each in entries(journal, function="lingering")] == ["started", "ended"] * 2


async def test_firing_by_hand_is_accepted_before_the_function_ends(host: Server, journal: Path) -> None:
    before = len(entries(journal, function="lingering", event="ended"))
    async with (
        aiohttp.ClientSession(host.ready["url"]) as http,
        http.post("/admin/functions/lingering", json={"input": "x"}) as accepted,
    ):
        assert accepted.status == 202
    assert len(entries(journal, function="lingering", event="ended")) == before
    await until(lambda: len(entries(journal, function="lingering", event="ended")) == before + 1)


async def test_an_occurrence_that_no_host_saw_is_past_due(bus: Server, tmp_path: Path) -> None:
    journal, state = tmp_path / "journal", tmp_path / "state"
    state.mkdir()
    missed = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    file = state / "timer-tick.json"
    file.write_text(json.dumps({"Last": "0001-01-01T00:00:00", "Next": missed, "LastUpdated": missed}))
    host = await start_host(bus.ready["connectionString"], "--state-dir", str(state), JOURNAL=str(journal))
    async with running(host):
        (tick,) = await until(lambda: entries(journal, function="tick"))
    assert (tick["past_due"], tick["status"]["Next"]) == (True, missed)
    kept = json.loads(file.read_text())
    assert datetime.fromisoformat(kept["Next"]) > datetime.now(UTC)
    assert datetime.fromisoformat(kept["Last"]) > datetime.fromisoformat(missed)
    assert json.loads((state / "timer-lingering.json").read_text())["Last"] == "0001-01-01T00:00:00"
