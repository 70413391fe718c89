"""The verbs of the API: which write each request is."""

from __future__ import annotations

import json
from typing import Any

import yaml
from aiohttp import web

from infra.local.kubernetes.api import scale
from infra.local.kubernetes.api.reading import listed, rendered, watched
from infra.local.kubernetes.api.selectors import selected
from infra.local.kubernetes.api.targets import Target
from infra.local.kubernetes.cluster import Cluster
from infra.local.kubernetes.errors import bad_request, method_not_allowed, unsupported_media_type
from infra.local.kubernetes.objects.deletion import Deletion, Propagation, delete
from infra.local.kubernetes.objects.patches import json_patched, merge_patched
from infra.local.kubernetes.objects.strategic_merge import strategic_patched
from infra.local.kubernetes.objects.writes import By

type Json = dict[str, Any]

APPLY = ("application/apply-patch+yaml", "application/apply-patch+json")
_BINARY = ("application/vnd.kubernetes.protobuf", "application/cbor", "application/apply-patch+cbor")
_JSON, _MERGE = "application/json-patch+json", "application/merge-patch+json"
_STRATEGIC = "application/strategic-merge-patch+json"
_PROPAGATIONS: dict[str, Propagation] = {
    "Background": "Background",
    "Foreground": "Foreground",
    "Orphan": "Orphan",
}


async def answer(cluster: Cluster, request: web.Request, target: Target) -> web.StreamResponse:
    """Raises StatusError."""
    if request.method == "GET":
        if request.query.get("watch") in ("true", "1"):
            return await watched(cluster, request, target)
        if not target.name:
            return listed(cluster, request, target)
        found = cluster.writes.get(target.resource, target.home, target.name)
        if target.subresource == "scale":
            return web.json_response(scale.render(found))
        return rendered(request, target.resource, found)
    if request.content_type in _BINARY:
        raise unsupported_media_type(["application/json", "application/yaml"])
    body = _parsed(await request.read())
    by = By(_manager(request), target.subresource, dry_run=is_dry_run(request))
    match request.method, bool(target.name):
        case "POST", False:
            _check_object(body)
            made = cluster.writes.create(target.resource, target.home, body, by)
            return rendered(request, target.resource, made, 201)
        case "PUT", True:
            return _replace(cluster, request, target, body, by)
        case "PATCH", True:
            return _patch(cluster, request, target, body, by)
        case "DELETE", True:
            return _delete(cluster, request, target, body)
        case "DELETE", False:
            return _delete_all(cluster, request, target, body)
    raise method_not_allowed()


def is_dry_run(request: web.Request) -> bool:
    return "All" in request.query.getall("dryRun", [])


def _manager(request: web.Request) -> str:
    agent = request.headers.get("User-Agent", "unknown").partition("/")[0]
    return request.query.get("fieldManager") or agent


def _parsed(raw: bytes) -> Any:
    """JSON, or the YAML that an apply patch may be."""
    if not raw:
        return None
    try:
        return json.loads(raw)
    except ValueError:
        pass
    try:
        return yaml.safe_load(raw)
    except yaml.YAMLError as error:
        raise bad_request(f"error decoding the body: {error}") from error


def _check_object(body: Any) -> None:
    if not isinstance(body, dict):
        raise bad_request("the body of the request must be an object")


def _replace(cluster: Cluster, request: web.Request, target: Target, body: Any, by: By) -> web.StreamResponse:
    _check_object(body)
    if target.subresource == "scale":
        changed = cluster.writes.change(
            target.resource, target.home, target.name, by, lambda live: scale.scaled(live, body)
        )
        return web.json_response(scale.render(changed))
    if (body.get("metadata") or {}).get("name") != target.name:
        raise bad_request("the name of the object does not match the name on the URL")
    return rendered(request, target.resource, cluster.writes.update(target.resource, target.home, body, by))


def _patch(cluster: Cluster, request: web.Request, target: Target, patch: Any, by: By) -> web.StreamResponse:
    resource, home, name = target.resource, target.home, target.name
    if request.content_type in APPLY:
        _check_object(patch)
        if not request.query.get("fieldManager"):
            raise bad_request("PatchOptions.meta.k8s.io is invalid: fieldManager: Required value")
        force = request.query.get("force") == "true"
        made, is_new = cluster.writes.apply(resource, home, name, patch, by, force=force)
        return rendered(request, resource, made, 201 if is_new else 200)

    def patched(live: Json) -> Json:
        if target.subresource == "scale":
            return scale.scaled(live, _patched(request, target, scale.render(live), patch))
        return _patched(request, target, live, patch)

    changed = cluster.writes.change(resource, home, name, by, patched)
    if target.subresource == "scale":
        return web.json_response(scale.render(changed))
    return rendered(request, resource, changed)


def _patched(request: web.Request, target: Target, live: Json, patch: Any) -> Json:
    match request.content_type:
        case "application/json-patch+json":
            made = json_patched(live, patch)
        case "application/merge-patch+json":
            _check_object(patch)
            made = merge_patched(live, patch)
        case "application/strategic-merge-patch+json" if target.resource.builtin:
            _check_object(patch)
            made = strategic_patched(target.resource, live, patch)
        case _:
            accepted = [_JSON, _MERGE, *([_STRATEGIC] if target.resource.builtin else []), APPLY[0]]
            raise unsupported_media_type(accepted)
    _check_object(made)
    result: Json = made
    return result


def _deletion(request: web.Request, body: Any) -> Deletion:
    options = body if isinstance(body, dict) else {}
    asked = options.get("propagationPolicy") or request.query.get("propagationPolicy") or "Background"
    if asked not in _PROPAGATIONS:
        raise bad_request(f"invalid propagationPolicy {asked!r}")
    grace = options.get("gracePeriodSeconds", request.query.get("gracePeriodSeconds"))
    if grace is not None and not str(grace).isdecimal():
        raise bad_request(f"invalid gracePeriodSeconds {grace!r}")
    preconditions = options.get("preconditions") or {}
    return Deletion(
        propagation=_PROPAGATIONS[asked],
        grace=None if grace is None else int(grace),
        uid=preconditions.get("uid"),
        resource_version=preconditions.get("resourceVersion"),
        dry_run=is_dry_run(request) or "All" in (options.get("dryRun") or []),
    )


def _delete(cluster: Cluster, request: web.Request, target: Target, body: Any) -> web.StreamResponse:
    options = _deletion(request, body)
    found, gone = delete(cluster.writes, target.resource, target.home, target.name, options)
    if not gone:
        return rendered(request, target.resource, found)
    details = {"name": target.name, "kind": target.resource.plural, "uid": found["metadata"]["uid"]}
    if target.resource.group:
        details["group"] = target.resource.group
    return web.json_response(
        {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
    )


def _delete_all(cluster: Cluster, request: web.Request, target: Target, body: Any) -> web.StreamResponse:
    options = _deletion(request, body)
    test = selected(request.query.get("labelSelector", ""), request.query.get("fieldSelector", ""))
    found = [item for item in cluster.store.list(target.resource, target.namespace) if test(item)]
    for item in found:
        metadata = item["metadata"]
        delete(cluster.writes, target.resource, metadata.get("namespace", ""), metadata["name"], options)
    resource = target.resource
    return web.json_response(
        {"kind": f"{resource.kind}List", "apiVersion": resource.api_version, "metadata": {}, "items": found}
    )
