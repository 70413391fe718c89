"""Partition and row keys. Every key is injective: no two things share one, whatever their names hold."""

import hashlib
import re
from datetime import datetime, timedelta

from domain.kernel.aggregate import UniqueKey
from domain.kernel.work import Partition

# Table Storage refuses / \ # ? and control characters in keys, is unsafe with %, and ends them at 512.
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
_LONGEST = 200

BUCKET = timedelta(minutes=10)
REGISTRY = "registry"
"""A partition of its own: keys of a project always hold a `|`."""


def encoded(text: str) -> str:
    """Safe in a key: other characters as `~` and two hex digits a byte, over-long text as its digest."""

    def escape(match: re.Match[str]) -> str:
        return "".join(f"~{byte:02x}" for byte in match[0].encode("utf-8", "surrogatepass"))

    safe = _UNSAFE.sub(escape, text)
    return safe if len(safe) <= _LONGEST else f"~~{_digest(safe)}"


def partition_key(partition: Partition) -> str:
    return f"{encoded(partition.tenant_id)}|{encoded(partition.project_id)}"


def trace_key(tenant_id: str, trace_id: str) -> str:
    return f"{encoded(tenant_id)}|{encoded(trace_id)}"


def aggregate_row(kind: str, id: str) -> str:
    return f"aggregate|{kind}|{encoded(id)}"


def command_row(command_id: str) -> str:
    return f"command|{encoded(command_id)}"


def raw_row(command_id: str) -> str:
    return f"raw|{encoded(command_id)}"


def outbox_row(command_id: str) -> str:
    return f"outbox|{encoded(command_id)}"


def mark_row(name: str) -> str:
    return f"mark|{encoded(name)}"


def trace_row(partition: Partition, command_id: str) -> str:
    """A trace spans projects, and a command's id is its sender's to choose: unique within a project only."""
    return f"command|{_digest(partition_key(partition))[:16]}|{encoded(command_id)}"


def unique_row(key: UniqueKey) -> str:
    # The length before each part keeps ("a", "bc") and ("ab", "c") apart.
    return f"unique|{encoded(key.kind)}|{_digest(''.join(f'{len(part)}:{part}' for part in key.parts))}"


def known_partition_row(partition: Partition) -> str:
    return f"partition|{_digest(partition_key(partition))}"


def bucket_row(bucket: datetime, partition: Partition) -> str:
    """Sorts by time; the colons of an ISO time are left out."""
    return f"bucket|{bucket:%Y%m%dT%H%MZ}|{_digest(partition_key(partition))}"


def bucket_of(moment: datetime) -> datetime:
    """The start of the ten minutes that a moment lies in."""
    return moment - timedelta(seconds=moment.timestamp() % BUCKET.total_seconds())


def claim_name(partition: Partition, digest: str) -> str:
    """A blob's name. Without dots: a path segment that ends in one is changed on its way."""
    owner = partition_key(partition).replace(".", "~2e").replace("|", "/")
    return f"{owner}/{digest}"


def after_prefix(prefix: str) -> str:
    """The least key above all that start with `prefix`, for a range."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
