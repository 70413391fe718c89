"""Which groups, versions and kinds there are, in both forms in which clients ask, and OpenAPI's outline."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from infra.local.kubernetes.errors import no_such_path
from infra.local.kubernetes.resources import GROUPS, RESOURCES, Resource

type Json = dict[str, Any]

_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_PUBLIC = ("/version", "/healthz", "/livez", "/readyz")


def is_public(path: str) -> bool:
    return path in _PUBLIC


def answer(path: str, accept: str) -> web.Response | None:
    """None for what is no discovery."""
    parts = path.strip("/").split("/")
    match parts:
        case ["version"]:
            version = {"major": "1", "minor": "37", "gitVersion": "v1.37.1", "platform": "linux/amd64"}
            return web.json_response(version)
        case ["healthz" | "livez" | "readyz"]:
            return web.Response(text="ok")
        case ["api"] if _wants_aggregated(accept):
            return _aggregated([_group_discovery("", "v1")])
        case ["apis"] if _wants_aggregated(accept):
            return _aggregated([_group_discovery(group, version) for group, version in GROUPS])
        case ["api"]:
            return web.json_response({"kind": "APIVersions", "versions": ["v1"]})
        case ["apis"]:
            groups = [_group(group, version) for group, version in GROUPS]
            return web.json_response({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
        case ["api", version]:
            return _resource_list("", version)
        case ["apis", group]:
            return _one_group(group)
        case ["apis", group, version]:
            return _resource_list(group, version)
        case ["openapi", "v3", *rest]:
            return _openapi("/".join(rest))
        case ["openapi", "v2"]:
            raise no_such_path()
    return None


def _wants_aggregated(accept: str) -> bool:
    return "as=APIGroupDiscoveryList" in accept and "v=v2;" in accept.replace(" ", "") + ";"


def _aggregated(items: list[Json]) -> web.Response:
    body = {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    }
    return web.Response(body=json.dumps(body).encode(), headers={"Content-Type": _AGGREGATED})


def _group_discovery(group: str, version: str) -> Json:
    resources = [
        {
            "resource": resource.plural,
            "responseKind": {"group": resource.group, "version": version, "kind": resource.kind},
            "scope": "Namespaced" if resource.namespaced else "Cluster",
            "singularResource": resource.kind.lower(),
            "verbs": _VERBS,
            "shortNames": list(resource.short_names),
            "categories": _categories(resource),
            "subresources": [
                {
                    "subresource": name,
                    "responseKind": {"group": kind[0], "version": kind[1], "kind": kind[2]},
                    "verbs": ["get", "patch", "update"],
                }
                for name, kind in _subresources(resource)
            ],
        }
        for resource in _resources(group, version)
    ]
    versions = [{"version": version, "resources": resources, "freshness": "Current"}]
    return {"metadata": {"name": group} if group else {}, "versions": versions}


def _categories(resource: Resource) -> list[str]:
    return ["all"] if resource.kind in ("Pod", "Service", "Deployment", "ReplicaSet") else []


def _subresources(resource: Resource) -> list[tuple[str, tuple[str, str, str]]]:
    status = [("status", (resource.group, resource.version, resource.kind))] if resource.has_status else []
    return status + ([("scale", ("autoscaling", "v1", "Scale"))] if resource.scalable else [])


def _resources(group: str, version: str) -> list[Resource]:
    return [found for found in RESOURCES if (found.group, found.version) == (group, version)]


def _group(group: str, version: str) -> Json:
    entry = {"groupVersion": f"{group}/{version}", "version": version}
    return {"name": group, "versions": [entry], "preferredVersion": entry}


def _one_group(group: str) -> web.Response:
    for name, version in GROUPS:
        if name == group:
            return web.json_response({"kind": "APIGroup", "apiVersion": "v1", **_group(name, version)})
    raise no_such_path()


def _resource_list(group: str, version: str) -> web.Response:
    found = _resources(group, version)
    if not found:
        raise no_such_path()
    rows: list[Json] = []
    for resource in found:
        row = {
            "name": resource.plural,
            "singularName": resource.kind.lower(),
            "namespaced": resource.namespaced,
            "kind": resource.kind,
            "verbs": _VERBS,
            "categories": _categories(resource),
        }
        rows.append({**row, "shortNames": list(resource.short_names)} if resource.short_names else row)
        rows += [
            {
                "name": f"{resource.plural}/{name}",
                "singularName": "",
                "namespaced": resource.namespaced,
                **({"group": kind[0], "version": kind[1]} if name == "scale" else {}),
                "kind": kind[2],
                "verbs": ["get", "patch", "update"],
            }
            for name, kind in _subresources(resource)
        ]
    body = {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": found[0].api_version,
        "resources": rows,
    }
    return web.json_response(body)


def _openapi(document: str) -> web.Response:
    """Enough for a client to learn that patches take fieldValidation, so that it leaves it to the server."""
    known = {("apis/" if found.group else "api/") + found.api_version: found for found in RESOURCES}
    if not document:
        documents = {name: {"serverRelativeURL": f"/openapi/v3/{name}"} for name in known}
        return web.json_response({"paths": documents})
    if document not in known:
        raise no_such_path()
    group, version = known[document].group, known[document].version
    paths = {
        resource.path("{namespace}", "{name}"): {
            "patch": {
                "x-kubernetes-action": "patch",
                "x-kubernetes-group-version-kind": {
                    "group": group,
                    "version": version,
                    "kind": resource.kind,
                },
                "parameters": [{"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}],
                "responses": {},
            }
        }
        for resource in _resources(group, version)
    }
    info = {"title": "Kubernetes", "version": "v1.37.1"}
    return web.json_response(
        {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": {}}}
    )
