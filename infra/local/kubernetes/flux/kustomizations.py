"""The kustomize controller: what a source's revision says is applied, kept and pruned."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from infra.local.kubernetes.controllers.controller import Controller, Key
from infra.local.kubernetes.flux import attempt, inventory
from infra.local.kubernetes.flux.conditions import is_asked_again, requested_at
from infra.local.kubernetes.flux.run import Run, is_ready, revision_of, source_key
from infra.local.kubernetes.objects.store import Change
from infra.local.kubernetes.objects.writes import By
from infra.local.kubernetes.resources import GIT_REPOSITORY, KUSTOMIZATION

type Json = dict[str, Any]

FINALIZER = "finalizers.fluxcd.io"


class Kustomizations(Controller):
    name = "kustomizations"

    def concerned(self, change: Change) -> Iterable[Key]:
        metadata = change.object["metadata"]
        if change.resource == KUSTOMIZATION:
            if change.type != "DELETED" and _is_news(change.before, change.object):
                yield metadata["namespace"], metadata["name"]
            elif change.before is not None and is_ready(change.object) and not is_ready(change.before):
                yield from self._dependents(metadata["namespace"], metadata["name"])
        elif change.resource == GIT_REPOSITORY and revision_of(change.object) != revision_of(change.before):
            for found in self.cluster.store.list(KUSTOMIZATION):
                if source_key(found) == (metadata["namespace"], metadata["name"]):
                    yield found["metadata"]["namespace"], found["metadata"]["name"]

    def all_keys(self) -> Iterable[Key]:
        for found in self.cluster.store.list(KUSTOMIZATION):
            yield found["metadata"]["namespace"], found["metadata"]["name"]

    def _dependents(self, namespace: str, name: str) -> Iterable[Key]:
        for found in self.cluster.store.list(KUSTOMIZATION):
            home = found["metadata"]["namespace"]
            for needed in found["spec"].get("dependsOn") or []:
                if (needed.get("namespace") or home, needed["name"]) == (namespace, name):
                    yield home, found["metadata"]["name"]

    async def reconcile(self, key: Key) -> float | None:
        kustomization = self.cluster.store.get(KUSTOMIZATION, *key)
        if kustomization is None:
            return None
        if "deletionTimestamp" in kustomization["metadata"]:
            self._finalize(kustomization)
            return None
        if kustomization["spec"].get("suspend"):
            return None
        kustomization = self._with_finalizer(kustomization)
        return await Run(self.cluster, key, kustomization).run()

    def _with_finalizer(self, kustomization: Json) -> Json:
        metadata = kustomization["metadata"]
        finalizers = metadata.get("finalizers") or []
        if FINALIZER in finalizers:
            return kustomization
        return self._set_finalizers(kustomization, [*finalizers, FINALIZER])

    def _finalize(self, kustomization: Json) -> None:
        """What it applied goes with it, unless it does not prune."""
        finalizers = kustomization["metadata"].get("finalizers") or []
        if FINALIZER not in finalizers:
            return
        if kustomization["spec"]["prune"] and not kustomization["spec"].get("suspend"):
            attempt.prune(self.cluster, kustomization, inventory.read(kustomization["status"]))
        self._set_finalizers(kustomization, [name for name in finalizers if name != FINALIZER])

    def _set_finalizers(self, kustomization: Json, finalizers: list[str]) -> Json:
        metadata = kustomization["metadata"]
        return self.cluster.writes.change(
            KUSTOMIZATION,
            metadata["namespace"],
            metadata["name"],
            By(attempt.MANAGER),
            lambda live: {**live, "metadata": {**live["metadata"], "finalizers": finalizers}},
        )


def _is_news(before: Json | None, after: Json) -> bool:
    """Another specification, another token, or the wish that it goes; its status is our own."""
    if before is None or before["metadata"]["generation"] != after["metadata"]["generation"]:
        return True
    if ("deletionTimestamp" in before["metadata"]) != ("deletionTimestamp" in after["metadata"]):
        return True
    return requested_at(before) != requested_at(after) and is_asked_again(after)
