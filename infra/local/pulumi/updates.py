"""Updates as documents, and the engine events by which each tells its steps."""

from __future__ import annotations

import uuid
from typing import Any

from infra.local.emulation.state import Json, State
from infra.local.pulumi import clock

# Operations that only say what they would do.
PREVIEWS = frozenset({"preview", "Prefresh"})
_INFO = (
    *("kind", "startTime", "message", "environment", "config", "result", "endTime", "version"),
    *("resourceChanges", "resourceCount"),
)
IN_PROGRESS, SUCCEEDED, FAILED = "in-progress", "succeeded", "failed"


def create(state: State, stack: str, deployment: Json, kind: str, environment: dict[str, str]) -> Json:
    update: Json = {
        "updateID": str(uuid.uuid4()),
        "number": state.next_number(f"update {stack}"),
        "stack": stack,
        "deployment": deployment["id"],
        "kind": kind,
        "startTime": clock.seconds(),
        "endTime": 0,
        "message": "",
        "environment": environment,
        "config": {},
        "result": IN_PROGRESS,
        "version": 0,
        "resourceChanges": {},
        "resourceCount": 0,
    }
    save(state, update)
    return update


def save(state: State, update: Json) -> None:
    state.put("update", update["stack"], update["updateID"], update)


def of_deployment(state: State, deployment: Json) -> list[Json]:
    """Newest first."""
    found = [state.find("update", update_id) for update_id in deployment["updateIDs"]]
    return [update for update in reversed(found) if update is not None]


def history(state: State, stack: str) -> list[Json]:
    """What counts as a version of the stack, newest first: no previews, nothing that never got its turn."""
    return [update for update in reversed(state.list("update", stack)) if update["version"]]


def render_info(update: Json) -> Json:
    """As the CLI tells it."""
    return {name: update[name] for name in _INFO}


def render(update: Json, latest_version: int, requested_by: Json) -> Json:
    return {
        "info": render_info(update),
        "updateID": update["updateID"],
        "version": update["version"],
        "latestVersion": latest_version,
        "requestedBy": requested_by,
    }


class Recorder:
    """Writes events, and knows which an earlier process wrote before it was killed."""

    def __init__(self, state: State, update: Json, *, restart: bool = False) -> None:
        self._state = state
        self._scope = update["updateID"]
        if restart:
            state.delete("event", self._scope)
        events = state.list("event", self._scope)
        self._sequence = events[-1]["sequence"] if events else 0
        self._begun = {_step(event, "resourcePreEvent") for event in events}
        self._done = {_step(event, "resOutputsEvent") for event in events}

    @property
    def resumed(self) -> bool:
        return self._sequence > 0

    def has_begun(self, op: str, urn: str) -> bool:
        return (op, urn) in self._begun

    def has_done(self, op: str, urn: str) -> bool:
        return (op, urn) in self._done

    def write(self, type_: str, payload: Json) -> None:
        self._sequence += 1
        event: Json = {
            "sequence": self._sequence,
            "timestamp": clock.seconds(),
            "type": type_,
            type_: payload,
        }
        self._state.put("event", self._scope, f"{self._sequence:08}", event)

    def resource_changes(self) -> dict[str, int]:
        """Logical steps by operation, the sum of everything since the update began."""
        counts: dict[str, int] = {}
        for event in self._state.list("event", self._scope):
            metadata = (event.get("resOutputsEvent") or {}).get("metadata")
            if metadata and metadata.get("logical"):
                counts[metadata["op"]] = counts.get(metadata["op"], 0) + 1
        return counts


def events(state: State, update_id: str) -> list[Json]:
    return state.list("event", update_id)


def _step(event: Json, type_: str) -> tuple[Any, Any]:
    metadata = (event.get(type_) or {}).get("metadata") or {}
    return metadata.get("op"), metadata.get("urn")
