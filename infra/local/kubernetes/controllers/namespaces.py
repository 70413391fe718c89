"""Namespaces that are deleted are emptied first."""

from __future__ import annotations

from collections.abc import Iterable

from infra.local.kubernetes.controllers.controller import Controller, Key
from infra.local.kubernetes.objects.deletion import Deletion, delete
from infra.local.kubernetes.objects.store import Change
from infra.local.kubernetes.resources import NAMESPACE, RESOURCES


class Namespaces(Controller):
    name = "namespaces"

    def concerned(self, change: Change) -> Iterable[Key]:
        if change.resource == NAMESPACE and change.type != "DELETED":
            yield "", change.object["metadata"]["name"]
        elif change.type == "DELETED" and change.resource.namespaced:
            yield "", change.object["metadata"]["namespace"]

    def all_keys(self) -> Iterable[Key]:
        for found in self.cluster.store.list(NAMESPACE):
            yield "", found["metadata"]["name"]

    async def reconcile(self, key: Key) -> float | None:
        name = key[1]
        namespace = self.cluster.store.get(NAMESPACE, "", name)
        if namespace is None or "deletionTimestamp" not in namespace["metadata"]:
            return None
        left = False
        for resource in (found for found in RESOURCES if found.namespaced):
            for body in self.cluster.store.list(resource, name):
                left = True
                if "deletionTimestamp" not in body["metadata"]:
                    delete(self.cluster.writes, resource, name, body["metadata"]["name"], Deletion())
        if not left or not any(
            self.cluster.store.list(resource, name) for resource in RESOURCES if resource.namespaced
        ):
            self.cluster.store.remove(NAMESPACE, namespace)
        return None
