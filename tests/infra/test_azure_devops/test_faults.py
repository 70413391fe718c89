"""Failures that tests ask for: throttling, outages, lost answers, listings that lag."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp
import pytest

from tests.infra.test_azure_devops.client import (
    ORG,
    ZERO,
    Project,
    Repository,
    Running,
    add,
    eventually,
    push_body,
)


async def _faults(server: Running, *rules: dict[str, Any]) -> None:
    await server.local("DELETE", "faults")
    await server.local("POST", "faults", list(rules))


async def test_a_throttled_call_gets_429_tf400733_and_retry_after_and_has_no_effect(
    server: Running, project: Project
) -> None:
    match = {"method": "POST", "pathRegex": "/git/repositories$"}
    await _faults(server, {"mode": "429", "match": match, "retryAfter": 2})
    refused = await project.call("POST", "git/repositories", {"name": "api"})
    assert refused.status == 429
    assert "TF400733" in refused.body["message"]
    assert refused.headers["Retry-After"] == "2"
    assert (await project.call("GET", "git/repositories")).value == []
    assert (await project.call("POST", "git/repositories", {"name": "api"})).status == 201


async def test_a_throttled_call_may_also_be_slow_and_succeed_with_retry_after(
    server: Running, project: Project
) -> None:
    await _faults(server, {"mode": "slow", "delay": 0.2, "retryAfter": 0.5})
    started = time.monotonic()
    slow = await project.call("GET", "git/repositories")
    assert (slow.status, slow.headers["Retry-After"]) == (200, "0.5")
    assert time.monotonic() - started >= 0.2


async def test_outages_fire_as_often_as_asked_and_are_counted(server: Running, project: Project) -> None:
    await _faults(server, {"mode": "503", "times": 2}, {"mode": "500", "times": -1})
    seen = [(await project.call("GET", "git/repositories")).status for _ in range(5)]
    assert seen == [503, 503, 500, 500, 500]
    shown = (await server.local("GET", "faults"))["value"]
    assert [(rule["mode"], rule["fired"]) for rule in shown] == [("503", 2), ("500", 3)]
    assert (await server.call("POST", "/_local/faults", [{"mode": "odd"}], version=None)).status == 400


async def test_a_connection_cut_before_the_commit_has_no_effect(repository: Repository) -> None:
    await _faults(repository.server, {"mode": "cut-before", "match": {"method": "POST"}})
    with pytest.raises(aiohttp.ClientError):
        await repository.push("main", ZERO, add("/a", "1"))
    assert await repository.tip("main") is None


async def _status(repository: Repository, number: int) -> Any:
    return await repository.call("GET", f"pullRequests/{number}/statuses")


async def test_a_connection_cut_after_the_commit_leaves_the_effect_of_every_post(
    server: Running, project: Project
) -> None:
    """The unknown outcome: each POST happened, and only a look shows it."""

    async def lost(path: str, body: Any) -> None:
        await _faults(server, {"mode": "cut-after-commit", "match": {"method": "POST"}})
        with pytest.raises(aiohttp.ClientError):
            await server.call("POST", path, body)
        assert (await server.local("GET", "faults"))["value"][0]["fired"] == 1

    root = f"/{ORG}/{project.name}/_apis"
    await lost(f"{root}/git/repositories", {"name": "api"})
    repository = Repository(project, (await project.call("GET", "git/repositories/api")).body)
    git = f"{root}/git/repositories/api"

    await lost(f"{git}/pushes", push_body("main", ZERO, add("/a", "1"), comment="CS-Operation-Id: 1"))
    tip = await repository.tip("main")
    assert tip is not None
    assert (await repository.push("main", ZERO, add("/a", "1"))).status == 409, "a replay cannot apply twice"
    assert (await repository.call("GET", f"commits/{tip}")).body["comment"] == "CS-Operation-Id: 1"

    await lost(f"{git}/refs", [{"name": "refs/heads/x", "oldObjectId": ZERO, "newObjectId": tip}])
    assert await repository.tip("x") == tip

    await repository.commit("feature", tip, {"/b": "1"})
    await lost(
        f"{git}/pullrequests",
        {"sourceRefName": "refs/heads/feature", "targetRefName": "refs/heads/main", "title": "t"},
    )
    number = (await repository.call("GET", "pullrequests")).value[0]["pullRequestId"]
    status = {"state": "succeeded", "context": {"name": "gate"}}
    await lost(f"{git}/pullRequests/{number}/iterations/1/statuses", status)
    assert (await _status(repository, number)).body["count"] == 1

    policy = {
        "isEnabled": True,
        "isBlocking": True,
        "type": {"id": "cbdc66da-9728-4af8-aada-9a5a32e4a226"},
        "settings": {"statusName": "gate", "scope": [{"refName": "refs/heads/main"}]},
    }
    await lost(f"{root}/policy/configurations", policy)
    assert (await project.call("GET", "policy/configurations")).body["count"] == 1

    subscription = {
        "publisherId": "tfs",
        "eventType": "git.push",
        "consumerId": "webHooks",
        "consumerActionId": "httpRequest",
        "publisherInputs": {"projectId": project.id},
        "consumerInputs": {"url": "https://localhost:1/hook"},
    }
    await lost(f"/{ORG}/_apis/hooks/subscriptions", subscription)
    listed = (await server.call("GET", f"/{ORG}/_apis/hooks/subscriptions")).value
    made = [s for s in listed if s["publisherInputs"]["projectId"] == project.id]
    assert len(made) == 1
    await server.call("DELETE", f"/{ORG}/_apis/hooks/subscriptions/{made[0]['id']}")


async def test_listings_may_miss_what_was_just_created(server: Running, project: Project) -> None:
    repository = await project.repository()
    base = await repository.commit("main", ZERO, {"/a": "1"})
    await repository.commit("feature", base, {"/b": "1"})
    await repository.pull_request()
    paths = ("refs?filter=heads", "pushes", "pullrequests")
    await _faults(server, {"mode": "lag", "delay": 60, "times": 4})
    for path in paths:
        assert (await repository.call("GET", path)).value == []
    assert (await project.call("GET", "git/repositories")).value == []
    for path in paths:
        assert (await repository.call("GET", path)).value != []
    await asyncio.sleep(0.05)
    await _faults(server, {"mode": "lag", "delay": 0.05})
    assert (await repository.call("GET", "pullrequests")).body["count"] == 1, "older than the lag"


async def test_requests_are_counted_by_route_and_outcome(project: Project, repository: Repository) -> None:
    server = project.server
    await server.local("DELETE", "requests")
    await repository.push("main", ZERO, add("/a", "1"))
    await repository.push("main", ZERO, add("/a", "1"))
    counted = await server.local("GET", "requests")
    rows = [row for row in counted["value"] if row["route"].endswith("/pushes")]
    assert [(row["method"], row["count"], row["statuses"]) for row in rows] == [
        ("POST", 2, {"201": 1, "409": 1})
    ]


async def test_routes_answer_whatever_their_case_and_unknown_ones_are_404(repository: Repository) -> None:
    assert (await repository.call("GET", "PULLREQUESTS")).status == 200
    assert (await repository.call("GET", "nothing/here")).type_key == "VssResourceNotFoundException"
    assert (await repository.call("DELETE", "pushes")).status == 405
    await eventually(lambda: repository.tip("main"), lambda tip: tip is None)
