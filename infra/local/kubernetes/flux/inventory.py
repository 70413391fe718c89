"""What a kustomization applied: ids as Flux writes them, and what is no longer among them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from infra.local.kubernetes.resources import RESOURCES, Resource, of_kind

type Json = dict[str, Any]

_FIRST = ("Namespace",)
_LAST = ("HTTPRoute", "GitRepository", "Kustomization")


@dataclass(frozen=True)
class Item:
    """One object that belongs to a kustomization."""

    resource: Resource
    namespace: str
    name: str

    @property
    def id(self) -> str:
        """`<namespace>_<name>_<group>_<kind>`"""
        return f"{self.namespace}_{self.name}_{self.resource.group}_{self.resource.kind}"

    @property
    def spoken(self) -> str:
        where = f"{self.namespace}/" if self.namespace else ""
        return f"{self.resource.kind}/{where}{self.name}"


class UnknownKind(Exception):
    pass


def item_of(body: Json, namespace: str) -> Item:
    """In its own namespace, or this one; raises UnknownKind."""
    api_version, kind = str(body.get("apiVersion", "")), str(body["kind"])
    resource = of_kind(api_version, kind)
    if resource is None:
        raise UnknownKind(f'no matches for kind "{kind}" in version "{api_version}"')
    home = str(body["metadata"].get("namespace") or namespace) if resource.namespaced else ""
    return Item(resource, home, str(body["metadata"]["name"]))


def in_order[T](found: Iterable[tuple[Item, T]]) -> list[tuple[Item, T]]:
    """Namespaces before what lives in them, routes after what they lead to."""

    def rank(entry: tuple[Item, T]) -> tuple[int, int, str]:
        kind = entry[0].resource.kind
        stage = 0 if kind in _FIRST else 2 if kind in _LAST else 1
        return stage, RESOURCES.index(entry[0].resource), entry[0].id

    return sorted(found, key=rank)


def render(items: Iterable[Item]) -> Json:
    return {"entries": [{"id": item.id, "v": item.resource.version} for item in items]}


def read(status: Json) -> list[Item]:
    """Entries of kinds that are no longer known are left out."""
    items = []
    for entry in (status.get("inventory") or {}).get("entries") or []:
        namespace, name, group, kind = entry["id"].split("_", 3)
        resource = of_kind(f"{group}/{entry['v']}" if group else entry["v"], kind)
        if resource is not None:
            items.append(Item(resource, namespace, name))
    return items
