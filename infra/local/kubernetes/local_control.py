"""What tests and demos ask of the emulator itself, outside Kubernetes' API."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from aiohttp import web

from infra.local.kubernetes.cluster import Cluster
from infra.local.kubernetes.control_plane import ControlPlane
from infra.local.kubernetes.errors import bad_request, no_such_path
from infra.local.kubernetes.objects.deletion import Deletion, delete
from infra.local.kubernetes.objects.patches import merge_patched
from infra.local.kubernetes.objects.writes import By
from infra.local.kubernetes.resources import of_kind
from infra.local.kubernetes.traffic.endpoints import image_of, ready_pods

type Json = dict[str, Any]
type Action = Callable[[Cluster, ControlPlane, Any], Any]

_MARKS: dict[str, type | tuple[type, ...]] = {
    "broken": bool,
    "unhealthy": bool,
    "errorRate": (int, float),
    "p95": (int, float),
}


async def answer(cluster: Cluster, control_plane: ControlPlane, request: web.Request) -> web.Response:
    """Raises StatusError; an action that answers nothing is a 204."""
    parts = request.path.split("/")[2:]
    if request.method == "GET" and parts[0] == "endpoints" and len(parts) == 3:
        return _endpoints(cluster, parts[1], parts[2])
    action = _ACTIONS.get((request.method, "/".join(parts)))
    if action is None:
        raise no_such_path()
    raw = await request.read()
    try:
        body = json.loads(raw) if raw else dict(request.query)
    except ValueError as error:
        raise bad_request("the body is not valid JSON") from error
    if not isinstance(body, dict | list):
        raise bad_request("the body must be an object or a list")
    body = {"rules": body} if isinstance(body, list) else body
    result = action(cluster, control_plane, body)
    return web.Response(status=204) if result is None else web.json_response(result)


def _mark_image(cluster: Cluster, _: ControlPlane, body: Any) -> Any:
    match = body.get("match")
    if not match:
        raise bad_request("a mark has the text that images are matched by: match")
    mark = {name: value for name, value in body.items() if name != "match"}
    for name, value in mark.items():
        if name not in _MARKS or not isinstance(value, _MARKS[name]):
            raise bad_request(f"not a mark: {name}={value!r}; there are {', '.join(_MARKS)}")
    cluster.images.mark(str(match), mark)
    return {"value": cluster.images.render()}


def _drift(cluster: Cluster, _: ControlPlane, body: Any) -> Any:
    """A change or a delete behind Flux's back, as somebody with kubectl would do it."""
    resource = of_kind(str(body.get("apiVersion", "v1")), str(body.get("kind")))
    if resource is None:
        raise bad_request(f"unknown kind {body.get('kind')!r} of {body.get('apiVersion', 'v1')!r}")
    namespace, name = str(body.get("namespace", "")), str(body.get("name"))
    if body.get("delete") is True:
        delete(cluster.writes, resource, namespace, name, Deletion())
        return None
    patch, by = body.get("patch"), By(str(body.get("fieldManager", "kubectl-edit")))
    if not isinstance(patch, dict):
        raise bad_request("a drift has a merge patch, or delete: true")
    return cluster.writes.change(resource, namespace, name, by, lambda live: merge_patched(live, patch))


def _get_controllers(_: Cluster, control_plane: ControlPlane, __: Any) -> Any:
    return {name: {"paused": found.paused} for name, found in control_plane.controllers.items()}


def _set_controllers(cluster: Cluster, control_plane: ControlPlane, body: Any) -> Any:
    name = body.get("name", "*")
    if name != "*" and name not in control_plane.controllers:
        raise bad_request(f"unknown controller {name!r}; there are {', '.join(control_plane.controllers)}")
    for known, controller in control_plane.controllers.items():
        if name in ("*", known):
            if body.get("paused"):
                controller.pause()
            else:
                controller.resume()
    return _get_controllers(cluster, control_plane, body)


def _endpoints(cluster: Cluster, namespace: str, service: str) -> web.Response:
    pods = ready_pods(cluster, namespace, service)
    if pods is None:
        raise no_such_path()
    value = [{"pod": pod["metadata"]["name"], "image": image_of(pod)} for pod in pods]
    return web.json_response({"count": len(value), "value": value})


_ACTIONS: dict[tuple[str, str], Action] = {
    ("GET", "images"): lambda cluster, _, __: {"value": cluster.images.render()},
    ("PUT", "images"): _mark_image,
    ("DELETE", "images"): lambda cluster, _, body: cluster.images.clear(body.get("match")),
    ("POST", "drift"): _drift,
    ("GET", "controllers"): _get_controllers,
    ("POST", "controllers"): _set_controllers,
    ("GET", "traffic"): lambda cluster, _, __: cluster.counts.render(),
    ("DELETE", "traffic"): lambda cluster, _, __: cluster.counts.clear(),
}
