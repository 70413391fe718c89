"""The queue of a stack, its lock, cancellation, settings and what a deployment shows of itself."""

from __future__ import annotations

import pytest

from tests.infra.test_pulumi.client import ENDED, Json, Programs, Stack
from tests.infra.test_pulumi.sample import program


async def _pace(stack: Stack, seconds: float) -> None:
    await stack.server.call("PUT", "/_local/pace", {"seconds": seconds})


def _running(body: Json) -> bool:
    return bool(body["jobs"][0]["steps"][3]["status"] == "running")


async def test_a_deployment_tells_its_plain_environment_and_only_the_names_of_secrets(
    stack: Stack, programs: Programs
) -> None:
    commit = await programs.commit(program())
    environment = {"CS_OPERATION_ID": "op-7", "ARM_CLIENT_SECRET": {"secret": "hunter-22"}}
    ended = await stack.deploy("preview", commit, environmentVariables=environment)
    configuration = ended.body["configuration"]
    assert configuration["environmentVariables"][:2] == [
        {"name": "CS_OPERATION_ID", "value": "op-7", "secret": False},
        {"name": "ARM_CLIENT_SECRET", "secret": True},
    ]
    assert configuration["source"]["git"]["commit"] == commit
    listed = (await stack.call("GET", "/deployments")).body["deployments"]
    assert ("configuration" in listed[0], listed[0]["updates"][0]["kind"]) == (False, "preview")
    by_version = await stack.call("GET", f"/deployments/version/{ended.body['version']}")
    assert by_version.body == ended.body
    assert "hunter-22" not in str([ended.body, listed, await ended.log()])


async def test_deployments_are_listed_newest_first_and_in_pages(stack: Stack, programs: Programs) -> None:
    commit = await programs.commit(program())
    asked = [(await stack.ask("preview", commit))["id"] for _ in range(3)]
    first = (await stack.call("GET", "/deployments?page=1&pageSize=2")).body
    second = (await stack.call("GET", "/deployments?page=2&pageSize=2")).body
    assert (first["itemsPerPage"], first["total"]) == (2, 3)
    assert [d["id"] for d in first["deployments"] + second["deployments"]] == asked[::-1]
    await stack.ended(asked[-1])
    done = (await stack.call("GET", "/deployments?status=succeeded&asc=true")).body["deployments"]
    assert [deployment["id"] for deployment in done] == asked


async def test_one_deployment_of_a_stack_runs_at_a_time(stack: Stack, programs: Programs) -> None:
    await _pace(stack, 0.1)
    commit = await programs.commit(program())
    first, second = await stack.ask("update", commit), await stack.ask("update", commit)
    await stack.until(first["id"], _running)
    assert (await stack.call("GET", f"/deployments/{second['id']}")).body["status"] == "not-started"
    active = (await stack.call("GET")).body
    assert (active["currentOperation"]["kind"], active["version"]) == ("update", 0)
    assert (await stack.call("DELETE", "?force=true")).status == 409
    await stack.ended(second["id"])
    updates = [
        (await stack.call("GET", f"/deployments/{asked['id']}/updates")).body[0] for asked in (first, second)
    ]
    assert [(u["version"], u["info"]["resourceChanges"]) for u in updates] == [
        (1, {"create": 3}),
        (2, {"same": 3}),
    ]


async def test_superseded_deployments_of_the_queue_can_be_skipped(stack: Stack, programs: Programs) -> None:
    await _pace(stack, 0.05)
    commit = await programs.commit(program())
    skip = {"skipIntermediateDeployments": True}
    asked = [(await stack.ask("update", commit, options=skip))["id"] for _ in range(3)]
    await stack.ended(asked[-1])
    statuses = [(await stack.call("GET", f"/deployments/{each}")).body["status"] for each in asked]
    assert statuses[1:] == ["skipped", "succeeded"]


async def test_an_update_fails_while_somebody_elses_holds_the_stack_but_a_preview_goes_on(
    stack: Stack, programs: Programs
) -> None:
    commit = await programs.commit(program())
    await stack.local("PUT", "lock")
    assert (await stack.deploy("preview", commit)).status == "succeeded"
    refused = await stack.deploy("update", commit)
    assert refused.status == "failed"
    assert "[409] Conflict: Another update is currently in progress." in await refused.log()
    assert (await stack.resources(), await stack.version()) == ({}, 0)
    await stack.local("DELETE", "lock?version=true")
    assert await stack.version() == 1
    assert (await (await stack.deploy("update", commit)).update())["version"] == 2


