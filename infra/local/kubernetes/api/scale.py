"""The scale subresource: the number of replicas and nothing else."""

from __future__ import annotations

from typing import Any

from infra.local.kubernetes.errors import bad_request

type Json = dict[str, Any]


def render(body: Json) -> Json:
    metadata = body["metadata"]
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    labels = (body["spec"].get("selector") or {}).get("matchLabels") or {}
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: metadata[name] for name in kept if name in metadata},
        "spec": {"replicas": body["spec"]["replicas"]},
        "status": {
            "replicas": body.get("status", {}).get("replicas", 0),
            "selector": ",".join(f"{name}={value}" for name, value in labels.items()),
        },
    }


def scaled(live: Json, wanted: Json) -> Json:
    """The object with the replicas that this Scale asks for."""
    spec = wanted.get("spec") or {}
    if not isinstance(spec, dict) or "replicas" not in spec:
        raise bad_request("a Scale has spec.replicas")
    version = (wanted.get("metadata") or {}).get("resourceVersion")
    metadata = {**live["metadata"], **({"resourceVersion": version} if version else {})}
    return {**live, "metadata": metadata, "spec": {**live["spec"], "replicas": spec["replicas"]}}
