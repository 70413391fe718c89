"""Events: what controllers say about an object; the same words again only count up."""

from __future__ import annotations

import hashlib
from typing import Any

from infra.local.kubernetes.cluster import Cluster
from infra.local.kubernetes.objects.moments import now_text
from infra.local.kubernetes.objects.writes import By
from infra.local.kubernetes.resources import EVENT, NAMESPACE

type Json = dict[str, Any]


def record(
    cluster: Cluster, about: Json, reason: str, message: str, *, source: str, kind: str = "Normal"
) -> None:
    metadata = about["metadata"]
    namespace = metadata.get("namespace", "default")
    home = cluster.store.get(NAMESPACE, "", namespace)
    if home is None or "deletionTimestamp" in home["metadata"]:
        return
    digest = hashlib.sha256(f"{metadata['uid']} {reason} {message}".encode()).hexdigest()[:16]
    name = f"{metadata['name']}.{digest}"
    held = cluster.store.get(EVENT, namespace, name)
    now = now_text()
    if held is not None:
        again = {"count": held["count"] + 1, "lastTimestamp": now}
        cluster.writes.change(EVENT, namespace, name, By(source), lambda live: {**live, **again})
        return
    involved = {name: about[name] for name in ("apiVersion", "kind")}
    involved |= {name: metadata[name] for name in ("name", "uid") if name in metadata} | {
        "namespace": namespace
    }
    body = {
        "metadata": {"name": name},
        "involvedObject": involved,
        "reason": reason,
        "message": message,
        "type": kind,
        "source": {"component": source},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
    cluster.writes.create(EVENT, namespace, body, By(source))
