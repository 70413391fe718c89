"""Providers that fail, requests that are lost, and a process that is killed in the middle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.infra.test_azure_devops.client import ZERO
from tests.infra.test_azure_devops.client import Running as AzureDevOps
from tests.infra.test_pulumi.client import GIT_PASSWORD, Ended, Programs, Running, Stack
from tests.infra.test_pulumi.sample import program


async def _fault(stack: Stack, mode: str, **fields: Any) -> None:
    reply = await stack.server.call("POST", "/_local/faults", [{"mode": mode, **fields}])
    assert reply.status == 200, reply.body


async def test_a_failing_resource_leaves_the_state_with_what_was_done(
    stack: Stack, programs: Programs
) -> None:
    commit = await programs.commit(program(vault=True))
    failure = {"resource": "account", "op": "create", "message": "AccountNameInUse", "times": 1}
    await stack.local("POST", "failures", failure)
    failed = await stack.deploy("update", commit)
    assert (failed.status, "error: AccountNameInUse" in await failed.log()) == ("failed", True)
    update = await failed.update()
    assert (update["info"]["result"], update["info"]["resourceChanges"]) == ("failed", {"create": 2})
    kinds = [event["type"] for event in await failed.events()]
    assert kinds[-3:] == ["diagnosticEvent", "resOpFailedEvent", "summaryEvent"]
    assert (set(await stack.resources()), await stack.version()) == ({"", "group"}, 1)
    again = await stack.deploy("update", commit)
    assert (again.status, await again.changes()) == ("succeeded", {"same": 2, "create": 2})


async def test_an_original_that_could_not_be_deleted_is_deleted_by_the_next_update(
    stack: Stack, programs: Programs
) -> None:
    await stack.deploy("update", await programs.commit(program()))
    commit = await programs.commit(program(account="other"))
    await stack.local("POST", "failures", {"resource": "account", "op": "delete-replaced"})
    assert (await stack.deploy("update", commit)).status == "failed"
    exported = (await stack.call("GET", "/export")).body["deployment"]["resources"]
    assert [resource["id"].rpartition("/")[2] for resource in exported if resource.get("delete")] == [
        "shopstore"
    ]
    again = await stack.deploy("update", commit)
    assert ("delete-replaced", "account") in await again.steps()
    assert len((await stack.local("GET", "world"))["resources"]) == 2


@pytest.mark.parametrize("mode", ["429", "503", "500"])
async def test_a_refused_request_has_no_effect(stack: Stack, programs: Programs, mode: str) -> None:
    request = stack.request("preview", await programs.commit(program()))
    await _fault(stack, mode, match={"method": "POST", "pathRegex": "/deployments$"}, retryAfter=3)
    refused = await stack.call("POST", "/deployments", request)
    assert (refused.status, refused.body["code"]) == (int(mode), int(mode))
    assert refused.headers.get("Retry-After") == (None if mode == "500" else "3")
    assert (await stack.call("GET", "/deployments")).body["total"] == 0


async def test_a_lost_answer_is_found_again_by_what_the_deployment_carries(
    stack: Stack, programs: Programs
) -> None:
    commit = await programs.commit(program())
    for mode, count in (("cut-before", 0), ("cut-after-commit", 1)):
        await _fault(stack, mode, match={"method": "POST", "pathRegex": "/deployments$"})
        with pytest.raises(aiohttp.ClientError):
            await stack.ask("update", commit, environmentVariables={"CS_OPERATION_ID": "op-9"})
        assert (await stack.call("GET", "/deployments")).body["total"] == count
    [listed] = (await stack.call("GET", "/deployments")).body["deployments"]
    body = await stack.ended(listed["id"])
    assert body["configuration"]["environmentVariables"][0]["value"] == "op-9"


async def test_requests_are_counted_by_route_and_outcome(stack: Stack) -> None:
    await stack.server.call("DELETE", "/_local/requests")
    await stack.call("GET")
    await stack.server.call("GET", "/api/stacks/a/b/c", authorization=None)
    [row] = (await stack.server.call("GET", "/_local/requests")).body["value"]
    assert (row["route"], row["statuses"]) == ("/api/stacks/{org}/{project}/{stack}", {"200": 1, "401": 1})


async def test_a_killed_server_goes_on_where_it_stood(tmp_path: Path) -> None:
    programs = await Programs.create(tmp_path / "programs")
    server = await Running.start(tmp_path / "state", "--pace", "0.3")
    try:
        stack = await server.stack()
        stack.repository = str(programs.path)
        commit = await programs.commit(program(vault=True))
        running, queued = await stack.ask("update", commit), await stack.ask("preview", commit)
        await stack.until_made("group")
        assert "vault" not in await stack.resources()
        active = (await stack.call("GET")).body["activeUpdate"]
        await server.restart()
        await server.call("PUT", "/_local/pace", {"seconds": 0})
        done = Ended(stack, await stack.ended(running["id"]))
        assert done.status == "succeeded", await done.log()
        update = await done.update()
        assert (update["updateID"], update["version"]) == (active, 1)
        assert update["info"]["resourceChanges"] == {"create": 4}
        assert await done.steps() == [("create", "group"), ("create", "account"), ("create", "vault")]
        after = Ended(stack, await stack.ended(queued["id"]))
        assert (after.status, await after.changes()) == ("succeeded", {"same": 4})
        assert (await stack.version(), (await stack.call("GET")).body["activeUpdate"]) == (1, "")
    finally:
        assert await server.stop() == 0


async def test_programs_come_out_of_a_repository_that_asks_for_a_password(
    stack: Stack, tmp_path: Path
) -> None:
    azure_devops = await AzureDevOps.start(tmp_path, "--latency-ms", "1", "--pat", GIT_PASSWORD)
    try:
        repository = await (await azure_devops.project()).repository()
        first = await repository.commit("main", ZERO, {"/infra/Pulumi.yaml": program()})
        await repository.commit("main", first, {"/infra/Pulumi.dev.yaml": "config:\n  shop:later: x\n"})
        stack.repository = repository.body["remoteUrl"]
        ended = await stack.deploy("update", first)
        assert ended.status == "succeeded", await ended.log()
        assert (await ended.update())["info"]["config"] == {}
        request = stack.request("preview", first)
        auth = {"userName": "x", "password": {"secret": "wrong-password"}}
        request["sourceContext"]["git"] |= {"gitAuth": {"basicAuth": auth}, "repoURL": stack.repository + "/"}
        asked = (await stack.call("POST", "/deployments", request)).body
        refused = Ended(stack, await stack.ended(asked["id"]))
        assert (refused.status, "git fetch failed" in await refused.log()) == ("failed", True)
        assert "wrong-password" not in await refused.log()
    finally:
        assert await azure_devops.stop() == 0
