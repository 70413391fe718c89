"""A deployment's status: counts, and whether it is available and makes progress."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from infra.local.kubernetes.controllers.rollout import Limits
from infra.local.kubernetes.objects.moments import precise_now_text, seconds_since

type Json = dict[str, Any]

_COUNTS = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas")
DONE = "NewReplicaSetAvailable"
EXCEEDED = "ProgressDeadlineExceeded"


def rollout_status(
    deployment: Json,
    new: Json | None,
    sets: Sequence[Json],
    limits: Limits,
    deadline: float,
    *,
    begun: str = "",
) -> tuple[Json, float | None]:
    """The new status, and in how many seconds the deadline is over; begun is why a rollout just began."""
    was = deployment.get("status", {})
    counts = {
        "replicas": _sum(sets, "replicas"),
        "updatedReplicas": _sum([new] if new else [], "replicas"),
        "readyReplicas": _sum(sets, "readyReplicas"),
        "availableReplicas": _sum(sets, "availableReplicas"),
    }
    asked = sum(found["spec"]["replicas"] for found in sets)
    counts["unavailableReplicas"] = max(0, asked - counts["availableReplicas"])
    conditions = {condition["type"]: condition for condition in was.get("conditions", [])}
    _set(conditions, *_available(counts, limits))
    left = _set_progress(deployment, new, was, counts, conditions, deadline, begun)
    status = {
        "observedGeneration": deployment["metadata"]["generation"],
        **{name: counts[name] for name in _COUNTS if counts[name]},
        "conditions": [conditions[name] for name in ("Available", "Progressing")],
    }
    return status, left


def _available(counts: Json, limits: Limits) -> tuple[str, str, str, str]:
    if counts["availableReplicas"] >= limits.least_available:
        return "Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability."
    reason = "MinimumReplicasUnavailable"
    return "Available", "False", reason, "Deployment does not have minimum availability."


def _set_progress(
    deployment: Json,
    new: Json | None,
    was: Json,
    counts: Json,
    conditions: dict[str, Json],
    deadline: float,
    begun: str,
) -> float | None:
    name = new["metadata"]["name"] if new else deployment["metadata"]["name"]
    desired = deployment["spec"]["replicas"]
    done = all(counts[field] == desired for field in ("replicas", "updatedReplicas", "availableReplicas"))
    held = conditions.get("Progressing")
    if deployment["spec"].get("paused"):
        _set(conditions, "Progressing", "Unknown", "DeploymentPaused", "Deployment is paused")
        return None
    if begun:
        _set(conditions, "Progressing", "True", begun, f'ReplicaSet "{name}" has begun.', touch=True)
    elif done:
        said = f'ReplicaSet "{name}" has successfully progressed.'
        _set(conditions, "Progressing", "True", DONE, said)
    elif held is None or held["reason"] == "DeploymentPaused" or _moved(was, counts):
        said = f'ReplicaSet "{name}" is progressing.'
        _set(conditions, "Progressing", "True", "ReplicaSetUpdated", said, touch=True)
    elif held["reason"] not in (DONE, EXCEEDED) and seconds_since(held["lastUpdateTime"]) >= deadline:
        said = f'ReplicaSet "{name}" has timed out progressing.'
        _set(conditions, "Progressing", "False", EXCEEDED, said)
    held = conditions["Progressing"]
    if held["reason"] in (DONE, EXCEEDED):
        return None
    return max(0.01, deadline - seconds_since(held["lastUpdateTime"]))


def _moved(was: Json, counts: Json) -> bool:
    """Whether more pods are updated, ready or available than before, or fewer old ones are left."""
    old_before = was.get("replicas", 0) - was.get("updatedReplicas", 0)
    old_now = counts["replicas"] - counts["updatedReplicas"]
    more = any(
        counts[name] > was.get(name, 0) for name in ("updatedReplicas", "readyReplicas", "availableReplicas")
    )
    return more or old_now < old_before


def _set(
    conditions: dict[str, Json], kind: str, state: str, reason: str, message: str, *, touch: bool = False
) -> None:
    """Times move only with what they are about; touch moves the update time alone."""
    held = conditions.get(kind)
    same = held is not None and (held["status"], held["reason"]) == (state, reason)
    if held is not None and same and not touch:
        return
    now = precise_now_text()
    transition = held["lastTransitionTime"] if held is not None and held["status"] == state else now
    conditions[kind] = {
        "type": kind,
        "status": state,
        "lastUpdateTime": now,
        "lastTransitionTime": transition,
        "reason": reason,
        "message": message,
    }


def _sum(sets: Sequence[Json], name: str) -> int:
    return sum(found.get("status", {}).get(name, 0) for found in sets)
