"""One run over a kustomization, and the status that it leaves."""

from __future__ import annotations

import time
from typing import Any

from infra.local.kubernetes.cluster import Cluster
from infra.local.kubernetes.controllers import events
from infra.local.kubernetes.controllers.controller import Key
from infra.local.kubernetes.durations import seconds
from infra.local.kubernetes.flux import attempt, inventory
from infra.local.kubernetes.flux.attempt import Failed, Overtaken
from infra.local.kubernetes.flux.conditions import Conditions, requested_at, with_handled
from infra.local.kubernetes.flux.inventory import Item
from infra.local.kubernetes.resources import GIT_REPOSITORY, KUSTOMIZATION

type Json = dict[str, Any]


class Run:
    """One attempt and the status it leaves."""

    def __init__(self, cluster: Cluster, key: Key, kustomization: Json) -> None:
        self._cluster = cluster
        self._key = key
        self._kustomization = kustomization
        self._spec: Json = kustomization["spec"]
        self._status: Json = dict(kustomization["status"])
        self._conditions = Conditions(kustomization)
        self._began = time.monotonic()

    async def run(self) -> float | None:
        spec = self._spec
        interval = seconds(spec["interval"]) or 60.0
        retry = seconds(spec.get("retryInterval")) or interval
        source = self._cluster.store.get(GIT_REPOSITORY, *source_key(self._kustomization))
        revision = revision_of(source)
        try:
            if source is None or revision is None:
                said = f"Source artifact not found, retrying in {spec.get('retryInterval') or '30s'}"
                raise Failed("ArtifactFailed", said)
            self._check_dependencies(revision)
            await self._apply(source, revision)
        except Failed as failed:
            self._end_failed(failed, revision)
            waits = failed.reason in ("ArtifactFailed", "DependencyNotReady")
            return min(retry, 30.0) if waits else retry
        except Overtaken:
            return 0.0
        self._end_applied(revision)
        return interval

    def _check_dependencies(self, revision: str) -> None:
        home = self._key[0]
        for needed in self._spec.get("dependsOn") or []:
            where = (needed.get("namespace") or home, needed["name"])
            found = self._cluster.store.get(KUSTOMIZATION, *where)
            spoken = "/".join(where)
            if found is None:
                raise Failed("DependencyNotReady", f"dependency '{spoken}' not found")
            same = source_key(found) == source_key(self._kustomization)
            behind = same and found["status"].get("lastAppliedRevision") != revision
            if not is_ready(found) or behind:
                raise Failed("DependencyNotReady", f"dependency '{spoken}' is not ready")

    async def _apply(self, source: Json, revision: str) -> None:
        self._progress(f"Fetching manifests for revision {revision} with a timeout of {self._timeout():g}s")
        wanted = await attempt.rendered(self._cluster, source, self._kustomization)
        if self._is_overtaken(revision):
            raise Overtaken
        self._status["lastAttemptedRevision"] = revision
        self._progress(f"Detecting drift for revision {revision} with a timeout of {self._timeout():g}s")
        held = inventory.read(self._status)
        applied: list[Item] = []
        try:
            changed = attempt.apply_all(self._cluster, self._kustomization, wanted, applied.append)
        finally:
            # Also after half an apply: what was made must be known, or nobody would ever prune it.
            both = dict.fromkeys([*applied, *held])
            self._status["inventory"] = inventory.render(both)
        stale = [item for item in held if item not in applied]
        if self._spec["prune"]:
            changed += attempt.prune(self._cluster, self._kustomization, stale)
        self._status["inventory"] = inventory.render(applied)
        if changed:
            events.record(
                self._cluster, self._kustomization, "Progressing", "\n".join(changed), source=attempt.MANAGER
            )
        await self._wait(revision, attempt.checked_items(self._kustomization, applied))

    async def _wait(self, revision: str, items: list[Item]) -> None:
        if not items:
            self._conditions.drop("Healthy")
            return
        said = f"Running health checks for revision {revision} with a timeout of {self._timeout():g}s"
        self._conditions.set("Healthy", "Unknown", "Progressing", said)
        self._progress(said)
        try:
            await attempt.wait_healthy(
                self._cluster, items, self._timeout(), lambda: self._is_overtaken(revision)
            )
        except Failed as failed:
            self._conditions.set("Healthy", "False", failed.reason, failed.message)
            raise
        passed = time.monotonic() - self._began
        self._conditions.set("Healthy", "True", "Succeeded", f"Health check passed in {passed:.2f}s")

    def _timeout(self) -> float:
        return seconds(self._spec.get("timeout")) or seconds(self._spec["interval"]) or 60.0

    def _is_overtaken(self, revision: str) -> bool:
        """Whether the source, the specification or the annotation moved on, or all of it is to go."""
        live = self._cluster.store.get(KUSTOMIZATION, *self._key)
        if live is None or "deletionTimestamp" in live["metadata"]:
            return True
        source = self._cluster.store.get(GIT_REPOSITORY, *source_key(live))
        return (
            live["metadata"]["generation"] != self._kustomization["metadata"]["generation"]
            or requested_at(live) != requested_at(self._kustomization)
            or revision_of(source) != revision
        )

    def _progress(self, said: str) -> None:
        self._conditions.set("Reconciling", "True", "Progressing", said)
        self._conditions.set("Ready", "Unknown", "Progressing", said)
        self._write(self._status)

    def _end_failed(self, failed: Failed, revision: str | None) -> None:
        """The revision that was applied before stays the applied one."""
        if revision is not None and failed.reason != "DependencyNotReady":
            self._status["lastAttemptedRevision"] = revision
        self._conditions.set("Ready", "False", failed.reason, failed.message)
        self._conditions.set("Reconciling", "True", "ProgressingWithRetry", failed.message)
        events.record(
            self._cluster,
            self._kustomization,
            failed.reason,
            failed.message,
            source=attempt.MANAGER,
            kind="Warning",
        )
        self._write(with_handled(self._kustomization, self._status))

    def _end_applied(self, revision: str | None) -> None:
        said = f"Applied revision: {revision}"
        self._conditions.drop("Reconciling")
        self._conditions.set("Ready", "True", "ReconciliationSucceeded", said)
        self._status["lastAppliedRevision"] = revision
        self._status["observedGeneration"] = self._kustomization["metadata"]["generation"]
        if self._kustomization["status"].get("lastAppliedRevision") != revision:
            events.record(
                self._cluster, self._kustomization, "ReconciliationSucceeded", said, source=attempt.MANAGER
            )
        self._write(with_handled(self._kustomization, self._status))

    def _write(self, status: Json) -> None:
        if self._cluster.store.get(KUSTOMIZATION, *self._key) is not None:
            whole = {**status, "conditions": self._conditions.render()}
            self._cluster.writes.set_status(KUSTOMIZATION, self._kustomization, whole, attempt.MANAGER)


def is_ready(body: Json) -> bool:
    return any(
        condition["type"] == "Ready" and condition["status"] == "True"
        for condition in body.get("status", {}).get("conditions", [])
    )


def revision_of(source: Json | None) -> str | None:
    found: str | None = ((source or {}).get("status", {}).get("artifact") or {}).get("revision")
    return found


def source_key(kustomization: Json) -> Key:
    reference = kustomization["spec"]["sourceRef"]
    return reference.get("namespace") or kustomization["metadata"]["namespace"], reference["name"]
