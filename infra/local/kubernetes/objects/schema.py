"""Which lists are merged by key, which are sets, and which values are replaced as a whole."""

from __future__ import annotations

from infra.local.kubernetes.resources import Resource

type Names = tuple[str, ...]
"""Field names from the object's root; items of lists add none."""

_KEYS: dict[Names, Names] = {
    ("spec", "containers"): ("name",),
    ("spec", "initContainers"): ("name",),
    ("spec", "volumes"): ("name",),
    ("spec", "imagePullSecrets"): ("name",),
    ("spec", "hostAliases"): ("ip",),
    ("spec", "topologySpreadConstraints"): ("topologyKey", "whenUnsatisfiable"),
    ("containers", "ports"): ("containerPort", "protocol"),
    ("containers", "env"): ("name",),
    ("containers", "volumeMounts"): ("mountPath",),
    ("initContainers", "ports"): ("containerPort", "protocol"),
    ("initContainers", "env"): ("name",),
    ("initContainers", "volumeMounts"): ("mountPath",),
    ("spec", "ports"): ("port", "protocol"),
    ("status", "conditions"): ("type",),
}
_METADATA_KEYS: dict[Names, Names] = {("metadata", "ownerReferences"): ("uid",)}
_SETS = frozenset({("metadata", "finalizers")})
_ATOMIC_MAPS = frozenset(
    {
        ("spec", "selector"),
        ("spec", "nodeSelector"),
        ("valueFrom", "configMapKeyRef"),
        ("valueFrom", "secretKeyRef"),
        ("valueFrom", "fieldRef"),
    }
)
KEY_DEFAULTS = {"protocol": "TCP"}


def list_keys(resource: Resource, names: Names) -> Names:
    """The fields that identify an item; none for a list that is replaced as a whole."""
    found = _METADATA_KEYS.get(names, ())
    return found or (_KEYS.get(names[-2:], ()) if resource.builtin else ())


def is_set(names: Names) -> bool:
    return names in _SETS


def is_atomic_map(resource: Resource, names: Names) -> bool:
    return resource.builtin and resource.kind != "Service" and names[-2:] in _ATOMIC_MAPS
