"""Names of stored blobs. Injective: no two projects, and no two names of one, ever share a blob."""

import hashlib
import re

from adapters.table_storage.keys import encoded, partition_key
from domain.kernel.work import Partition

# Blob Storage ends a name at 1,024 characters, and a project's prefix takes up to 400 of them.
_LONGEST = 600
_SEGMENT = re.compile(r"[A-Za-z0-9._~-]*[A-Za-z0-9_~-]")


def blob_prefix(partition: Partition) -> str:
    """What the names of a project's blobs begin with, and nobody else's."""
    # Without dots: a path segment that ends in one is changed on its way.
    return partition_key(partition).replace(".", "~2e").replace("|", "/") + "/"


def blob_name(partition: Partition, name: str) -> str:
    """The blob of a name, whose slashes stay; over-long names become their digest."""
    safe = "/".join(_segment(part) for part in name.split("/"))
    if len(safe) > _LONGEST:
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
        safe = f"~~~{digest}"
    return blob_prefix(partition) + safe


def is_of(partition: Partition, blob: str) -> bool:
    """Whether a blob is the project's. What `blob_name` never gives, such as `..`, is nobody's."""
    well_formed = all(_SEGMENT.fullmatch(part) for part in blob.split("/"))
    return well_formed and blob.startswith(blob_prefix(partition))


def _segment(part: str) -> str:
    safe = encoded(part)
    stem = safe.rstrip(".")
    # An empty segment would be folded into its neighbour, and so would `.` and `..`.
    return stem + "~2e" * (len(safe) - len(stem)) or "~"
