"""The kubelet: pods start, become ready, crash when their image is broken, and end when they are deleted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from infra.local.kubernetes.cluster import Cluster
from infra.local.kubernetes.controllers.controller import Controller, Key
from infra.local.kubernetes.controllers.owning import is_ready
from infra.local.kubernetes.objects.moments import now_text, precise_now_text, seconds_since
from infra.local.kubernetes.objects.store import Change
from infra.local.kubernetes.resources import POD

type Json = dict[str, Any]

_MANAGER = "kubelet"


class Pods(Controller):
    name = "pods"

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        cluster.images.on_change.append(self._look_at_all)

    def concerned(self, change: Change) -> Iterable[Key]:
        if change.resource == POD and change.type != "DELETED":
            yield change.object["metadata"]["namespace"], change.object["metadata"]["name"]

    def all_keys(self) -> Iterable[Key]:
        for pod in self.cluster.store.list(POD):
            yield pod["metadata"]["namespace"], pod["metadata"]["name"]

    def _look_at_all(self) -> None:
        for key in list(self.all_keys()):
            self.enqueue(key)

    async def reconcile(self, key: Key) -> float | None:
        pod = self.cluster.store.get(POD, *key)
        if pod is None:
            return None
        if "deletionTimestamp" in pod["metadata"]:
            return self._terminate(pod)
        return self._advance(pod)

    def _terminate(self, pod: Json) -> float | None:
        """Gone after a step; until then it serves nobody."""
        status = pod.get("status", {})
        if status.get("reason") != "Terminating":
            conditions = _conditions(False, "PodTerminating")
            self._set(
                pod,
                {**status, "reason": "Terminating", "conditions": conditions, "stepAt": precise_now_text()},
            )
            return self.cluster.options.pace
        left = self._left(status)
        if left <= 0:
            self.cluster.store.remove(POD, pod)
            return None
        return left

    def _advance(self, pod: Json) -> float | None:
        """From nothing to pending, running and ready, a step each."""
        status = pod.get("status", {})
        broken = any(
            self.cluster.images.behaviour(container["image"]).broken
            for container in pod["spec"]["containers"]
        )
        crashing = status.get("crashing", False)
        if "stepAt" not in status:
            number = self.cluster.store.next_number("podIP")
            began = {"podIP": f"10.244.{number // 250 % 250}.{number % 250 + 1}", "startTime": now_text()}
            self._step(pod, "Pending", ready=False, waiting="ContainerCreating", more=began)
            return self.cluster.options.pace
        if broken == crashing and (is_ready(pod) or crashing):
            return None
        left = self._left(status)
        if left > 0:
            return left
        if broken:
            self._step(pod, "Running", ready=False, waiting="CrashLoopBackOff", crashing=True)
            return None
        if status["phase"] == "Running" and not crashing:
            self._step(pod, "Running", ready=True)
            return None
        self._step(pod, "Running", ready=False)
        return self.cluster.options.pace

    def _left(self, status: Json) -> float:
        """Seconds until the present step is over."""
        return self.cluster.options.pace - seconds_since(status["stepAt"])

    def _step(
        self,
        pod: Json,
        phase: str,
        *,
        ready: bool,
        waiting: str = "",
        crashing: bool = False,
        more: Json | None = None,
    ) -> None:
        status = {name: value for name, value in pod.get("status", {}).items() if name != "crashing"}
        had = {found["name"]: found for found in status.get("containerStatuses", [])}
        statuses = []
        for container in pod["spec"]["containers"]:
            restarts = had.get(container["name"], {}).get("restartCount", 0) + (1 if crashing else 0)
            state = (
                {"waiting": {"reason": waiting, "message": f"{waiting}: {container['name']}"}}
                if waiting
                else {"running": {"startedAt": now_text()}}
            )
            found = {"name": container["name"], "image": container["image"], "imageID": container["image"]}
            found |= {"ready": ready, "started": not waiting, "restartCount": restarts, "state": state}
            if crashing:
                found["lastState"] = {
                    "terminated": {"exitCode": 1, "reason": "Error", "finishedAt": now_text()}
                }
            statuses.append(found)
        status |= {
            **(more or {}),
            "phase": phase,
            "conditions": _conditions(ready, "" if ready else "ContainersNotReady"),
            "containerStatuses": statuses,
            "stepAt": precise_now_text(),
        }
        self._set(pod, {**status, "crashing": True} if crashing else status)

    def _set(self, pod: Json, status: Json) -> None:
        self.cluster.writes.set_status(POD, pod, status, _MANAGER)


def _conditions(ready: bool, reason: str) -> list[Json]:
    state = {"status": "True" if ready else "False", "lastTransitionTime": precise_now_text()}
    why = {"reason": reason} if reason else {}
    return [
        {"type": "PodScheduled", "status": "True", "lastTransitionTime": now_text()},
        {"type": "ContainersReady", **state, **why},
        {"type": "Ready", **state, **why},
    ]
