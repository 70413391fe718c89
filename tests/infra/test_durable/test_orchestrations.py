"""Every kind of orchestration, from its start to its end."""

import asyncio
from functools import partial
from typing import Any

import pytest

from infra.local.functions_host.durable.replay import histories
from tests.infra.test_durable.conftest import Shared
from tests.infra.test_durable.driving import Driver


@pytest.mark.parametrize(
    ("name", "given", "output"),
    [
        ("chain", "x", "xabc"),
        ("fan", 25, 600),
        ("nested", None, [[2, 4], 6]),
        ("retrying", 2, ["attempt 3", 42, 84]),
        ("large", "ö" * 60_000, "ö" * 60_000 + "ä"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 20 else "",
)
async def test_it_comes_to_its_result(driver: Driver, name: str, given: Any, output: Any) -> None:
    assert await driver.run(name, given) == output


async def test_a_failure_of_an_activity_reaches_the_orchestrator_in_the_platforms_words(
    driver: Driver,
) -> None:
    text = await driver.run("catching")
    assert text.startswith("Activity function 'flaky' failed:  ValueError: attempt 1 \n {")


async def test_retries_are_exhausted_after_the_last_attempt(driver: Driver) -> None:
    before = await driver.counts()
    failed = await driver.end(await driver.start("retrying", 5))
    after = await driver.counts()
    assert after["activities"] - before["activities"] == 3 + 1
    assert failed["runtimeStatus"] == "Failed"
    assert failed["output"].startswith(
        "Orchestrator function 'retrying' failed: Activity function 'flaky' failed"
    )
    assert "attempt 3" in failed["output"]


async def test_an_exception_fails_the_instance(driver: Driver) -> None:
    failed = await driver.end(await driver.start("failing"))
    assert (failed["runtimeStatus"], failed["output"]) == (
        "Failed",
        "Orchestrator function 'failing' failed: this cannot be",
    )


async def test_sub_orchestrations_answer_their_parent(driver: Driver) -> None:
    first, second, third, error = await driver.run("parent", None, "family")
    assert (first, second, third) == ("xabc", "yabc", 6)
    assert "Orchestrator function 'failing' failed: this cannot be" in error
    child = await driver.status("family-child")
    assert (child["name"], child["runtimeStatus"], child["output"]) == ("chain", "Completed", "yabc")


async def test_an_event_wins_over_its_timer(driver: Driver) -> None:
    instance = await driver.start("approval", 60)
    await driver.reaches(instance, lambda status: status["customStatus"] == "waiting")
    assert await driver.raise_event(instance, "Approved", {"by": "Ann"}) == 202
    ended = await driver.end(instance)
    assert ended["output"]["approved"] == {"by": "Ann"}
    assert ended["customStatus"] == {"step": "thanking"}


async def test_a_timer_wins_over_an_event_that_does_not_come(driver: Driver) -> None:
    assert await driver.run("approval", 0.05) == {"approved": None, "clockBeforeDeadline": False}


async def test_an_event_is_kept_until_it_is_waited_for(driver: Driver) -> None:
    instance = await driver.start("waiting")
    assert await driver.raise_event(instance, "second", 2) == 202
    assert await driver.raise_event(instance, "first", 1) == 202
    assert (await driver.end(instance))["output"] == [1, 2]


def has_custom_status(expected: Any, status: dict[str, Any]) -> bool:
    return bool(status["customStatus"] == expected)


async def test_continuing_as_new_starts_a_history_of_its_own(driver: Driver, host: Shared) -> None:
    instance = await driver.start("counting")
    for number in range(3):
        expected = {"executions": number}
        await driver.reaches(instance, partial(has_custom_status, expected))
        await driver.raise_event(instance, "tick", f"tick {number}")
    ended = await driver.end(instance)
    assert ended["output"] == {"executions": 3, "events": ["tick 0", "tick 1", "tick 2"]}
    executions = await histories(host.storage, host.hub, instance)
    assert len(executions) == 3
    ids = {history[1]["OrchestrationInstance"]["ExecutionId"] for history in executions}
    assert len(ids) == 3, "each execution has an id of its own"


async def test_events_that_nobody_has_taken_survive_a_continuation(driver: Driver) -> None:
    instance = await driver.start("counting")
    for number in range(3):
        # In Azure's SDK the last of several events of one name wins, within an execution.
        await driver.raise_event(instance, "tick", number)
    await driver.reaches(instance, lambda status: status["runtimeStatus"] in ("Running", "Completed"))
    ended = await driver.end(instance)
    assert ended["output"]["executions"] == 3


async def test_many_instances_run_at_once(driver: Driver) -> None:
    before = await driver.counts()
    outputs = await asyncio.gather(*(driver.run("chain", f"{number}-") for number in range(20)))
    assert outputs == [f"{number}-abc" for number in range(20)]
    after = await driver.counts()
    assert after["turns"] - before["turns"] == 20 * 4
    assert after["activities"] - before["activities"] == 20 * 3


async def test_no_orchestration_here_ran_ahead_of_the_host(driver: Driver, host: Shared) -> None:
    await driver.run("chain", "last")
    assert (await driver.counts())["ranAhead"] == 0, host.server.logged
