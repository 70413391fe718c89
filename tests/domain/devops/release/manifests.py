"""Manifests to arrange and to render: a service with its configuration, and what refers to what in it."""

from typing import Any

import yaml


def service(
    name: str = "api", image: str = "reservations-api:1.4.0", port: int = 8080
) -> list[dict[str, Any]]:
    """A ConfigMap, a Deployment that reads it, and a Service before that."""
    labels = {"app": name}
    container = {
        "name": name,
        "image": image,
        "envFrom": [{"configMapRef": {"name": f"{name}-config"}}],
        "ports": [{"containerPort": port}],
    }
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": f"{name}-config"},
            "data": {"GREETING": "hello"},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name},
            "spec": {"selector": labels, "ports": [{"port": port}]},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name},
            "spec": {"selector": {"matchLabels": labels}, "template": template},
        },
    ]


def an_object(kind: str, name: str, api_version: str = "v1", **more: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **more}


def dumped(*documents: dict[str, Any]) -> bytes:
    return str(yaml.safe_dump_all(documents)).encode()


def kustomization(*resources: str, **more: Any) -> bytes:
    return dumped({"resources": list(resources), **more})


def by_name(content: bytes) -> dict[tuple[str, str], dict[str, Any]]:
    """Kind and name -> object."""
    found = [one for one in yaml.safe_load_all(content) if one is not None]
    named = {(one["kind"], one["metadata"]["name"]): one for one in found}
    assert len(named) == len(found)
    return named


def images_of(content: bytes) -> list[str]:
    """Of the Deployments, in the order of their names."""
    return [
        container["image"]
        for (kind, _), one in sorted(by_name(content).items())
        if kind == "Deployment"
        for container in one["spec"]["template"]["spec"]["containers"]
    ]
