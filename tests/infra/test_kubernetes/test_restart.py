"""A cluster that is killed goes on where it was; failures on demand; and what is counted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from infra.local.emulation.state import State
from infra.local.kubernetes.errors import StatusError
from infra.local.kubernetes.objects.store import Store
from infra.local.kubernetes.resources import CONFIG_MAP, DEPLOYMENT, NAMESPACE, POD
from tests.infra.test_kubernetes.client import Home, RunningCluster
from tests.infra.test_kubernetes.gitops import GitOps
from tests.infra.test_kubernetes.manifests import config_map, deployment, is_rolled_out


@pytest_asyncio.fixture(scope="module")
async def mortal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningCluster]:
    """A cluster that may be killed; a step of a pod takes 100 ms."""
    state = tmp_path_factory.mktemp("mortal") / "state"
    running = await RunningCluster.start(state, "--pace", "0.1", "--deadline-scale", "0.02")
    yield running
    await running.stop()


async def test_a_rollout_goes_on_after_a_kill(mortal: RunningCluster) -> None:
    home = await mortal.home()
    await home.create(DEPLOYMENT, deployment("registry.local/app:1", replicas=4))
    await home.until(DEPLOYMENT, "web", is_rolled_out)
    await home.merge(
        DEPLOYMENT,
        "web",
        {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "registry.local/app:2"}]}}}},
    )
    await home.until(DEPLOYMENT, "web", lambda body: 0 < body["status"].get("updatedReplicas", 0) < 4)
    before = {pod["metadata"]["uid"] for pod in await home.list(POD)}
    await mortal.restart()
    middle = {pod["metadata"]["uid"] for pod in await home.list(POD)}
    done = await home.until(DEPLOYMENT, "web", is_rolled_out)
    assert before & middle
    assert done["metadata"]["generation"] == 2
    running = [pod for pod in await home.list(POD) if "deletionTimestamp" not in pod["metadata"]]
    assert [pod["spec"]["containers"][0]["image"] for pod in running] == ["registry.local/app:2"] * 4


async def test_marks_flux_and_versions_survive_a_kill(mortal: RunningCluster, tmp_path: Path) -> None:
    home = await mortal.home()
    gitops = await GitOps.connected(home, tmp_path)
    await mortal.mark("broken:1", broken=True)
    before = await home.create(CONFIG_MAP, config_map("by-hand"))
    await mortal.restart()
    assert (await mortal.local("GET", "images"))["value"] == [{"match": "broken:1", "broken": True}]
    revision = await gitops.objects(config_map("a"))
    done = await gitops.reconciled()
    assert done["status"]["lastAppliedRevision"] == revision
    made = await home.get(CONFIG_MAP, "a")
    assert int(made["metadata"]["resourceVersion"]) > int(before["metadata"]["resourceVersion"])
    seen = await mortal.watch(
        CONFIG_MAP.path(home.name), lambda kind, _: kind == "ERROR", "resourceVersion=1"
    )
    assert (seen[-1]["object"]["code"], seen[-1]["object"]["reason"]) == (410, "Expired")


async def test_changes_from_before_a_restart_are_not_pretended_to_be_known(tmp_path: Path) -> None:
    first = Store(State(tmp_path / "state.sqlite"))
    made = first.put(CONFIG_MAP, {"metadata": {"name": "a", "namespace": "default"}})
    old = int(made["metadata"]["resourceVersion"])
    first.put(CONFIG_MAP, {**made, "data": {"a": "1"}})
    assert [change.object["data"] for change in first.since(old)] == [{"a": "1"}]
    second = Store(State(tmp_path / "state.sqlite"))
    with pytest.raises(StatusError, match="too old resource version"):
        second.since(old)
    assert second.since(second.version) == []


async def test_a_namespace_that_was_going_is_gone_after_a_kill(mortal: RunningCluster) -> None:
    home = await mortal.home()
    await home.create(DEPLOYMENT, deployment("registry.local/app:1"))
    await home.until(DEPLOYMENT, "web", is_rolled_out)
    going = await mortal.call("DELETE", NAMESPACE.path(name=home.name))
    assert going.status == 200
    await mortal.restart()
    await home.kubectl("wait", f"ns/{home.name}", "--for=delete", "--timeout=10s")


async def _fault(home: Home, mode: str, **fields: Any) -> None:
    match = {"method": "POST", "pathRegex": f"/namespaces/{home.name}/configmaps$"}
    await home.cluster.local("POST", "faults", [{"mode": mode, "match": match, **fields}])


@pytest.mark.parametrize(
    ("mode", "status", "reason"),
    [("429", 429, "TooManyRequests"), ("503", 503, "ServiceUnavailable"), ("500", 500, "InternalError")],
)
async def test_a_refused_request_has_no_effect(home: Home, mode: str, status: int, reason: str) -> None:
    await _fault(home, mode, retryAfter=3)
    refused = await home.call("POST", CONFIG_MAP, body=config_map("a"))
    assert (refused.status, refused.reason) == (status, reason)
    assert (refused.headers.get("Retry-After") == "3") == (mode == "429")
    assert await home.list(CONFIG_MAP) == []
    assert (await home.call("POST", CONFIG_MAP, body=config_map("a"))).status == 201


async def test_a_cut_connection_loses_the_answer_before_or_after_the_effect(home: Home) -> None:
    for mode, names in (("cut-before", []), ("cut-after-commit", ["a"])):
        await _fault(home, mode)
        with pytest.raises(aiohttp.ClientError):
            await home.call("POST", CONFIG_MAP, body=config_map("a"))
        assert [body["metadata"]["name"] for body in await home.list(CONFIG_MAP)] == names


async def test_effects_are_counted_with_their_manager(home: Home) -> None:
    await home.cluster.local("DELETE", "requests")
    await home.apply(CONFIG_MAP, "a", {"metadata": {"name": "a"}}, "me")
    rows = (await home.cluster.local("GET", "requests"))["value"]
    path = CONFIG_MAP.path(home.name, "a")
    assert rows == [{"method": "PATCH", "path": path, "status": 201, "fieldManager": "me", "dryRun": False}]


async def test_a_paused_controller_takes_up_its_work_when_it_is_resumed(gitops: GitOps) -> None:
    await gitops.until_applied()
    local = gitops.home.cluster.local
    paused = await local("POST", "controllers", {"name": "kustomizations", "paused": True})
    assert [name for name, state in paused.items() if state["paused"]] == ["kustomizations"]
    try:
        await gitops.objects(config_map("a"))
        await gitops.ask()
        await gitops.stays_still()
    finally:
        await local("POST", "controllers", {"name": "*", "paused": False})
    await gitops.until_applied()
