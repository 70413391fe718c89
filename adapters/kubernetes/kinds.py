"""How the API server names kinds and objects in its paths."""

import re
from dataclasses import dataclass
from typing import Any

# What may stand in a path. Names of objects are stricter but for those of access control, which have colons.
_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._-]{0,252}")


@dataclass(frozen=True)
class Kind:
    """One kind as a cluster serves it."""

    api_version: str
    plural: str
    namespaced: bool

    def path(self, namespace: str, name: str = "") -> str:
        """The path of an object, or without a name that of the collection."""
        root = "/apis/" if "/" in self.api_version else "/api/"
        scope = f"/namespaces/{_segment(namespace)}" if self.namespaced else ""
        return f"{root}{self.api_version}{scope}/{self.plural}" + (f"/{_segment(name)}" if name else "")


DEPLOYMENT = Kind("apps/v1", "deployments", namespaced=True)
POD = Kind("v1", "pods", namespaced=True)
GIT_REPOSITORY = Kind("source.toolkit.fluxcd.io/v1", "gitrepositories", namespaced=True)
KUSTOMIZATION = Kind("kustomize.toolkit.fluxcd.io/v1", "kustomizations", namespaced=True)
APPLICATION = Kind("argoproj.io/v1alpha1", "applications", namespaced=True)


def is_name(name: str) -> bool:
    """Whether an object could have it."""
    return _SEGMENT.fullmatch(name) is not None


def is_api_version(written: str) -> bool:
    """`v1` or `group/v1`."""
    parts = written.split("/")
    return len(parts) <= 2 and all(is_name(part) for part in parts)


def kind_of(group: Any, api_version: str, kind: str) -> Kind | None:
    """The kind in the discovery document of its group and version."""
    resources = group.get("resources") if isinstance(group, dict) else None
    for resource in resources if isinstance(resources, list) else []:
        name = str(resource.get("name"))
        # With a slash it is a part of another, as its status.
        if resource.get("kind") == kind and "/" not in name:
            return Kind(api_version, name, resource.get("namespaced") is True)
    return None


def _segment(name: str) -> str:
    if not is_name(name):
        raise ValueError(f"{name!r} must not stand in a path")
    return name
