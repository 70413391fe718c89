"""The garbage collector: what is owned goes when its owner is gone, or before it when that waits for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from infra.local.kubernetes.controllers.controller import Controller, Key
from infra.local.kubernetes.errors import StatusError
from infra.local.kubernetes.objects.deletion import FOREGROUND, delete, dependents
from infra.local.kubernetes.objects.store import Change
from infra.local.kubernetes.objects.writes import By
from infra.local.kubernetes.resources import RESOURCES, Resource

type Json = dict[str, Any]

_BY = By("garbage-collector")


class Garbage(Controller):
    """Its keys are uids of owners."""

    name = "garbage"

    def concerned(self, change: Change) -> Iterable[Key]:
        metadata = change.object["metadata"]
        if change.type == "DELETED" or "deletionTimestamp" in metadata:
            yield "", metadata["uid"]
        for owner in metadata.get("ownerReferences") or []:
            if change.type in ("ADDED", "DELETED"):
                yield "", owner["uid"]

    def all_keys(self) -> Iterable[Key]:
        for resource in RESOURCES:
            for body in self.cluster.store.list(resource):
                for owner in body["metadata"].get("ownerReferences") or []:
                    yield "", owner["uid"]

    async def reconcile(self, key: Key) -> float | None:
        uid = key[1]
        found = self._owner(uid)
        if found is None:
            self._delete_all(uid)
            return None
        resource, owner = found
        finalizers = owner["metadata"].get("finalizers") or []
        if "deletionTimestamp" in owner["metadata"] and FOREGROUND in finalizers:
            self._delete_all(uid)
            if not any(True for _ in dependents(self.cluster.store, uid)):
                self._release(resource, owner)
        return None

    def _owner(self, uid: str) -> tuple[Resource, Json] | None:
        for resource in RESOURCES:
            for body in self.cluster.store.list(resource):
                if body["metadata"]["uid"] == uid:
                    return resource, body
        return None

    def _delete_all(self, uid: str) -> None:
        for resource, body in list(dependents(self.cluster.store, uid)):
            metadata = body["metadata"]
            if "deletionTimestamp" not in metadata:
                try:
                    delete(self.cluster.writes, resource, metadata["namespace"], metadata["name"])
                except StatusError as error:
                    if error.code != 404:
                        raise

    def _release(self, resource: Resource, owner: Json) -> None:
        metadata = owner["metadata"]
        left = [name for name in metadata["finalizers"] if name != FOREGROUND]
        self.cluster.writes.change(
            resource,
            metadata.get("namespace", ""),
            metadata["name"],
            _BY,
            lambda live: {**live, "metadata": {**live["metadata"], "finalizers": left}},
        )
