"""What the API server fills in where an object leaves it open."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from infra.local.kubernetes.resources import Resource

type Json = dict[str, Any]


def set_defaults(resource: Resource, body: Json) -> None:
    """In place; applying them twice changes nothing."""
    body["apiVersion"], body["kind"] = resource.api_version, resource.kind
    found = _BY_KIND.get(resource.kind)
    if found is not None:
        found(body)


def _deployment(body: Json) -> None:
    spec = _map(body, "spec")
    spec.setdefault("replicas", 1)
    strategy = _map(spec, "strategy")
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = _map(strategy, "rollingUpdate")
        rolling.setdefault("maxSurge", "25%")
        rolling.setdefault("maxUnavailable", "25%")
    else:
        strategy.pop("rollingUpdate", None)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    _pod_spec(_map(spec, "template"))


def _replica_set(body: Json) -> None:
    spec = _map(body, "spec")
    spec.setdefault("replicas", 1)
    _pod_spec(_map(spec, "template"))


def _pod_spec(body: Json) -> None:
    spec = _map(body, "spec")
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("schedulerName", "default-scheduler")
    spec.setdefault("securityContext", {})
    spec.setdefault("terminationGracePeriodSeconds", 30)
    for name in ("containers", "initContainers"):
        for container in _objects(spec.get(name)):
            image = str(container.get("image", ""))
            tag = image.rpartition("/")[2].partition(":")[2]
            latest = "@" not in image and tag in ("", "latest")
            container.setdefault("imagePullPolicy", "Always" if latest else "IfNotPresent")
            container.setdefault("resources", {})
            for port in _objects(container.get("ports")):
                port.setdefault("protocol", "TCP")


def _service(body: Json) -> None:
    spec = _map(body, "spec")
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    for port in _objects(spec.get("ports")):
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))


def _secret(body: Json) -> None:
    body.setdefault("type", "Opaque")
    fold_string_data(body)


def fold_string_data(body: Json) -> None:
    """A secret's stringData is only another way to write its data."""
    texts = body.pop("stringData", None)
    if isinstance(texts, dict):
        data = _map(body, "data")
        data.update({name: base64.b64encode(str(text).encode()).decode() for name, text in texts.items()})


def _namespace(body: Json) -> None:
    labels = _map(body["metadata"], "labels")
    labels["kubernetes.io/metadata.name"] = body["metadata"].get("name", "")
    _map(body, "spec").setdefault("finalizers", ["kubernetes"])
    _map(body, "status").setdefault("phase", "Active")


def _http_route(body: Json) -> None:
    for rule in _objects(_map(body, "spec").get("rules")):
        matches = rule.setdefault("matches", [{}])
        for match in _objects(matches):
            path = _map(match, "path")
            path.setdefault("type", "PathPrefix")
            path.setdefault("value", "/")
        for backend in _objects(rule.get("backendRefs")):
            backend.setdefault("group", "")
            backend.setdefault("kind", "Service")
            backend.setdefault("weight", 1)


def _git_repository(body: Json) -> None:
    _map(body, "spec").setdefault("timeout", "60s")
    _map(body, "status").setdefault("observedGeneration", -1)


def _kustomization(body: Json) -> None:
    _map(body, "spec").setdefault("force", False)
    _map(body, "status").setdefault("observedGeneration", -1)


def _map(body: Json, name: str) -> Json:
    found = body.get(name)
    if found is None:
        found = body[name] = {}
    return found if isinstance(found, dict) else {}


def _objects(value: Any) -> list[Json]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


_BY_KIND: dict[str, Callable[[Json], None]] = {
    "Deployment": _deployment,
    "ReplicaSet": _replica_set,
    "Pod": _pod_spec,
    "Service": _service,
    "Secret": _secret,
    "Namespace": _namespace,
    "HTTPRoute": _http_route,
    "GitRepository": _git_repository,
    "Kustomization": _kustomization,
}
