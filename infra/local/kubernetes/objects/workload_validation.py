"""What a deployment, a pod, a service and a route must look like."""

from __future__ import annotations

import re
from typing import Any

from infra.local.kubernetes.errors import Cause
from infra.local.kubernetes.objects.causes import bad, required, unsupported

type Json = dict[str, Any]

_PERCENT = re.compile(r"\d+%")
_CONTAINER_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def deployment(before: Json | None, after: Json) -> list[Cause]:
    spec = after["spec"]
    causes = replica_set(before, after)
    strategy = spec["strategy"]
    if strategy.get("type") not in ("RollingUpdate", "Recreate"):
        causes.append(unsupported("spec.strategy.type", strategy.get("type"), "Recreate", "RollingUpdate"))
    for name, value in (strategy.get("rollingUpdate") or {}).items():
        if not (_is_count(value) or (isinstance(value, str) and _PERCENT.fullmatch(value))):
            causes.append(
                bad(
                    f"spec.strategy.rollingUpdate.{name}",
                    value,
                    "must be an integer or a percentage (e.g '5%')",
                )
            )
    return causes


def replica_set(before: Json | None, after: Json) -> list[Cause]:
    spec = after["spec"]
    causes = []
    if not _is_count(spec.get("replicas")):
        causes.append(bad("spec.replicas", spec.get("replicas"), "must be greater than or equal to 0"))
    for name in ("progressDeadlineSeconds", "revisionHistoryLimit", "minReadySeconds"):
        if name in spec and not _is_count(spec[name]):
            causes.append(bad(f"spec.{name}", spec[name], "must be greater than or equal to 0"))
    selector = spec.get("selector") or {}
    labels = (spec["template"].get("metadata") or {}).get("labels") or {}
    wanted = selector.get("matchLabels") or {}
    if not wanted and not selector.get("matchExpressions"):
        causes.append(required("spec.selector"))
    elif any(labels.get(name) != value for name, value in wanted.items()):
        causes.append(
            bad("spec.template.metadata.labels", labels, "`selector` does not match template `labels`")
        )
    if before is not None and before["spec"].get("selector") != spec.get("selector"):
        causes.append(bad("spec.selector", spec.get("selector"), "field is immutable"))
    return causes + _pod_spec("spec.template.spec", spec["template"].get("spec") or {})


def pod(before: Json | None, after: Json) -> list[Cause]:
    return _pod_spec("spec", after["spec"])


def _pod_spec(field: str, spec: Json) -> list[Cause]:
    containers = spec.get("containers")
    if not isinstance(containers, list) or not containers:
        return [required(f"{field}.containers")]
    causes, names = [], set()
    for index, container in enumerate(containers):
        here = f"{field}.containers[{index}]"
        name = container.get("name")
        if not name:
            causes.append(required(f"{here}.name"))
        elif not _CONTAINER_NAME.fullmatch(name):
            causes.append(bad(f"{here}.name", name, "a lowercase RFC 1123 label is required"))
        elif name in names:
            causes.append(Cause(f"{here}.name", "FieldValueDuplicate", f'Duplicate value: "{name}"'))
        names.add(name)
        if not container.get("image"):
            causes.append(required(f"{here}.image"))
        for number, port in enumerate(container.get("ports") or []):
            causes += _port(f"{here}.ports[{number}].containerPort", port.get("containerPort"))
        for number, variable in enumerate(container.get("env") or []):
            if not variable.get("name"):
                causes.append(required(f"{here}.env[{number}].name"))
            elif not isinstance(variable.get("value", ""), str):
                causes.append(bad(f"{here}.env[{number}].value", variable["value"], "must be a string"))
    return causes


def service(before: Json | None, after: Json) -> list[Cause]:
    spec = after["spec"]
    causes = []
    if spec["type"] not in ("ClusterIP", "NodePort", "LoadBalancer", "ExternalName"):
        causes.append(
            unsupported("spec.type", spec["type"], "ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
        )
    ports = spec.get("ports") or []
    if not ports and spec["type"] != "ExternalName" and spec.get("clusterIP") != "None":
        causes.append(required("spec.ports"))
    for index, port in enumerate(ports):
        causes += _port(f"spec.ports[{index}].port", port.get("port"))
        if len(ports) > 1 and not port.get("name"):
            causes.append(required(f"spec.ports[{index}].name"))
    if before is not None and before["spec"].get("clusterIP") != spec.get("clusterIP"):
        causes.append(bad("spec.clusterIP", spec.get("clusterIP"), "field is immutable"))
    return causes


def http_route(before: Json | None, after: Json) -> list[Cause]:
    causes = []
    for number, rule in enumerate(after["spec"].get("rules") or []):
        for index, backend in enumerate(rule.get("backendRefs") or []):
            here = f"spec.rules[{number}].backendRefs[{index}]"
            weight = backend.get("weight")
            if not backend.get("name"):
                causes.append(required(f"{here}.name"))
            if not _is_count(weight) or weight > 1_000_000:
                causes.append(bad(f"{here}.weight", weight, "must be between 0 and 1000000"))
    return causes


def _port(field: str, value: Any) -> list[Cause]:
    if value is None:
        return [required(field)]
    if not isinstance(value, int) or not 1 <= value <= 65535:
        return [bad(field, value, "must be between 1 and 65535, inclusive")]
    return []


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
