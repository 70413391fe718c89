"""Names at places that are shared by tenants and stricter than our identifiers."""

import hashlib
import re

from domain.kernel.work import Partition

# A path part as the OCI distribution specification has it.
_PART = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*")


def registry_prefix(partition: Partition) -> str:
    """What the names of a project's images begin with; no two projects share it."""
    return f"{_part(partition.tenant_id)}/{_part(partition.project_id)}/"


def image_repository(partition: Partition, name: str) -> str:
    """The repository of a project's image in the registry."""
    return registry_prefix(partition) + _part(name)


def _part(name: str) -> str:
    """The name where the grammar takes it; else what it takes of it, and a digest that keeps it apart."""
    # What ends in a digest is never taken as it is, or it could be made to look like another name's.
    if _PART.fullmatch(name) and not re.search(r"--[0-9a-f]{10}$", name):
        return name
    kept = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "x"
    return f"{kept}--{hashlib.sha256(name.encode()).hexdigest()[:10]}"


# A label as RFC 1123 has it, which is what Kubernetes takes for a namespace.
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")


def environment_namespace(partition: Partition, environment: str) -> str:
    """The namespace of a project's environment in a cluster; no two environments share it."""
    whole = f"{partition.tenant_id}|{partition.project_id}|{environment}"
    # The parts are joined by dashes, which they may hold: only the digest tells them apart.
    digest = hashlib.sha256(whole.encode()).hexdigest()[:10]
    readable = re.sub(r"[^a-z0-9]+", "-", f"{partition.project_id}-{environment}".lower()).strip("-")
    return f"{readable[:50].strip('-')}-{digest}"


def dns_label(name: str) -> str:
    """The name as a Kubernetes object can have it; a digest keeps apart what would become the same."""
    if _LABEL.fullmatch(name) and len(name) <= 40 and not re.search(r"-[0-9a-f]{10}$", name):
        return name
    readable = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:29].strip("-") or "x"
    return f"{readable}-{hashlib.sha256(name.encode()).hexdigest()[:10]}"
