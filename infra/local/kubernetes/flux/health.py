"""Whether an object is what it should be: current, still on its way, or failed."""

from __future__ import annotations

from typing import Any, Literal

from infra.local.kubernetes.controllers.owning import is_ready

type Json = dict[str, Any]
type Health = Literal["Current", "InProgress", "Failed", "NotFound", "Terminating"]


def health_of(body: Json | None) -> Health:
    if body is None:
        return "NotFound"
    if "deletionTimestamp" in body["metadata"]:
        return "Terminating"
    if body["kind"] == "Deployment":
        return _deployment(body)
    if body["kind"] == "ReplicaSet":
        wanted = body["spec"]["replicas"]
        return "Current" if body.get("status", {}).get("readyReplicas", 0) >= wanted else "InProgress"
    if body["kind"] == "Pod":
        return "Current" if is_ready(body) else "InProgress"
    return _by_condition(body)


def _deployment(body: Json) -> Health:
    """In the order in which kubectl asks."""
    spec, status = body["spec"], body.get("status", {})
    if status.get("observedGeneration", 0) < body["metadata"]["generation"]:
        return "InProgress"
    for condition in status.get("conditions", []):
        if condition["type"] == "Progressing" and condition["reason"] == "ProgressDeadlineExceeded":
            return "Failed"
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    if updated < spec["replicas"] or status.get("replicas", 0) > updated or available < updated:
        return "InProgress"
    return "Current"


def _by_condition(body: Json) -> Health:
    status = body.get("status", {})
    ready = [condition for condition in status.get("conditions", []) if condition["type"] == "Ready"]
    observed = status.get("observedGeneration", body["metadata"].get("generation"))
    if not ready:
        return "Current" if observed == body["metadata"].get("generation") else "InProgress"
    is_current = ready[0]["status"] == "True" and observed == body["metadata"]["generation"]
    return "Current" if is_current else "InProgress"
