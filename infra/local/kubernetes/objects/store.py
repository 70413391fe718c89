"""Every object, in memory and in one SQLite file, and the stream of their changes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from infra.local.emulation.state import State
from infra.local.kubernetes.errors import expired
from infra.local.kubernetes.resources import RESOURCES, Resource

type Json = dict[str, Any]

_HISTORY = 5000


@dataclass(frozen=True)
class Change:
    type: Literal["ADDED", "MODIFIED", "DELETED"]
    resource: Resource
    object: Json
    before: Json | None
    version: int


class Store:
    """Objects are handed out as they are kept: whoever wants another one makes a copy."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._objects: dict[Resource, dict[tuple[str, str], Json]] = {}
        for resource in RESOURCES:
            loaded = state.list(resource.qualified)
            self._objects[resource] = {_key(found): found for found in loaded}
        self._listeners: list[Callable[[Change], None]] = []
        self._history: deque[Change] = deque(maxlen=_HISTORY)
        self._changed = asyncio.Event()
        self.version = state.next_number("resourceVersion")
        self._oldest = self.version

    def get(self, resource: Resource, namespace: str, name: str) -> Json | None:
        return self._objects[resource].get((namespace, name))

    def list(self, resource: Resource, namespace: str | None = None) -> list[Json]:
        """Ordered by namespace and name; without a namespace those of all."""
        found = self._objects[resource]
        return [found[key] for key in sorted(found) if namespace in (None, key[0])]

    def next_number(self, counter: str) -> int:
        return self._state.next_number(counter)

    def put(self, resource: Resource, body: Json) -> Json:
        """Keep this object under a new resourceVersion."""
        before = self._objects[resource].get(_key(body))
        with self._state.transaction():
            version = self._state.next_number("resourceVersion")
            body = {**body, "metadata": {**body["metadata"], "resourceVersion": str(version)}}
            self._state.put(resource.qualified, *_key(body), body)
        self._objects[resource][_key(body)] = body
        self._tell(Change("ADDED" if before is None else "MODIFIED", resource, body, before, version))
        return body

    def remove(self, resource: Resource, body: Json) -> Json:
        before = self._objects[resource][_key(body)]
        with self._state.transaction():
            version = self._state.next_number("resourceVersion")
            self._state.delete(resource.qualified, *_key(body))
        del self._objects[resource][_key(body)]
        body = {**body, "metadata": {**body["metadata"], "resourceVersion": str(version)}}
        self._tell(Change("DELETED", resource, body, before, version))
        return body

    def listen(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Call it for every change until the returned function is called."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def since(self, version: int) -> Sequence[Change]:
        """Raises 410 when that is longer ago than what is remembered."""
        if version < self._oldest or (self._history and version < self._history[0].version - 1):
            raise expired(f"too old resource version: {version} ({self._oldest})")
        return [change for change in self._history if change.version > version]

    async def next_change(self) -> None:
        """Return after the next change of any object."""
        await self._changed.wait()

    def _tell(self, change: Change) -> None:
        self.version = change.version
        self._history.append(change)
        self._changed.set()
        self._changed = asyncio.Event()
        for listener in list(self._listeners):
            listener(change)


def _key(body: Json) -> tuple[str, str]:
    metadata = body["metadata"]
    return metadata.get("namespace", ""), metadata["name"]
