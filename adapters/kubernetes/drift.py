"""What runs otherwise than it should: asked of the API server, which knows what would come of applying it."""

from collections.abc import Mapping, Sequence
from typing import Any

from adapters.kubernetes.client import ClusterCall, Json, Refused, part
from adapters.kubernetes.differences import sentence
from adapters.kubernetes.objects import resource_of
from domain.kernel.errors import require
from domain.provided import ProvidedDrift, ProvidedResource

_IF_NOT_PRESENT = ("IfNotPresent", "Ignore")


async def find_drift(
    call: ClusterCall,
    desired: Sequence[Mapping[str, Any]],
    *,
    namespace: str,
    manager: str,
    labels: Mapping[str, str],
) -> tuple[ProvidedDrift, ...]:
    """`manager` is the field manager that applied the objects, `labels` those that it adds to each.

    Raises `Rejected` for an object of another namespace: it would be another environment's.
    """
    resources = [resource_of(wanted, namespace) for wanted in desired]
    found = []
    for resource, wanted in zip(resources, desired, strict=True):
        drift = await _of_one(call, resource, wanted, namespace, manager, labels)
        if drift is not None:
            found.append(drift)
        # Each object may take as long as the first.
        call.renew()
    return tuple(found)


async def _of_one(
    call: ClusterCall,
    resource: ProvidedResource,
    wanted: Mapping[str, Any],
    namespace: str,
    manager: str,
    labels: Mapping[str, str],
) -> ProvidedDrift | None:
    kind = await call.kind(resource.api_version, resource.kind)
    if kind is None:
        return ProvidedDrift(resource, f"is gone: the cluster knows no {resource.kind} any more")
    if not kind.namespaced:
        resource = ProvidedResource(resource.api_version, resource.kind, "", resource.name)
    elif resource.namespace != namespace:
        named = f"{resource.kind} {resource.name}"
        require(False, f"{named} is of namespace {resource.namespace}, not of this environment's {namespace}")
    path = kind.path(resource.namespace, resource.name)
    live = await call.get(path)
    if live is None:
        return ProvidedDrift(resource, "is gone")
    if part(live, "metadata").get("deletionTimestamp"):
        return ProvidedDrift(resource, "is being deleted")
    annotations = part(wanted, "metadata", "annotations")
    if annotations.get("kustomize.toolkit.fluxcd.io/ssa") in _IF_NOT_PRESENT:
        return None
    try:
        applied = await call.apply(path, _as_applied(wanted, resource, labels), manager=manager, dry_run=True)
    except Refused as error:
        # A malformed object is the caller's fault, one that only can't follow the live one is drift.
        if error.status != 422:
            raise
        return ProvidedDrift(resource, f"can't become what it should be: {error.sentence}")
    if applied is None:
        return ProvidedDrift(resource, "is gone")
    change = sentence(live, applied)
    return ProvidedDrift(resource, change) if change is not None else None


def _as_applied(wanted: Mapping[str, Any], resource: ProvidedResource, labels: Mapping[str, str]) -> Json:
    metadata = dict(part(dict(wanted), "metadata"))
    metadata["labels"] = {**part(metadata, "labels"), **labels}
    if resource.namespace:
        metadata["namespace"] = resource.namespace
    return {**wanted, "metadata": metadata}
