"""The `Workloads` port on Deployments; counterpart: `adapters.memory.workloads`.

The questions are those of `kubectl rollout status`, in its order: later ones mean nothing before.
"""

from typing import override

from adapters.kubernetes.client import ClusterCall, Json, KubernetesApi, number, part, text
from adapters.kubernetes.kinds import DEPLOYMENT, POD, is_name
from domain.kernel.errors import Unavailable
from domain.kernel.naming import environment_namespace
from domain.ports import Workloads
from domain.provided import EnvironmentHandle, ProvidedRollout

PROGRESSING, COMPLETE, FAILED = "progressing", "complete", "failed"


class KubernetesWorkloads(Workloads):
    def __init__(self, api: KubernetesApi) -> None:
        self._api = api

    @override
    async def rollout(self, environment: EnvironmentHandle, deployment: str) -> ProvidedRollout | None:
        if not is_name(deployment) or not self._api.has(environment.environment):
            return None
        call = self._api.call(environment.environment)
        namespace = environment_namespace(environment.partition, environment.environment)
        found = await call.get(DEPLOYMENT.path(namespace, deployment))
        if found is None:
            return None
        rollout = _rollout(found)
        if rollout.state == FAILED and (why := await _why(call, namespace, found)):
            return ProvidedRollout(FAILED, f"{rollout.message}: {why}")
        return rollout


def _rollout(deployment: Json) -> ProvidedRollout:
    name, spec, status = text(deployment, "metadata", "name"), part(deployment, "spec"), "status"
    if number(deployment, status, "observedGeneration") < number(deployment, "metadata", "generation"):
        return ProvidedRollout(PROGRESSING, f"the change of {name} has not been seen by its controller yet")
    if _progress(deployment) == "ProgressDeadlineExceeded":
        seconds = number(deployment, "spec", "progressDeadlineSeconds")
        return ProvidedRollout(FAILED, f"{name} made no progress for {seconds} seconds")
    wanted = number(deployment, "spec", "replicas") if "replicas" in spec else 1
    there, updated = number(deployment, status, "replicas"), number(deployment, status, "updatedReplicas")
    available = number(deployment, status, "availableReplicas")
    if updated < wanted:
        paused = ", and it is paused" if spec.get("paused") is True else ""
        return ProvidedRollout(PROGRESSING, f"{updated} of {wanted} replicas of {name} are new{paused}")
    if there > updated:
        return ProvidedRollout(PROGRESSING, f"{there - updated} old replicas of {name} have yet to end")
    if available < updated:
        return ProvidedRollout(PROGRESSING, f"{available} of {updated} replicas of {name} are available")
    return ProvidedRollout(COMPLETE, f"all {updated} replicas of {name} are available")


def _progress(deployment: Json) -> str | None:
    conditions = part(deployment, "status").get("conditions")
    for condition in conditions if isinstance(conditions, list) else []:
        if isinstance(condition, dict) and condition.get("type") == "Progressing":
            return text(condition, "reason")
    return None


async def _why(call: ClusterCall, namespace: str, deployment: Json) -> str | None:
    """What the pods that are not ready wait for. They are not ours to need: the failure stands without."""
    labels = part(deployment, "spec", "selector", "matchLabels")
    if not labels:
        return None
    selector = ",".join(f"{name}={value}" for name, value in labels.items())
    try:
        pods = await call.list(POD.path(namespace), selector)
    except Unavailable:
        return None
    found = []
    for pod in pods:
        statuses = part(pod, "status").get("containerStatuses")
        for status in statuses if isinstance(statuses, list) else []:
            waiting = part(status, "state", "waiting")
            if reason := text(waiting, "reason"):
                found.append(f"{text(status, 'image')} is in {reason}")
    return ", ".join(sorted(set(found))) or None
