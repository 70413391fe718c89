"""What a Deployment's status comes to, in the order in which kubectl asks."""

from typing import Any

import pytest
from aiohttp import web

from adapters.kubernetes.client import KubernetesApi
from adapters.kubernetes.kinds import DEPLOYMENT, POD
from adapters.kubernetes.rollouts import KubernetesWorkloads
from domain.provided import ProvidedRollout
from tests.adapters import scripted_cluster
from tests.adapters.scripted_cluster import ENVIRONMENT, NAMESPACE, ScriptedCluster, answers, status

scripted, api = scripted_cluster.scripted, scripted_cluster.api

PATH = DEPLOYMENT.path(NAMESPACE, "orders")
LATE = [{"type": "Available", "reason": "x"}, {"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]
DONE = {"replicas": 3, "updatedReplicas": 3, "availableReplicas": 3, "observedGeneration": 2}

type Json = dict[str, Any]


def deployment(spec: Json | None = None, **status: Any) -> Json:
    labels = {"matchLabels": {"app": "orders", "tier": "api"}}
    whole = {"replicas": 3, "progressDeadlineSeconds": 600, "selector": labels, **(spec or {})}
    return {"metadata": {"generation": 2}, "spec": whole, "status": {**DONE, **status}}


async def rollout(scripted: ScriptedCluster, api: KubernetesApi, body: Json) -> ProvidedRollout:
    scripted.put(PATH, body)
    found = await KubernetesWorkloads(api).rollout(ENVIRONMENT, "orders")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("body", "state", "message"),
    [
        (deployment(), "complete", "all 3 replicas of orders are available"),
        # The condition is of the generation before.
        (
            deployment(observedGeneration=1, conditions=LATE),
            "progressing",
            "the change of orders has not been seen by its controller yet",
        ),
        (deployment(conditions=LATE), "failed", "orders made no progress for 600 seconds"),
        (deployment(updatedReplicas=1), "progressing", "1 of 3 replicas of orders are new"),
        (
            deployment({"paused": True}, updatedReplicas=1),
            "progressing",
            "1 of 3 replicas of orders are new, and it is paused",
        ),
        (deployment(replicas=5), "progressing", "2 old replicas of orders have yet to end"),
        (deployment(availableReplicas=2), "progressing", "2 of 3 replicas of orders are available"),
        # The API leaves out zeros, and one replica is what a Deployment has that says nothing.
        ({**deployment(), "status": {"observedGeneration": 2}}, "progressing", "0 of 3 replicas of orders"),
        (
            {"metadata": {"generation": 1}, "spec": {}, "status": {"observedGeneration": 1}},
            "progressing",
            "0 of 1 replicas of orders are new",
        ),
        (
            {**deployment({"replicas": 0}), "status": {"observedGeneration": 2}},
            "complete",
            "all 0 replicas of orders are available",
        ),
        ({"metadata": {"generation": 1}}, "progressing", "has not been seen"),
    ],
)
async def test_the_first_question_that_is_not_settled_tells(
    scripted: ScriptedCluster, api: KubernetesApi, body: Json, state: str, message: str
) -> None:
    found = await rollout(scripted, api, body)
    assert found.state == state
    assert message in found.message


async def test_what_has_failed_says_what_its_pods_wait_for(
    scripted: ScriptedCluster, api: KubernetesApi
) -> None:
    def pod(reason: str | None) -> Json:
        waiting = {"waiting": {"reason": reason}} if reason is not None else {"running": {}}
        return {"status": {"containerStatuses": [{"image": "orders:2", "state": waiting}]}}

    for number, reason in enumerate(("ImagePullBackOff", None, "ImagePullBackOff")):
        scripted.put(POD.path(NAMESPACE, f"orders-{number}"), pod(reason))
    scripted.put(POD.path(NAMESPACE, "orders-4"), {"status": {}})
    found = await rollout(scripted, api, deployment(conditions=LATE))
    assert found.message == "orders made no progress for 600 seconds: orders:2 is in ImagePullBackOff"
    assert scripted.requests[-1][2]["labelSelector"] == "app=orders,tier=api"


async def test_a_failure_stands_also_when_nobody_may_look_at_pods(
    scripted: ScriptedCluster, api: KubernetesApi
) -> None:
    scripted.put(PATH, deployment(conditions=LATE))
    body = web.json_response(scripted.objects[PATH])
    scripted.faults = [answers(body), answers(status(403, "pods is forbidden"))]
    found = await KubernetesWorkloads(api).rollout(ENVIRONMENT, "orders")
    assert found == ProvidedRollout("failed", "orders made no progress for 600 seconds")