async def test_a_canceled_update_keeps_what_it_did_and_gives_the_stack_back(
    stack: Stack, programs: Programs
) -> None:
    await _pace(stack, 0.2)
    commit = await programs.commit(program())
    running, queued = await stack.ask("update", commit), await stack.ask("update", commit)
    assert (await stack.until(running["id"], _running))["status"] == "running"
    for asked in (queued, running):
        assert (await stack.call("POST", f"/deployments/{asked['id']}/cancel")).status == 204
        assert (await stack.ended(asked["id"]))["status"] == "failed"
    assert (await stack.call("POST", f"/deployments/{running['id']}/cancel")).status == 409
    assert "account" not in await stack.resources()
    stack_body = (await stack.call("GET")).body
    assert (stack_body["activeUpdate"], stack_body["version"]) == ("", 1)
    assert (await stack.call("GET", f"/deployments/{queued['id']}/updates")).body == []
    await _pace(stack, 0)
    assert (await stack.deploy("update", commit)).status == "succeeded"


async def test_settings_are_inherited_key_by_key_unless_that_is_turned_off(
    stack: Stack, programs: Programs
) -> None:
    await programs.commit(program())
    git = {"repoURL": stack.repository, "branch": "main", "repoDir": "infra"}
    variables = {"A": "settings", "B": {"secret": "hidden"}}
    settings = {"sourceContext": {"git": git}, "operationContext": {"environmentVariables": variables}}
    assert (await stack.call("POST", "/deployments/settings", settings)).status == 200
    assert "hidden" not in str((await stack.call("GET", "/deployments/settings")).body)
    request = {"operation": "update", "operationContext": {"environmentVariables": {"A": "request"}}}
    asked = (await stack.call("POST", "/deployments", request)).body
    body = await stack.ended(asked["id"])
    assert (body["status"], body["configuration"]["source"]["git"]) == ("succeeded", git)
    assert body["configuration"]["environmentVariables"][:2] == [
        {"name": "A", "value": "request", "secret": False},
        {"name": "B", "secret": True},
    ]
    alone = await stack.call("POST", "/deployments", {**request, "inheritSettings": False})
    assert (alone.status, alone.body["code"]) == (400, 400)


@pytest.mark.parametrize(
    "change",
    [
        {"operation": "explode"},
        {"sourceContext": {"git": {"repoURL": "x", "branch": "main", "commit": "0" * 40}}},
        {"sourceContext": {"git": {"repoURL": "x"}}},
        {"operationContext": {"environmentVariables": {"A": 1}}},
        {"operationContext": {"options": {"refresh": True}}},
    ],
)
async def test_a_request_that_means_nothing_is_refused(stack: Stack, change: Json) -> None:
    refused = await stack.call("POST", "/deployments", {**stack.request("update", "0" * 40), **change})
    assert (refused.status, refused.body["code"]) == (400, 400)
    assert (await stack.call("GET", "/deployments")).body["total"] == 0


async def test_the_log_is_followed_by_tokens_or_read_by_step(stack: Stack, programs: Programs) -> None:
    await _pace(stack, 0.05)
    asked = await stack.ask("update", await programs.commit(program()))
    seen: list[str] = []
    token: str | None = "0"
    while token is not None:
        path = f"/deployments/{asked['id']}/logs?continuationToken={token}"
        page = (await stack.call("GET", path)).body
        seen += [line["header"] if "header" in line else line["line"] for line in page["lines"]]
        token = page.get("nextToken")
    assert (await stack.call("GET", f"/deployments/{asked['id']}")).body["status"] in ENDED
    assert [entry for entry in seen if not entry.endswith("\n")] == [
        "Setup",
        "Get source",
        "Download dependencies",
        "pulumi update",
    ]
    step = (await stack.call("GET", f"/deployments/{asked['id']}/logs?step=3&offset=1&count=2")).body
    assert (len(step["lines"]), step["nextOffset"]) == (2, 3)
    assert step["lines"][0]["line"] in seen
