"""What changes behind the state's back, and what a client can compare before it applies."""

from __future__ import annotations

import hashlib
import json

import pytest

from tests.infra.test_pulumi.client import Ended, Programs, Stack
from tests.infra.test_pulumi.sample import program

REFRESH = {"PULUMI_OPTION_REFRESH": "true"}


async def _plan(ended: Ended) -> str:
    """A hash of the steps, as a client would make it."""
    steps = [event["resourcePreEvent"] for event in await ended.events() if "resourcePreEvent" in event]
    return hashlib.sha256(json.dumps(steps, sort_keys=True).encode()).hexdigest()


async def _drift(stack: Stack, commit: str) -> tuple[bool, dict[str, int]]:
    ended = await stack.deploy("detect-drift", commit)
    status = (await stack.call("GET", "/drift/status")).body
    assert (status["latestDriftRun"], status["runInProgress"]) == (ended.body["id"], False)
    return status["driftDetected"], await ended.changes()


async def test_a_changed_resource_is_found_and_repaired_only_by_an_update_that_refreshes(
    stack: Stack, programs: Programs
) -> None:
    commit = await programs.commit(program())
    await stack.deploy("update", commit)
    assert await _drift(stack, commit) == (False, {"same": 2})
    await stack.local("POST", "drift", {"resource": "account", "properties": {"sku": {"name": "Cheap"}}})
    assert await _drift(stack, commit) == (True, {"same": 1, "update": 1})
    assert (await stack.version(), await (await stack.deploy("update", commit)).changes()) == (1, {"same": 3})
    repaired = await stack.deploy("update", commit, environmentVariables=REFRESH)
    assert await repaired.changes() == {"same": 2, "update": 1}
    assert await _drift(stack, commit) == (False, {"same": 2})


@pytest.mark.parametrize("operation", ["update", "remediate-drift", "detect-drift"])
async def test_a_deleted_resource_comes_back(stack: Stack, programs: Programs, operation: str) -> None:
    commit = await programs.commit(program(options={"refresh": "always"}))
    await stack.deploy("update", commit)
    await stack.local("POST", "drift", {"resource": "account", "delete": True})
    asked = await stack.ask(operation, commit, options={"remediateIfDriftDetected": True})
    assert (await stack.ended(asked["id"]))["status"] == "succeeded"
    updates = (await stack.call("GET", f"/deployments/{asked['id']}/updates")).body
    assert updates[0]["info"]["resourceChanges"] == {"same": 2, "create": 1}
    assert [u["info"]["kind"] for u in updates] == ["update", *(["Prefresh"] * (operation == "detect-drift"))]
    assert len((await stack.local("GET", "world"))["resources"]) == 2


async def test_a_refresh_takes_over_what_it_finds(stack: Stack, programs: Programs) -> None:
    commit = await programs.commit(program())
    await stack.deploy("update", commit)
    await stack.local("POST", "drift", {"resource": "group", "properties": {"tags": {"by": "hand"}}})
    assert await (await stack.deploy("refresh", commit)).changes() == {"same": 1, "update": 1}
    assert (await stack.resources())["group"]["inputs"]["tags"] == {"by": "hand"}
    assert await (await stack.deploy("preview", commit)).changes() == {"same": 2, "update": 1}


async def test_an_update_of_a_resource_that_is_gone_fails_without_a_refresh(
    stack: Stack, programs: Programs
) -> None:
    await stack.deploy("update", await programs.commit(program()))
    await stack.local("POST", "drift", {"resource": "account", "delete": True})
    failed = await stack.deploy("update", await programs.commit(program("Premium_LRS")))
    assert (failed.status, "was not found" in await failed.log()) == ("failed", True)


async def test_previews_of_the_same_program_over_the_same_state_have_the_same_plan(
    stack: Stack, programs: Programs
) -> None:
    await stack.deploy("update", await programs.commit(program()))
    commit = await programs.commit(program("Premium_LRS", vault=True))
    first, second = await stack.deploy("preview", commit), await stack.deploy("preview", commit)
    assert await _plan(first) == await _plan(second)
    other = await stack.deploy("preview", await programs.commit(program("Premium_ZRS", vault=True)))
    assert await _plan(other) != await _plan(first)


async def test_a_plan_is_another_one_when_the_stack_moved_or_its_resources_drifted(
    stack: Stack, programs: Programs
) -> None:
    commit = await programs.commit(program())
    await stack.deploy("update", commit)
    wanted = await programs.commit(program("Premium_LRS"))
    planned = await _plan(await stack.deploy("preview", wanted, environmentVariables=REFRESH))
    await stack.local("POST", "drift", {"resource": "account", "properties": {"tags": {}}})
    drifted = await _plan(await stack.deploy("preview", wanted, environmentVariables=REFRESH))
    assert drifted != planned
    assert (await stack.version(), (await stack.resources())["account"]["inputs"]["tags"]) == (
        1,
        {"stack": "dev"},
    )
    await stack.deploy("update", await programs.commit(program("Standard_GRS")))
    assert await stack.version() == 2
    assert await _plan(await stack.deploy("preview", wanted)) != planned


async def test_an_update_can_be_told_to_expect_no_changes(stack: Stack, programs: Programs) -> None:
    expecting = {"PULUMI_OPTION_EXPECT_NO_CHANGES": "true"}
    commit = await programs.commit(program())
    refused = await stack.deploy("preview", commit, environmentVariables=expecting)
    assert (refused.status, "no changes were expected" in await refused.log()) == ("failed", True)
    await stack.deploy("update", commit)
    assert (await stack.deploy("preview", commit, environmentVariables=expecting)).status == "succeeded"
