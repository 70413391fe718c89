"""Objects that the tests apply, and what they ask of objects that they see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.local.kubernetes.resources import CONFIG_MAP, DEPLOYMENT, HTTP_ROUTE, SERVICE

type Json = dict[str, Any]


def deployment(image: str, *, name: str = "web", replicas: int = 2, **spec: Any) -> Json:
    labels = {"app": name}
    return {
        "apiVersion": DEPLOYMENT.api_version,
        "kind": DEPLOYMENT.kind,
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "app", "image": image}]},
            },
            **spec,
        },
    }


def service(name: str = "web") -> Json:
    spec = {"selector": {"app": name}, "ports": [{"port": 80}]}
    return {"apiVersion": SERVICE.api_version, "kind": SERVICE.kind, "metadata": {"name": name}, "spec": spec}


def config_map(name: str, **data: str) -> Json:
    return {
        "apiVersion": CONFIG_MAP.api_version,
        "kind": CONFIG_MAP.kind,
        "metadata": {"name": name},
        "data": data,
    }


def route(name: str, weights: Mapping[str, int]) -> Json:
    backends = [{"name": backend, "port": 80, "weight": weight} for backend, weight in weights.items()]
    return {
        "apiVersion": HTTP_ROUTE.api_version,
        "kind": HTTP_ROUTE.kind,
        "metadata": {"name": name},
        "spec": {"rules": [{"backendRefs": backends}]},
    }


def condition(body: Json, kind: str) -> Json:
    """Empty when the object has none of that type."""
    for found in body.get("status", {}).get("conditions", []):
        if found["type"] == kind:
            return dict(found)
    return {}


def reason(body: Json, kind: str) -> str:
    return str(condition(body, kind).get("reason"))


def is_rolled_out(body: Json) -> bool:
    """As kubectl rollout status sees it."""
    status, wanted = body.get("status", {}), body["spec"]["replicas"]
    counts = [status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas")]
    return status.get("observedGeneration") == body["metadata"]["generation"] and counts == [wanted] * 3
