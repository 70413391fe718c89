"""Deployments: a replica set per pod template, and rolling updates between them."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from infra.local.kubernetes.controllers import events
from infra.local.kubernetes.controllers.controller import Controller, Key
from infra.local.kubernetes.controllers.owning import (
    HASH_LABEL,
    owned_by,
    owner_names,
    owner_reference,
    template_hash,
)
from infra.local.kubernetes.controllers.rollout import Counted, Limits, new_size, old_sizes
from infra.local.kubernetes.controllers.rollout_status import DONE, rollout_status
from infra.local.kubernetes.objects.deletion import delete
from infra.local.kubernetes.objects.store import Change
from infra.local.kubernetes.objects.writes import By
from infra.local.kubernetes.resources import DEPLOYMENT, POD, REPLICA_SET

type Json = dict[str, Any]

REVISION = "deployment.kubernetes.io/revision"
_BY = By("kube-controller-manager")


class Deployments(Controller):
    name = "deployments"

    def concerned(self, change: Change) -> Iterable[Key]:
        if change.resource == REPLICA_SET:
            yield from owner_names(change, "Deployment")
        elif change.resource == DEPLOYMENT and change.type != "DELETED":
            yield change.object["metadata"]["namespace"], change.object["metadata"]["name"]
        elif change.resource == POD and change.type == "DELETED":
            # Recreate waits until the last old pod is gone.
            for owner in change.object["metadata"].get("ownerReferences") or []:
                found = self.cluster.store.get(
                    REPLICA_SET, change.object["metadata"]["namespace"], owner["name"]
                )
                for parent in (found or {}).get("metadata", {}).get("ownerReferences") or []:
                    yield change.object["metadata"]["namespace"], parent["name"]

    def all_keys(self) -> Iterable[Key]:
        for found in self.cluster.store.list(DEPLOYMENT):
            yield found["metadata"]["namespace"], found["metadata"]["name"]

    async def reconcile(self, key: Key) -> float | None:
        deployment = self.cluster.store.get(DEPLOYMENT, *key)
        if deployment is None or "deletionTimestamp" in deployment["metadata"]:
            return None
        limits = _limits(deployment)
        label = template_hash(deployment["spec"]["template"])
        sets = self._sets(deployment)
        new = next((found for found in sets if found["metadata"]["labels"].get(HASH_LABEL) == label), None)
        begun = ""
        if not deployment["spec"].get("paused"):
            new, begun = self._new_set(deployment, new, sets, label)
            self._move(deployment, new, [found for found in sets if found is not new], limits)
        elif len(sets) == 1:
            self._scale(sets[0], limits.desired)
        return self._report(key, label, limits, begun)

    def _sets(self, deployment: Json) -> list[Json]:
        """Oldest first."""
        found = owned_by(self.cluster.store, REPLICA_SET, deployment)
        return sorted(found, key=lambda replica_set: _revision(replica_set))

    def _new_set(self, deployment: Json, new: Json | None, sets: list[Json], label: str) -> tuple[Json, str]:
        """The set of the present template, and why a rollout begins now, if one does."""
        newest = max((_revision(found) for found in sets), default=0)
        if new is not None and _revision(new) == newest:
            self._annotate(deployment, str(newest))
            return new, ""
        revision = str(newest + 1)
        self._annotate(deployment, revision)
        if new is None:
            return self._create_set(deployment, label, revision, first=not sets), "NewReplicaSetCreated"
        metadata = new["metadata"]
        marked = {**metadata.get("annotations", {}), REVISION: revision}
        found = self.cluster.writes.change(
            REPLICA_SET,
            metadata["namespace"],
            metadata["name"],
            _BY,
            lambda live: {**live, "metadata": {**live["metadata"], "annotations": marked}},
        )
        sets[sets.index(new)] = found
        return found, "FoundNewReplicaSet"

    def _annotate(self, deployment: Json, revision: str) -> None:
        metadata = deployment["metadata"]
        if metadata.get("annotations", {}).get(REVISION) == revision:
            return

        def marked(live: Json) -> Json:
            annotations = {**live["metadata"].get("annotations", {}), REVISION: revision}
            return {**live, "metadata": {**live["metadata"], "annotations": annotations}}

        self.cluster.writes.change(DEPLOYMENT, metadata["namespace"], metadata["name"], _BY, marked)

    def _create_set(self, deployment: Json, label: str, revision: str, *, first: bool) -> Json:
        metadata, spec = deployment["metadata"], deployment["spec"]
        template = copy.deepcopy(spec["template"])
        labels = template.setdefault("metadata", {}).setdefault("labels", {})
        labels[HASH_LABEL] = label
        selector = copy.deepcopy(spec["selector"])
        selector.setdefault("matchLabels", {})[HASH_LABEL] = label
        size = spec["replicas"] if first else 0
        body = {
            "metadata": {
                "name": f"{metadata['name']}-{label}",
                "labels": labels,
                "annotations": {REVISION: revision},
                "ownerReferences": [owner_reference(deployment)],
            },
            "spec": {"replicas": size, "selector": selector, "template": template},
        }
        if "minReadySeconds" in spec:
            body["spec"]["minReadySeconds"] = spec["minReadySeconds"]
        made = self.cluster.writes.create(REPLICA_SET, metadata["namespace"], body, _BY)
        if size:
            self._say_scaled(deployment, made, 0, size)
        return made

    def _move(self, deployment: Json, new: Json, old: list[Json], limits: Limits) -> None:
        """One step from the old sets to the new one."""
        if deployment["spec"]["strategy"]["type"] == "Recreate":
            for found in old:
                self._scale(found, 0, deployment)
            if not any(owned_by(self.cluster.store, POD, found) for found in old):
                self._scale(new, limits.desired, deployment)
            return
        size = new_size(limits, _counted(new), [_counted(found) for found in old])
        new = self._scale(new, size, deployment)
        sizes = old_sizes(limits, _counted(new), [_counted(found) for found in old])
        for found in old:
            self._scale(found, sizes[found["metadata"]["name"]], deployment)

    def _scale(self, replica_set: Json, size: int, deployment: Json | None = None) -> Json:
        was = replica_set["spec"]["replicas"]
        if was == size:
            return replica_set
        metadata = replica_set["metadata"]
        scaled = self.cluster.writes.change(
            REPLICA_SET,
            metadata["namespace"],
            metadata["name"],
            _BY,
            lambda live: {**live, "spec": {**live["spec"], "replicas": size}},
        )
        if deployment is not None:
            self._say_scaled(deployment, scaled, was, size)
        return scaled

    def _say_scaled(self, deployment: Json, replica_set: Json, was: int, size: int) -> None:
        way = "up" if size > was else "down"
        message = f"Scaled {way} replica set {replica_set['metadata']['name']} from {was} to {size}"
        events.record(self.cluster, deployment, "ScalingReplicaSet", message, source="deployment-controller")

    def _report(self, key: Key, label: str, limits: Limits, begun: str) -> float | None:
        deployment = self.cluster.writes.get(DEPLOYMENT, *key)
        sets = self._sets(deployment)
        new = next((found for found in sets if found["metadata"]["labels"].get(HASH_LABEL) == label), None)
        deadline = deployment["spec"]["progressDeadlineSeconds"] * self.cluster.options.deadline_scale
        status, left = rollout_status(deployment, new, sets, limits, deadline, begun=begun)
        if status != deployment.get("status"):
            self.cluster.writes.set_status(DEPLOYMENT, deployment, status, _BY.manager)
        if status["conditions"][-1]["reason"] == DONE:
            self._forget_old(deployment, [found for found in sets if found is not new])
        return left

    def _forget_old(self, deployment: Json, old: list[Json]) -> None:
        empty = [found for found in old if not found["spec"]["replicas"]]
        for found in empty[: max(0, len(empty) - deployment["spec"]["revisionHistoryLimit"])]:
            delete(
                self.cluster.writes, REPLICA_SET, found["metadata"]["namespace"], found["metadata"]["name"]
            )


def _limits(deployment: Json) -> Limits:
    spec = deployment["spec"]
    rolling = spec["strategy"].get("rollingUpdate") or {"maxSurge": 0, "maxUnavailable": spec["replicas"]}
    return Limits.read(spec["replicas"], rolling["maxSurge"], rolling["maxUnavailable"])


def _counted(replica_set: Json) -> Counted:
    status = replica_set.get("status", {})
    wanted = replica_set["spec"]["replicas"]
    return Counted(replica_set["metadata"]["name"], wanted, min(wanted, status.get("availableReplicas", 0)))


def _revision(replica_set: Json) -> int:
    return int(replica_set["metadata"].get("annotations", {}).get(REVISION, 0))
