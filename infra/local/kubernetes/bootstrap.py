"""What `flux bootstrap` does for an environment: its namespace, its source and its kustomization."""

from __future__ import annotations

from typing import Any

import aiohttp

from infra.local.kubernetes.resources import (
    GIT_REPOSITORY,
    KUSTOMIZATION,
    NAMESPACE,
    SECRET,
    Resource,
)

type Json = dict[str, Any]

MANAGER = "flux-bootstrap"
SOURCE = "gitops"
_LOGIN = "gitops-login"


async def connect_environment(
    api_url: str,
    token: str,
    *,
    namespace: str,
    git_url: str,
    git_username: str,
    git_password: str,
    branch: str,
    path: str,
    interval: str,
    timeout: str = "5m",
    wait: bool = True,
) -> None:
    """Everything lives in the environment's own namespace; a repeat changes nothing. Raises on a refusal."""
    secret = {"stringData": {"username": git_username, "password": git_password}}
    source = {
        "url": git_url,
        "interval": interval,
        "ref": {"branch": branch},
        "secretRef": {"name": _LOGIN},
    }
    kustomization = {
        "interval": interval,
        "path": path,
        "prune": True,
        "wait": wait,
        "timeout": timeout,
        "targetNamespace": namespace,
        "sourceRef": {"kind": "GitRepository", "name": SOURCE},
    }
    objects: list[tuple[Resource, str, str, Json]] = [
        (NAMESPACE, "", namespace, {}),
        (SECRET, namespace, _LOGIN, secret),
        (GIT_REPOSITORY, namespace, SOURCE, {"spec": source}),
        (KUSTOMIZATION, namespace, namespace, {"spec": kustomization}),
    ]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/apply-patch+yaml"}
    async with aiohttp.ClientSession(headers=headers, raise_for_status=True) as http:
        for resource, home, name, body in objects:
            metadata = {"name": name, **({"namespace": home} if home else {})}
            whole = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata, **body}
            url = f"{api_url}{resource.path(home, name)}?fieldManager={MANAGER}&force=true"
            # The content type says YAML, of which JSON is a part.
            async with http.patch(url, json=whole):
                pass
