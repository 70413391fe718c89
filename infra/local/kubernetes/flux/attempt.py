"""One reconciliation of a kustomization: build, apply, prune, and wait until it is healthy."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from infra.local.kubernetes.cluster import Cluster
from infra.local.kubernetes.errors import StatusError
from infra.local.kubernetes.flux import inventory
from infra.local.kubernetes.flux.build import BuildFailed, PathMissing, build
from infra.local.kubernetes.flux.git_mirror import GitFailed
from infra.local.kubernetes.flux.health import health_of
from infra.local.kubernetes.flux.inventory import Item, UnknownKind
from infra.local.kubernetes.flux.sources import mirror_of
from infra.local.kubernetes.objects.deletion import delete
from infra.local.kubernetes.objects.writes import By
from infra.local.kubernetes.resources import of_kind

type Json = dict[str, Any]

MANAGER = "kustomize-controller"
GROUP = "kustomize.toolkit.fluxcd.io"
# What people change by hand in fields that the revision does not name goes again, as Flux does it.
_ABSORBED = ("kubectl", "before-first-apply")
_BUILDS = 64


class Failed(Exception):
    """A reason for the Ready condition and a sentence."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class Overtaken(Exception):
    """Something newer is wanted: waiting for the health of this revision makes no sense any more."""


async def rendered(cluster: Cluster, source: Json, kustomization: Json) -> list[tuple[Item, Json]]:
    """The objects of the source's revision; raises Failed."""
    revision = source["status"]["artifact"]["revision"]
    metadata, spec = kustomization["metadata"], kustomization["spec"]
    # The same revision and specification render to the same objects: no need to run kustomize for drift.
    key = json.dumps([source["metadata"]["uid"], revision, spec], sort_keys=True)
    objects = cluster.builds.get(key)
    if objects is None:
        objects = await _built(cluster, source, kustomization, revision)
        while len(cluster.builds) >= _BUILDS:
            del cluster.builds[next(iter(cluster.builds))]
        cluster.builds[key] = objects
    home = spec.get("targetNamespace") or metadata["namespace"]
    try:
        return inventory.in_order((inventory.item_of(body, home), body) for body in objects)
    except UnknownKind as error:
        raise Failed("ReconciliationFailed", str(error)) from error


async def _built(cluster: Cluster, source: Json, kustomization: Json, revision: str) -> list[Json]:
    """From a checkout of its own; raises Failed."""
    metadata = kustomization["metadata"]
    folder = cluster.options.state / "builds"
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{metadata['name']}-", dir=folder) as work:
        try:
            await mirror_of(cluster, source).export(revision.rpartition(":")[2], Path(work))
            return await build(Path(work), kustomization["spec"])
        except (GitFailed, PathMissing) as error:
            raise Failed("ArtifactFailed", str(error).replace(work, "")) from error
        except BuildFailed as error:
            raise Failed("BuildFailed", str(error).replace(work, "")) from error


def apply_all(
    cluster: Cluster,
    kustomization: Json,
    wanted: Sequence[tuple[Item, Json]],
    applied: Callable[[Item], None],
) -> list[str]:
    """What changed, in words; all is tried in a dry run first, so that what is invalid changes nothing."""
    new_homes = {item.name for item, _ in wanted if item.resource.kind == "Namespace"}
    for item, body in wanted:
        if item.namespace not in new_homes:
            _apply(cluster, kustomization, item, body, dry_run=True)
    changed = []
    for item, body in wanted:
        said = _apply(cluster, kustomization, item, body, dry_run=False)
        applied(item)
        if said:
            changed.append(f"{item.spoken} {said}")
    return changed


