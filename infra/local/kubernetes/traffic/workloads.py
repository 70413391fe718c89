"""What a workload answers: directly through its service, or through a route that splits the traffic."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from infra.local.kubernetes.cluster import Cluster
from infra.local.kubernetes.resources import HTTP_ROUTE
from infra.local.kubernetes.traffic.endpoints import image_of, ready_pods

type Json = dict[str, Any]


def answer(cluster: Cluster, path: str) -> web.Response:
    """/workloads/<namespace>/<service>/<path> or /routes/<namespace>/<route>/<path>."""
    parts = path.split("/", 4)
    if len(parts) < 4 or not parts[3]:
        return _problem(404, "a workload is named by its namespace and service")
    namespace, name, rest = parts[2], parts[3], "/" + (parts[4] if len(parts) > 4 else "")
    if parts[1] == "routes":
        return _through_route(cluster, namespace, name, rest)
    return _from_service(cluster, namespace, name, rest)


def _from_service(cluster: Cluster, namespace: str, service: str, path: str) -> web.Response:
    pods = ready_pods(cluster, namespace, service)
    if pods is None:
        return _problem(404, f"there is no service {namespace}/{service}")
    if not pods:
        cluster.counts.answered(namespace, service, 503)
        return _problem(503, f"the service {namespace}/{service} has no ready pods")
    pod = cluster.counts.next_of(f"pods {namespace}/{service}", pods)
    image = image_of(pod)
    behaviour = cluster.images.behaviour(image)
    labels = pod["metadata"].get("labels") or {}
    failed = (
        behaviour.unhealthy
        if path.rstrip("/") == "/healthz"
        else cluster.counts.fails(f"errors {namespace}/{service} {image}", behaviour.error_rate)
    )
    status = 500 if failed else 200
    cluster.counts.answered(namespace, service, status)
    body = {
        "pod": pod["metadata"]["name"],
        "image": image,
        "version": labels.get("app.kubernetes.io/version") or labels.get("version"),
        "labels": labels,
        "service": service,
        "path": path,
    }
    return web.json_response(body, status=status)


def _through_route(cluster: Cluster, namespace: str, name: str, path: str) -> web.Response:
    route = cluster.store.get(HTTP_ROUTE, namespace, name)
    if route is None:
        return _problem(404, f"there is no route {namespace}/{name}")
    for index, rule in enumerate(route["spec"].get("rules") or []):
        if any(_matches(match.get("path") or {}, path) for match in rule["matches"]):
            return _split(cluster, namespace, name, index, rule, path)
    return _problem(404, f"no rule of the route {namespace}/{name} matches {path}")


def _split(cluster: Cluster, namespace: str, name: str, index: int, rule: Json, path: str) -> web.Response:
    weights = {backend["name"]: backend["weight"] for backend in rule.get("backendRefs") or []}
    service = cluster.counts.weighted(f"{namespace}/{name}/{index}", weights)
    if service is None:
        return _problem(500, f"the route {namespace}/{name} has no backend with a weight")
    cluster.counts.routed(namespace, name, service)
    answered = _from_service(cluster, namespace, service, path)
    return _problem(500, f"there is no service {namespace}/{service}") if answered.status == 404 else answered


def _matches(match: Json, path: str) -> bool:
    value = match.get("value", "/")
    if match.get("type") == "Exact":
        return bool(path == value)
    prefix = value.rstrip("/")
    return bool(path == prefix or path.startswith(prefix + "/"))


def _problem(status: int, said: str) -> web.Response:
    return web.json_response({"error": said}, status=status)
