"""Deletes: finalizers, grace periods and what becomes of dependents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from infra.local.kubernetes.errors import conflict
from infra.local.kubernetes.objects.moments import now_text
from infra.local.kubernetes.objects.store import Store
from infra.local.kubernetes.objects.writes import By, Writes
from infra.local.kubernetes.resources import RESOURCES, Resource

type Json = dict[str, Any]
type Propagation = Literal["Background", "Foreground", "Orphan"]

FOREGROUND = "foregroundDeletion"
_BY = By("garbage-collector")


@dataclass(frozen=True)
class Deletion:
    propagation: Propagation = "Background"
    grace: int | None = None
    uid: str | None = None
    resource_version: str | None = None
    dry_run: bool = False


def delete(
    writes: Writes, resource: Resource, namespace: str, name: str, options: Deletion = Deletion()
) -> tuple[Json, bool]:
    """The object, and whether it is gone already; raises 404, and 409 when a precondition fails."""
    live = writes.get(resource, namespace, name)
    metadata = live["metadata"]
    for had, wanted in (
        (metadata["uid"], options.uid),
        (metadata["resourceVersion"], options.resource_version),
    ):
        if wanted is not None and had != wanted:
            raise conflict(resource, name, f"Precondition failed: expected {wanted}, found {had}")
    if options.dry_run:
        return live, True
    if options.propagation == "Orphan":
        _orphan(writes, metadata["uid"])
    finalizers = list(metadata.get("finalizers") or [])
    if options.propagation == "Foreground" and FOREGROUND not in finalizers:
        finalizers.append(FOREGROUND)
    grace = _grace(resource, live, options)
    if not finalizers and not grace and resource.kind != "Namespace":
        return writes.store.remove(resource, live), True
    marked = {**metadata, "deletionTimestamp": metadata.get("deletionTimestamp") or now_text()}
    marked["deletionGracePeriodSeconds"] = grace
    if finalizers:
        marked["finalizers"] = finalizers
    body = {**live, "metadata": marked}
    if resource.kind == "Namespace":
        body["status"] = {**live.get("status", {}), "phase": "Terminating"}
    return (live if body == live else writes.store.put(resource, body)), False


def _grace(resource: Resource, live: Json, options: Deletion) -> int:
    if resource.kind != "Pod":
        return 0
    asked = options.grace
    return int(live["spec"].get("terminationGracePeriodSeconds", 30)) if asked is None else asked


def dependents(store: Store, uid: str) -> Iterator[tuple[Resource, Json]]:
    """Everything that names this owner."""
    for resource in RESOURCES:
        for body in store.list(resource):
            if any(owner.get("uid") == uid for owner in body["metadata"].get("ownerReferences") or []):
                yield resource, body


def _orphan(writes: Writes, uid: str) -> None:
    for resource, body in list(dependents(writes.store, uid)):
        metadata = body["metadata"]
        left = [owner for owner in metadata["ownerReferences"] if owner.get("uid") != uid]
        namespace, alone = metadata.get("namespace", ""), {**metadata, "ownerReferences": left}
        writes.update(resource, namespace, {**body, "metadata": alone}, _BY)
