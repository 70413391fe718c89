"""Objects as the table that `kubectl get` prints."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from infra.local.kubernetes.objects.moments import seconds_since
from infra.local.kubernetes.resources import Resource

type Json = dict[str, Any]
type Cell = Callable[[Json], Any]

_WIDE = 1


def table(resource: Resource, objects: Iterable[Json], version: str, *, include: str) -> Json:
    """include says how much of each object a row carries: None, Metadata or Object."""
    columns = [("Name", 0, _name), *_COLUMNS.get(resource.kind, ()), ("Age", 0, _age)]
    if resource.kind == "Event":
        columns = columns[1:-1]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": version},
        "columnDefinitions": [
            {
                "name": name,
                "type": "string",
                "format": "name" if name == "Name" else "",
                "description": "",
                "priority": priority,
            }
            for name, priority, _ in columns
        ],
        "rows": [
            {"cells": [cell(body) for _, _, cell in columns], "object": _carried(body, include)}
            for body in objects
        ],
    }


def _carried(body: Json, include: str) -> Json | None:
    if include == "None":
        return None
    if include == "Object":
        return body
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": body["metadata"]}


def _name(body: Json) -> Any:
    return body["metadata"]["name"]


def _age(body: Json) -> str:
    return age(body["metadata"]["creationTimestamp"])


def age(moment: str | None) -> str:
    if not moment:
        return "<unknown>"
    left = max(0, int(seconds_since(moment)))
    if left < 120:
        return f"{left}s"
    if left < 3 * 3600:
        return f"{left // 60}m"
    return f"{left // 3600}h" if left < 48 * 3600 else f"{left // 86400}d"


def _at(*path: str, default: Any = "") -> Cell:
    def cell(body: Json) -> Any:
        node: Any = body
        for name in path:
            node = node.get(name) if isinstance(node, dict) else None
        return default if node is None else node

    return cell


def _count(*path: str) -> Cell:
    return lambda body: len(_at(*path, default={})(body))


def _condition(kind: str, field: str) -> Cell:
    def cell(body: Json) -> Any:
        for condition in _at("status", "conditions", default=[])(body):
            if condition["type"] == kind:
                return condition.get(field, "")
        return ""

    return cell


def _ready(body: Json) -> str:
    return f"{_at('status', 'readyReplicas', default=0)(body)}/{body['spec'].get('replicas', 0)}"


def _pod_ready(body: Json) -> str:
    statuses = _at("status", "containerStatuses", default=[])(body)
    return f"{sum(1 for found in statuses if found['ready'])}/{len(body['spec']['containers'])}"


def _pod_status(body: Json) -> Any:
    if "deletionTimestamp" in body["metadata"]:
        return "Terminating"
    for found in _at("status", "containerStatuses", default=[])(body):
        if "waiting" in found["state"]:
            return found["state"]["waiting"]["reason"]
    return _at("status", "phase", default="Pending")(body)


def _restarts(body: Json) -> str:
    return str(sum(found["restartCount"] for found in _at("status", "containerStatuses", default=[])(body)))


def _containers(field: str) -> Cell:
    def cell(body: Json) -> str:
        spec = body["spec"].get("template", body)["spec"]
        return ",".join(found[field] for found in spec["containers"])

    return cell


def _ports(body: Json) -> str:
    return (
        ",".join(f"{port['port']}/{port['protocol']}" for port in body["spec"].get("ports", [])) or "<none>"
    )


def _selector(body: Json) -> str:
    selector = body["spec"].get("selector") or {}
    labels = selector.get("matchLabels", selector)
    return ",".join(f"{name}={value}" for name, value in labels.items()) or "<none>"


def _backends(body: Json) -> str:
    return ",".join(
        f"{backend['name']}={backend['weight']}"
        for rule in body["spec"].get("rules", [])
        for backend in rule.get("backendRefs", [])
    )


_FLUX_STATE = (("Ready", 0, _condition("Ready", "status")), ("Status", 0, _condition("Ready", "message")))
_COLUMNS: dict[str, tuple[tuple[str, int, Cell], ...]] = {
    "Namespace": (("Status", 0, _at("status", "phase")),),
    "ConfigMap": (("Data", 0, _count("data")),),
    "Secret": (("Type", 0, _at("type")), ("Data", 0, _count("data"))),
    "Service": (
        ("Type", 0, _at("spec", "type")),
        ("Cluster-IP", 0, _at("spec", "clusterIP", default="<none>")),
        ("External-IP", 0, lambda body: "<none>"),
        ("Port(s)", 0, _ports),
        ("Selector", _WIDE, _selector),
    ),
    "Event": (
        ("Last Seen", 0, lambda body: age(body.get("lastTimestamp"))),
        ("Type", 0, _at("type")),
        ("Reason", 0, _at("reason")),
        (
            "Object",
            0,
            lambda body: (
                f"{body['involvedObject'].get('kind', '').lower()}/{body['involvedObject'].get('name')}"
            ),
        ),
        ("Message", 0, _at("message")),
    ),
    "Pod": (
        ("Ready", 0, _pod_ready),
        ("Status", 0, _pod_status),
        ("Restarts", 0, _restarts),
        ("IP", _WIDE, _at("status", "podIP", default="<none>")),
        ("Node", _WIDE, _at("spec", "nodeName", default="<none>")),
    ),
    "Deployment": (
        ("Ready", 0, _ready),
        ("Up-to-date", 0, _at("status", "updatedReplicas", default=0)),
        ("Available", 0, _at("status", "availableReplicas", default=0)),
        ("Containers", _WIDE, _containers("name")),
        ("Images", _WIDE, _containers("image")),
        ("Selector", _WIDE, _selector),
    ),
    "ReplicaSet": (
        ("Desired", 0, _at("spec", "replicas")),
        ("Current", 0, _at("status", "replicas", default=0)),
        ("Ready", 0, _at("status", "readyReplicas", default=0)),
        ("Images", _WIDE, _containers("image")),
    ),
    "HTTPRoute": (("Hostnames", 0, _at("spec", "hostnames")), ("Backends", _WIDE, _backends)),
    "GitRepository": (("URL", 0, _at("spec", "url")), *_FLUX_STATE),
    "Kustomization": _FLUX_STATE,
}
