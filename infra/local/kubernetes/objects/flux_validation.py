"""What Flux's custom resource definitions ask of a source and a kustomization."""

from __future__ import annotations

import re
from typing import Any

from infra.local.kubernetes.durations import seconds
from infra.local.kubernetes.errors import Cause
from infra.local.kubernetes.objects.causes import bad, required, unsupported

type Json = dict[str, Any]

_URL = re.compile(r"(https?|ssh|file)://.*")


def git_repository(before: Json | None, after: Json) -> list[Cause]:
    spec = after.get("spec") or {}
    causes = _durations(spec, "interval", "timeout")
    url = spec.get("url")
    if not url:
        causes.append(required("spec.url"))
    elif not isinstance(url, str) or not _URL.fullmatch(url):
        causes.append(bad("spec.url", url, "spec.url in body should match '^(http|https|ssh)://.*$'"))
    if "secretRef" in spec and not (spec["secretRef"] or {}).get("name"):
        causes.append(required("spec.secretRef.name"))
    return causes


def kustomization(before: Json | None, after: Json) -> list[Cause]:
    spec = after.get("spec") or {}
    causes = _durations(spec, "interval", "retryInterval", "timeout")
    if not isinstance(spec.get("prune"), bool):
        causes.append(required("spec.prune"))
    source = spec.get("sourceRef") or {}
    if not source.get("name"):
        causes.append(required("spec.sourceRef.name"))
    if source.get("kind") != "GitRepository":
        causes.append(unsupported("spec.sourceRef.kind", source.get("kind"), "GitRepository"))
    for name in ("postBuild", "decryption", "kubeConfig"):
        if name in spec:
            causes.append(
                Cause(f"spec.{name}", "FieldValueForbidden", "Forbidden: this server does not support it")
            )
    return causes


def _durations(spec: Json, *names: str) -> list[Cause]:
    causes = []
    for name in names:
        if name not in spec:
            if name == "interval":
                causes.append(required("spec.interval"))
        elif seconds(spec[name]) is None:
            causes.append(bad(f"spec.{name}", spec[name], "should match '^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$'"))
    return causes
