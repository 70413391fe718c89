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