def _apply(cluster: Cluster, kustomization: Json, item: Item, body: Json, *, dry_run: bool) -> str:
    """created, configured, or nothing when it was as wanted."""
    metadata = kustomization["metadata"]
    annotations = body["metadata"].get("annotations") or {}
    if annotations.get(f"{GROUP}/reconcile") == "disabled":
        return ""
    owner = {f"{GROUP}/name": metadata["name"], f"{GROUP}/namespace": metadata["namespace"]}
    labels = {**(body["metadata"].get("labels") or {}), **owner}
    marked = {**body["metadata"], "labels": labels}
    if item.resource.namespaced:
        marked["namespace"] = item.namespace
    before = cluster.store.get(item.resource, item.namespace, item.name)
    by = By(MANAGER, dry_run=dry_run)
    wanted = {name: value for name, value in body.items() if name != "status"} | {"metadata": marked}
    try:
        after, is_new = cluster.writes.apply(
            item.resource, item.namespace, item.name, wanted, by, force=True, absorb=_ABSORBED
        )
    except StatusError as error:
        if error.reason == "Invalid" and kustomization["spec"].get("force") and before is not None:
            return _recreate(cluster, item, wanted, dry_run=dry_run)
        said = f"dry-run failed ({error.reason})" if dry_run else f"apply failed ({error.reason})"
        raise Failed("ReconciliationFailed", f"{item.spoken} {said}: {error.message}") from error
    return "created" if is_new else "configured" if after != before else ""


def _recreate(cluster: Cluster, item: Item, wanted: Json, *, dry_run: bool) -> str:
    """With force: what can't be changed is deleted and made again."""
    if not dry_run:
        delete(cluster.writes, item.resource, item.namespace, item.name)
        cluster.writes.apply(item.resource, item.namespace, item.name, wanted, By(MANAGER), force=True)
    return "recreated"


def prune(cluster: Cluster, kustomization: Json, items: Sequence[Item]) -> list[str]:
    """Delete what this kustomization applied once and no longer wants, the last first."""
    metadata, gone = kustomization["metadata"], []
    for item, _ in reversed(inventory.in_order((item, None) for item in items)):
        found = cluster.store.get(item.resource, item.namespace, item.name)
        labels = (found or {}).get("metadata", {}).get("labels") or {}
        annotations = (found or {}).get("metadata", {}).get("annotations") or {}
        is_ours = (labels.get(f"{GROUP}/name"), labels.get(f"{GROUP}/namespace")) == (
            metadata["name"],
            metadata["namespace"],
        )
        if found is None or not is_ours or annotations.get(f"{GROUP}/prune") == "disabled":
            continue
        delete(cluster.writes, item.resource, item.namespace, item.name)
        gone.append(f"{item.spoken} deleted")
    return gone


def checked_items(kustomization: Json, applied: Sequence[Item]) -> list[Item]:
    """Whose health decides: with wait all that was applied, otherwise what healthChecks names."""
    spec = kustomization["spec"]
    if spec.get("wait"):
        return list(applied)
    items = []
    for check in spec.get("healthChecks") or []:
        resource = of_kind(str(check.get("apiVersion", "v1")), str(check.get("kind")))
        if resource is not None:
            home = check.get("namespace") or kustomization["metadata"]["namespace"]
            items.append(Item(resource, home if resource.namespaced else "", check["name"]))
    return items


async def wait_healthy(
    cluster: Cluster, items: Sequence[Item], timeout: float, is_overtaken: Callable[[], bool]
) -> None:
    """Raises Failed when one has failed or time is up, and Overtaken."""
    began = time.monotonic()
    while True:
        health = {
            item: health_of(cluster.store.get(item.resource, item.namespace, item.name)) for item in items
        }
        if all(state == "Current" for state in health.values()):
            return
        if is_overtaken():
            raise Overtaken
        passed = time.monotonic() - began
        stalled = [item for item, state in health.items() if state == "Failed"]
        if stalled:
            said = f"failed early after {passed:.2f}s due to stalled resources: {_spoken(stalled, health)}"
            raise Failed("HealthCheckFailed", f"health check {said}")
        if passed >= timeout:
            waiting = [item for item, state in health.items() if state != "Current"]
            raise Failed(
                "HealthCheckFailed",
                f"health check failed after {passed:.2f}s: timeout waiting for: {_spoken(waiting, health)}",
            )
        try:
            async with asyncio.timeout(timeout - passed):
                await cluster.store.next_change()
        except TimeoutError:
            continue


def _spoken(items: Sequence[Item], health: dict[Item, Any]) -> str:
    return "[" + ", ".join(f"{item.spoken} status: '{health[item]}'" for item in items) + "]"
