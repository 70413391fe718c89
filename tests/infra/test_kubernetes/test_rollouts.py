"""Deployments under way: surge, deadlines, crashes and what is seen of them."""

from __future__ import annotations

from typing import Any

from infra.local.kubernetes.controllers.rollout import Counted, Limits, new_size, old_sizes
from infra.local.kubernetes.resources import DEPLOYMENT, EVENT, POD, REPLICA_SET
from tests.infra.test_kubernetes.client import Home, Json
from tests.infra.test_kubernetes.manifests import condition, deployment, is_rolled_out, reason


async def _image(home: Home, image: str) -> None:
    containers = [{"name": "app", "image": image}]
    patch = {"spec": {"template": {"spec": {"containers": containers}}}}
    await home.merge(DEPLOYMENT, "web", patch)


def _rolling(surge: Any, unavailable: Any) -> Json:
    return {"strategy": {"rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}}


async def test_a_rolling_update_never_has_fewer_or_more_than_it_may(home: Home) -> None:
    body = deployment("registry.local/app:1", replicas=4, **_rolling(1, 1))
    await home.create(DEPLOYMENT, body)
    before = await home.until(DEPLOYMENT, "web", is_rolled_out)
    await _image(home, "registry.local/app:2")
    version = before["metadata"]["resourceVersion"]
    events = await home.cluster.watch(
        DEPLOYMENT.path(home.name),
        lambda _, found: found["metadata"]["generation"] == 2 and is_rolled_out(found),
        f"resourceVersion={version}",
    )
    seen = [event["object"]["status"] for event in events]
    assert min(status["availableReplicas"] for status in seen) >= 3
    assert max(status["replicas"] for status in seen) <= 5
    assert {status.get("updatedReplicas", 0) for status in seen} >= {2, 3, 4}


def test_percentages_round_the_surge_up_and_the_missing_down() -> None:
    assert Limits.read(3, "25%", "25%") == Limits(3, 1, 0)
    assert Limits.read(10, "25%", "25%") == Limits(10, 3, 2)
    assert Limits.read(1, 0, "10%") == Limits(1, 0, 1)


def test_old_replicas_that_serve_nobody_go_first() -> None:
    limits = Limits(3, 1, 0)
    old = [Counted("sick", 1, 0), Counted("sound", 3, 3)]
    assert new_size(limits, Counted("new", 0, 0), old) == 0
    assert old_sizes(limits, Counted("new", 0, 0), old) == {"sick": 0, "sound": 3}


def test_old_replicas_stay_while_the_new_ones_are_still_missing() -> None:
    old = [Counted("old", 2, 1)]
    assert old_sizes(Limits(3, 1, 1), Counted("new", 2, 0), old) == {"old": 2}
    assert old_sizes(Limits(3, 1, 1), Counted("new", 2, 2), old) == {"old": 0}


async def test_a_rollout_ends_available_with_a_replica_set_for_each_template(home: Home) -> None:
    await home.create(DEPLOYMENT, deployment("registry.local/app:1"))
    first = await home.until(DEPLOYMENT, "web", is_rolled_out)
    assert reason(first, "Progressing") == "NewReplicaSetAvailable"
    assert condition(first, "Available")["status"] == "True"
    await _image(home, "registry.local/app:2")
    second = await home.until(
        DEPLOYMENT, "web", lambda body: body["metadata"]["generation"] == 2 and is_rolled_out(body)
    )
    assert second["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "2"
    sizes = {body["metadata"]["annotations"]["deployment.kubernetes.io/revision"]: body["spec"]["replicas"]
             for body in await home.list(REPLICA_SET)}  # fmt: skip
    assert sizes == {"1": 0, "2": 2}
    assert "unavailableReplicas" not in second["status"]
    said = [event["reason"] for event in await home.list(EVENT, "fieldSelector=involvedObject.name=web")]
    assert set(said) == {"ScalingReplicaSet"}


async def test_a_crashing_image_fails_by_the_deadline_and_keeps_the_old_pods(home: Home) -> None:
    await home.cluster.mark(f"{home.name}:2", broken=True)
    await home.create(DEPLOYMENT, deployment(f"registry.local/{home.name}:1", progressDeadlineSeconds=20))
    await home.until(DEPLOYMENT, "web", is_rolled_out)
    await _image(home, f"registry.local/{home.name}:2")
    failed = await home.until(
        DEPLOYMENT, "web", lambda body: reason(body, "Progressing") == "ProgressDeadlineExceeded"
    )
    assert condition(failed, "Progressing")["status"] == "False"
    assert (failed["status"]["availableReplicas"], failed["status"]["updatedReplicas"]) == (2, 1)
    waiting = [
        pod["status"]["containerStatuses"][0]["state"].get("waiting", {}).get("reason")
        for pod in await home.list(POD)
    ]
    assert sorted(map(str, waiting)) == ["CrashLoopBackOff", "None", "None"]
    await home.cluster.local("DELETE", f"images?match={home.name}:2")
    await home.until(DEPLOYMENT, "web", is_rolled_out)


async def test_running_pods_crash_when_their_image_breaks(home: Home) -> None:
    await home.create(DEPLOYMENT, deployment(f"registry.local/{home.name}@sha256:ab"))
    await home.until(DEPLOYMENT, "web", is_rolled_out)
    await home.cluster.mark(f"{home.name}@sha256:ab", broken=True)
    await home.until(DEPLOYMENT, "web", lambda body: condition(body, "Available")["status"] == "False")


async def test_recreate_stops_the_old_before_it_starts_the_new(home: Home) -> None:
    await home.create(DEPLOYMENT, deployment("registry.local/app:1", strategy={"type": "Recreate"}))
    before = await home.until(DEPLOYMENT, "web", is_rolled_out)
    await _image(home, "registry.local/app:2")
    events = await home.cluster.watch(
        POD.path(home.name),
        lambda _, pod: _image_of(pod).endswith(":2"),
        f"resourceVersion={before['metadata']['resourceVersion']}",
    )
    assert [event["type"] for event in events].count("DELETED") == 2


def _image_of(pod: Json) -> str:
    return str(pod["spec"]["containers"][0]["image"])


async def test_a_paused_deployment_rolls_out_when_it_is_resumed(home: Home) -> None:
    await home.create(DEPLOYMENT, deployment("registry.local/app:1"))
    await home.until(DEPLOYMENT, "web", is_rolled_out)
    await home.merge(DEPLOYMENT, "web", {"spec": {"paused": True}})
    await _image(home, "registry.local/app:2")
    held = await home.until(DEPLOYMENT, "web", lambda body: body["status"]["observedGeneration"] == 3)
    assert (reason(held, "Progressing"), "updatedReplicas" in held["status"]) == ("DeploymentPaused", False)
    await home.merge(DEPLOYMENT, "web", {"spec": {"paused": False}})
    await home.until(DEPLOYMENT, "web", is_rolled_out)
