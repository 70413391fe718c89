"""The state of a stack while an operation works on it, and the real resources beside it.

A preview changes only its copy; an operation writes every change through, so that what was done is
known whenever it ends.
"""

from __future__ import annotations

from infra.local.emulation.state import Json, State


class Snapshot:
    """Resources by URN, in the order in which they were made; replaced ones wait for their deletion."""

    def __init__(self, state: State, stack: str, *, persistent: bool) -> None:
        self._state = state
        self._stack = stack
        self._persistent = persistent
        self._resources = {_key(resource): resource for resource in state.list("resource", stack)}

    def get(self, urn: str) -> Json | None:
        return self._resources.get(urn)

    def live(self) -> list[Json]:
        return [resource for resource in self._resources.values() if not resource.get("delete")]

    def pending_deletion(self) -> list[Json]:
        return [resource for resource in self._resources.values() if resource.get("delete")]

    def put(self, resource: Json) -> None:
        key = _key(resource)
        self._resources[key] = resource
        if self._persistent:
            self._state.put("resource", self._stack, key, resource)

    def remove(self, resource: Json) -> None:
        key = _key(resource)
        self._resources.pop(key, None)
        if self._persistent:
            self._state.delete("resource", self._stack, key)

    def condemn(self, resource: Json) -> Json:
        """Mark the old one of a replacement: gone from its URN, deleted at the end."""
        self.remove(resource)
        condemned = {**resource, "delete": True}
        self.put(condemned)
        return condemned


class World:
    """The real resources of a stack, by id: what the provider finds, whatever the state says."""

    def __init__(self, state: State, stack: str) -> None:
        self._state = state
        self._stack = stack

    def get(self, identity: str) -> Json | None:
        return self._state.get("world", self._stack, identity)

    def put(self, resource: Json) -> None:
        self._state.put("world", self._stack, resource["id"], resource)

    def delete(self, identity: str) -> None:
        self._state.delete("world", self._stack, identity)

    def list(self) -> list[Json]:
        return self._state.list("world", self._stack)

    def find(self, name: str) -> Json | None:
        """By id, URN, or the resource's name in its program."""
        for resource in self.list():
            if name in (resource["id"], resource["urn"], resource["urn"].rpartition("::")[2]):
                return resource
        return None


def _key(resource: Json) -> str:
    return f"{resource['urn']}#{resource['id']}" if resource.get("delete") else str(resource["urn"])
