"""The conditions of Flux's objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.local.kubernetes.objects.moments import now_text

type Json = dict[str, Any]

REQUESTED_AT = "reconcile.fluxcd.io/requestedAt"
_ORDER = ("Reconciling", "Ready", "Healthy", "ArtifactInStorage", "FetchFailed")


class Conditions:
    """Those of one object, changed in place and rendered into its status."""

    def __init__(self, body: Json) -> None:
        self._generation = body["metadata"]["generation"]
        held = body.get("status", {}).get("conditions", [])
        self._held: dict[str, Json] = {condition["type"]: condition for condition in held}

    def set(self, kind: str, state: str, reason: str, message: str) -> None:
        held = self._held.get(kind)
        moved = held is None or held["status"] != state
        self._held[kind] = {
            "type": kind,
            "status": state,
            "reason": reason,
            "message": message,
            "lastTransitionTime": now_text() if moved or held is None else held["lastTransitionTime"],
            "observedGeneration": self._generation,
        }

    def drop(self, *kinds: str) -> None:
        for kind in kinds:
            self._held.pop(kind, None)

    def is_true(self, kind: str) -> bool:
        return self._held.get(kind, {}).get("status") == "True"

    def render(self) -> list[Json]:
        return sorted(self._held.values(), key=lambda condition: _ORDER.index(condition["type"]))


def requested_at(body: Json) -> str | None:
    found: str | None = (body["metadata"].get("annotations") or {}).get(REQUESTED_AT)
    return found


def is_asked_again(body: Json) -> bool:
    """Whether somebody annotated it since it was last handled."""
    token = requested_at(body)
    return token is not None and token != body.get("status", {}).get("lastHandledReconcileAt")


def with_handled(body: Json, status: Mapping[str, Any]) -> Json:
    """The status, with the token of the annotation that this run began with."""
    token = requested_at(body)
    return {**status, **({"lastHandledReconcileAt": token} if token is not None else {})}
