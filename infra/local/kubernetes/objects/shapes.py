"""Which fields are maps and which are lists of maps; anything else there could not even be decoded."""

from __future__ import annotations

from typing import Any

from infra.local.kubernetes.errors import StatusError
from infra.local.kubernetes.resources import Resource

_FLAT_MAPS = frozenset(
    {"labels", "annotations", "matchLabels", "data", "binaryData", "stringData", "nodeSelector"}
)
_MAPS = frozenset(
    {
        *("metadata", "spec", "status", "template", "strategy", "rollingUpdate", "selector", "resources"),
        *("securityContext", "sourceRef", "secretRef", "ref", "path"),
    }
)
_LISTS = frozenset(
    {
        *("containers", "initContainers", "ports", "env", "volumes", "volumeMounts", "imagePullSecrets"),
        *("ownerReferences", "managedFields", "conditions", "matchExpressions", "hostAliases"),
        *("topologySpreadConstraints", "rules", "matches", "backendRefs", "dependsOn", "healthChecks"),
    }
)
_OPAQUE = frozenset({"managedFields", "conditions"})


def check_shape(resource: Resource, body: dict[str, Any]) -> None:
    """Raises 400 with the path of the first field that is not what it must be."""
    _check(resource, body, "")


def _check(resource: Resource, node: dict[str, Any], path: str) -> None:
    for name, value in node.items():
        here = f"{path}.{name}" if path else name
        if value is None:
            continue
        if name in _FLAT_MAPS or (name in _MAPS and not _is_text(resource, here)):
            if not isinstance(value, dict):
                raise _undecodable(resource, here, value, "object")
            if name in _MAPS:
                _check(resource, value, here)
        elif name in _LISTS:
            if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
                raise _undecodable(resource, here, value, "list of objects")
            for item in value if name not in _OPAQUE else ():
                _check(resource, item, here)


def _is_text(resource: Resource, path: str) -> bool:
    """A kustomization's path is a folder, a route's an object."""
    return path.endswith("path") and not path.startswith("spec.rules.matches")


def _undecodable(resource: Resource, path: str, value: Any, wanted: str) -> StatusError:
    return StatusError(
        400,
        "BadRequest",
        f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: '
        f"json: cannot unmarshal {type(value).__name__} into the field {path} of type {wanted}",
    )
