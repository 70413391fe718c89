"""What a client sent: a copy of the right kind, and of it only what a write may change."""

from __future__ import annotations

import copy
from typing import Any

from infra.local.kubernetes.errors import bad_request, conflict
from infra.local.kubernetes.objects.shapes import check_shape
from infra.local.kubernetes.resources import Resource

type Json = dict[str, Any]

_KEPT = (
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
)


def checked(resource: Resource, namespace: str, sent: Any) -> Json:
    """A copy of the body, of this kind and in this namespace."""
    if not isinstance(sent, dict) or not isinstance(sent.get("metadata", {}), dict):
        raise bad_request("the body must be an object with metadata")
    body: Json = copy.deepcopy(sent)
    if body.get("kind", resource.kind) != resource.kind:
        raise bad_request(
            f"the kind in the data ({body['kind']}) does not match the expected kind {resource.kind}"
        )
    if body.get("apiVersion", resource.api_version) != resource.api_version:
        raise bad_request(
            f"the API version in the data ({body['apiVersion']}) does not match the expected API version "
            f"({resource.api_version})"
        )
    check_shape(resource, body)
    metadata = body.setdefault("metadata", {})
    if resource.namespaced:
        if metadata.setdefault("namespace", namespace) != namespace:
            raise bad_request(
                "the namespace of the provided object does not match the namespace sent on the request"
            )
    else:
        metadata.pop("namespace", None)
    return body


def check_preconditions(resource: Resource, sent: Json, was: Json) -> None:
    if sent.get("resourceVersion", "") not in ("", was["resourceVersion"]):
        raise conflict(resource, was["name"])
    if sent.get("uid", was["uid"]) != was["uid"]:
        raise conflict(resource, was["name"], f"Precondition failed: UID in precondition: {sent['uid']}")


def only_allowed(resource: Resource, live: Json, body: Json, *, status: bool) -> Json:
    """What this write may change: the status or all but it, and never what the server keeps itself."""
    was = live["metadata"]
    if status:
        body = {
            **live,
            "metadata": {**was, "managedFields": body["metadata"].get("managedFields")},
            "status": body.get("status", {}),
        }
    elif resource.has_status:
        body = {name: value for name, value in body.items() if name != "status"}
        body |= {"status": live["status"]} if "status" in live else {}
    metadata = body["metadata"]
    for name in _KEPT:
        metadata.pop(name, None)
        if name in was:
            metadata[name] = was[name]
    if resource.kind == "Service" and "clusterIP" in live["spec"]:
        body["spec"].setdefault("clusterIP", live["spec"]["clusterIP"])
    for name in ("labels", "annotations", "finalizers", "ownerReferences"):
        if not metadata.get(name):
            metadata.pop(name, None)
    return body
