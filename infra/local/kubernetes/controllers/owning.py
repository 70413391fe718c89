"""Owner references, and the names and labels that follow from a pod template."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from infra.local.kubernetes.objects.store import Change, Store
from infra.local.kubernetes.resources import Resource

type Json = dict[str, Any]

HASH_LABEL = "pod-template-hash"
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def owner_reference(body: Json) -> Json:
    return {
        "apiVersion": body["apiVersion"],
        "kind": body["kind"],
        "name": body["metadata"]["name"],
        "uid": body["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def owned_by(store: Store, resource: Resource, owner: Json) -> list[Json]:
    uid, namespace = owner["metadata"]["uid"], owner["metadata"]["namespace"]
    return [body for body in store.list(resource, namespace) if controller_uid(body) == uid]


def controller_uid(body: Json) -> str | None:
    for owner in body["metadata"].get("ownerReferences") or []:
        if owner.get("controller"):
            return str(owner["uid"])
    return None


def owner_names(change: Change, kind: str) -> list[tuple[str, str]]:
    """The owners of that kind of what changed."""
    metadata = change.object["metadata"]
    return [
        (metadata.get("namespace", ""), owner["name"])
        for owner in metadata.get("ownerReferences") or []
        if owner.get("kind") == kind
    ]


def template_hash(template: Json) -> str:
    """The same for the same template, in the alphabet of generated names."""
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).digest()
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:10])


def is_ready(pod: Json) -> bool:
    return any(
        condition["type"] == "Ready" and condition["status"] == "True"
        for condition in pod.get("status", {}).get("conditions", [])
    )
