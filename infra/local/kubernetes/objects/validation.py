"""What the API server refuses as invalid, each field with its reason."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any

from infra.local.kubernetes.errors import Cause, invalid
from infra.local.kubernetes.objects import flux_validation, workload_validation
from infra.local.kubernetes.objects.causes import bad, required
from infra.local.kubernetes.resources import Resource

type Json = dict[str, Any]

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LABEL_KEY = re.compile(r"([a-z0-9.-]+/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_CONFIG_KEY = re.compile(r"[-._a-zA-Z0-9]+")


def validate(resource: Resource, before: Json | None, after: Json) -> None:
    """Raises 422 with every cause."""
    causes = _metadata(resource, after["metadata"])
    found = _BY_KIND.get(resource.kind)
    if found is not None:
        causes += found(before, after)
    if causes:
        raise invalid(resource, after["metadata"].get("name", ""), causes)


def _metadata(resource: Resource, metadata: Json) -> list[Cause]:
    causes = []
    name = metadata.get("name")
    if not name:
        causes.append(required("metadata.name", "name or generateName is required"))
    elif resource.kind in ("Namespace", "Service"):
        if not _LABEL.fullmatch(name) or len(name) > 63:
            causes.append(
                bad(
                    "metadata.name",
                    name,
                    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
                    "and must start and end with an alphanumeric character",
                )
            )
    elif not _SUBDOMAIN.fullmatch(name) or len(name) > 253:
        causes.append(
            bad(
                "metadata.name",
                name,
                "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
                "'.', and must start and end with an alphanumeric character",
            )
        )
    causes += _labels("metadata.labels", metadata.get("labels") or {})
    for key, value in (metadata.get("annotations") or {}).items():
        if not isinstance(value, str):
            causes.append(bad(f"metadata.annotations.{key}", value, "must be a string"))
    return causes


def _labels(field: str, labels: Json) -> list[Cause]:
    causes = []
    for key, value in labels.items():
        if not _LABEL_KEY.fullmatch(key):
            causes.append(
                bad(field, key, "name part must consist of alphanumeric characters, '-', '_' or '.'")
            )
        if not isinstance(value, str) or not _LABEL_VALUE.fullmatch(value):
            causes.append(
                bad(
                    field,
                    value,
                    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' "
                    "or '.', and must start and end with an alphanumeric character",
                )
            )
    return causes


def _config_map(before: Json | None, after: Json) -> list[Cause]:
    causes = []
    for key, value in (after.get("data") or {}).items():
        if not _CONFIG_KEY.fullmatch(key):
            causes.append(
                bad(f"data[{key}]", key, "a valid config key must consist of alphanumeric characters")
            )
        if not isinstance(value, str):
            causes.append(bad(f"data[{key}]", value, "must be a string"))
    return causes + _immutable_data(before, after)


def _secret(before: Json | None, after: Json) -> list[Cause]:
    causes = []
    for key, value in (after.get("data") or {}).items():
        try:
            base64.b64decode(value, validate=True)
        except (TypeError, ValueError, binascii.Error):
            causes.append(bad(f"data[{key}]", "<hidden>", "must be base64"))
    if before is not None and before.get("type") != after.get("type"):
        causes.append(bad("type", after.get("type"), "field is immutable"))
    return causes + _immutable_data(before, after)


def _immutable_data(before: Json | None, after: Json) -> list[Cause]:
    if before is None or not before.get("immutable"):
        return []
    same = all(before.get(name) == after.get(name) for name in ("data", "binaryData"))
    if not same:
        return [Cause("data", "FieldValueForbidden", "Forbidden: field is immutable when `immutable` is set")]
    if not after.get("immutable"):
        return [
            Cause("immutable", "FieldValueForbidden", "Forbidden: field is immutable when `immutable` is set")
        ]
    return []


_BY_KIND: dict[str, Callable[[Json | None, Json], list[Cause]]] = {
    "ConfigMap": _config_map,
    "Secret": _secret,
    "Service": workload_validation.service,
    "Deployment": workload_validation.deployment,
    "ReplicaSet": workload_validation.replica_set,
    "Pod": workload_validation.pod,
    "HTTPRoute": workload_validation.http_route,
    "GitRepository": flux_validation.git_repository,
    "Kustomization": flux_validation.kustomization,
}
