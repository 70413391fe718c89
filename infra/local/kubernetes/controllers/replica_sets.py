"""As many pods as each replica set asks for, and how many of them are ready."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from infra.local.kubernetes.controllers.controller import Controller, Key
from infra.local.kubernetes.controllers.owning import is_ready, owned_by, owner_names, owner_reference
from infra.local.kubernetes.objects.deletion import delete
from infra.local.kubernetes.objects.moments import seconds_since
from infra.local.kubernetes.objects.store import Change
from infra.local.kubernetes.objects.writes import By, random_suffix
from infra.local.kubernetes.resources import POD, REPLICA_SET

type Json = dict[str, Any]

_MANAGER = "kube-controller-manager"


class ReplicaSets(Controller):
    name = "replicasets"

    def concerned(self, change: Change) -> Iterable[Key]:
        if change.resource == POD:
            yield from owner_names(change, "ReplicaSet")
        elif change.resource == REPLICA_SET and change.type != "DELETED":
            yield change.object["metadata"]["namespace"], change.object["metadata"]["name"]

    def all_keys(self) -> Iterable[Key]:
        for found in self.cluster.store.list(REPLICA_SET):
            yield found["metadata"]["namespace"], found["metadata"]["name"]

    async def reconcile(self, key: Key) -> float | None:
        replica_set = self.cluster.store.get(REPLICA_SET, *key)
        if replica_set is None or "deletionTimestamp" in replica_set["metadata"]:
            return None
        self._match_count(replica_set, self._active(replica_set))
        return self._report(replica_set, self._active(replica_set))

    def _active(self, replica_set: Json) -> list[Json]:
        pods = owned_by(self.cluster.store, POD, replica_set)
        return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def _match_count(self, replica_set: Json, pods: list[Json]) -> None:
        wanted = replica_set["spec"]["replicas"]
        for _ in range(wanted - len(pods)):
            self._create_pod(replica_set)
        # The ones that serve nobody go first, then the youngest.
        doomed = sorted(pods, key=lambda pod: (is_ready(pod), -int(pod["metadata"]["resourceVersion"])))
        for pod in doomed[: max(0, len(pods) - wanted)]:
            delete(self.cluster.writes, POD, pod["metadata"]["namespace"], pod["metadata"]["name"])

    def _create_pod(self, replica_set: Json) -> None:
        template = copy.deepcopy(replica_set["spec"]["template"])
        metadata = template.get("metadata", {})
        pod = {
            "metadata": {
                "name": f"{replica_set['metadata']['name']}-{random_suffix()}",
                "labels": metadata.get("labels", {}),
                "ownerReferences": [owner_reference(replica_set)],
                **({"annotations": metadata["annotations"]} if metadata.get("annotations") else {}),
            },
            "spec": {**template["spec"], "nodeName": "laptop"},
        }
        self.cluster.writes.create(POD, replica_set["metadata"]["namespace"], pod, By(_MANAGER))

    def _report(self, replica_set: Json, pods: list[Json]) -> float | None:
        patience = replica_set["spec"].get("minReadySeconds", 0) * self.cluster.options.deadline_scale
        ready = [pod for pod in pods if is_ready(pod)]
        waits = [left for pod in ready if (left := patience - _ready_for(pod)) > 0]
        counts = {
            "fullyLabeledReplicas": len(pods),
            "readyReplicas": len(ready),
            "availableReplicas": len(ready) - len(waits),
        }
        status = {
            "observedGeneration": replica_set["metadata"]["generation"],
            "replicas": len(pods),
            **{name: count for name, count in counts.items() if count},
        }
        if status != replica_set.get("status"):
            self.cluster.writes.set_status(REPLICA_SET, replica_set, status, _MANAGER)
        return min(waits, default=None)


def _ready_for(pod: Json) -> float:
    for condition in pod["status"]["conditions"]:
        if condition["type"] == "Ready":
            return seconds_since(condition["lastTransitionTime"])
    return 0.0
