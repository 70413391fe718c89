"""Which pods stand behind a service."""

from __future__ import annotations

from typing import Any

from infra.local.kubernetes.cluster import Cluster
from infra.local.kubernetes.controllers.owning import is_ready
from infra.local.kubernetes.resources import POD, SERVICE

type Json = dict[str, Any]


def ready_pods(cluster: Cluster, namespace: str, service: str) -> list[Json] | None:
    """The ready pods that its selector matches, by name; None when there is no such service."""
    found = cluster.store.get(SERVICE, namespace, service)
    if found is None:
        return None
    selector = found["spec"].get("selector") or {}
    if not selector:
        return []
    return [
        pod
        for pod in cluster.store.list(POD, namespace)
        if selector.items() <= (pod["metadata"].get("labels") or {}).items()
        and "deletionTimestamp" not in pod["metadata"]
        and is_ready(pod)
    ]


def image_of(pod: Json) -> str:
    """Of the first container, which is the workload; others stand beside it."""
    return str(pod["spec"]["containers"][0]["image"])
