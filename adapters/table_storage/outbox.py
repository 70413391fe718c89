"""The outbox: what is committed and not known to be published, found without scanning the table.

Before its first commit into a project in ten minutes a process writes a registry row, so whatever pends is
in a project that the registry names, no matter which process crashed when.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from adapters.table_storage.keys import (
    BUCKET,
    REGISTRY,
    bucket_of,
    bucket_row,
    known_partition_row,
    outbox_row,
    partition_key,
)
from adapters.table_storage.rows import Row
from adapters.table_storage.table import Entity, Table
from domain.kernel.work import Partition

log = logging.getLogger(__name__)

# No commit takes this long after it was registered: it registers again before each of its tries.
LONG_CLOSED = timedelta(minutes=15)


@dataclass
class _Registered:
    """What this process has written about a project."""

    known: bool = False
    bucket: datetime | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True)
class Pending:
    """One outbox row."""

    partition: Partition
    command_id: str
    committed_at: datetime


class Outbox:
    """Outbox rows, and the registry of the projects that may hold some."""

    def __init__(self, table: Table, now: Callable[[], datetime]) -> None:
        self._table, self._now = table, now
        self._registered: dict[Partition, _Registered] = {}

    async def register(self, partition: Partition, *, pending: bool) -> None:
        """Before a commit: one write per process, project and ten minutes, else nothing."""
        mine = self._registered.setdefault(partition, _Registered())
        bucket = bucket_of(self._now())
        if mine.known and (mine.bucket == bucket or not pending):
            return
        async with mine.lock:
            rows = []
            whose = {"tenantId": partition.tenant_id, "projectId": partition.project_id}
            if not mine.known:
                rows.append(Row(REGISTRY, known_partition_row(partition), whose))
            if pending and mine.bucket != bucket:
                about = {**whose, "bucket": bucket.isoformat()}
                rows.append(Row(REGISTRY, bucket_row(bucket, partition), about))
            if not rows:
                return
            await self._table.put(rows)
            mine.known = True
            if pending:
                mine.bucket = bucket

    async def is_pending(self, partition: Partition, command_id: str) -> bool:
        row = await self._table.get(partition_key(partition), outbox_row(command_id), "RowKey")
        return row is not None

    async def remove(self, partition: Partition, command_id: str) -> None:
        await self._table.delete(partition_key(partition), outbox_row(command_id))

    async def pending(self, committed_before: datetime) -> AsyncIterator[Pending]:
        """Outbox rows older than that: projects in the order of the registry, each one's oldest first."""
        closed_before = self._now() - LONG_CLOSED - BUCKET
        registry: dict[Partition, list[Entity]] = {}
        async for row in self._table.range(REGISTRY, "bucket|"):
            registry.setdefault(_partition(row), []).append(row)
        for partition, rows in registry.items():
            waiting = [
                Pending(partition, row["commandId"], datetime.fromisoformat(row["committedAt"]))
                async for row in self._table.range(partition_key(partition), "outbox|")
            ]
            if not waiting:
                for row in rows:
                    if datetime.fromisoformat(row["bucket"]) < closed_before:
                        await self._table.delete(REGISTRY, row["RowKey"])
            for one in sorted(waiting, key=lambda one: one.committed_at):
                if one.committed_at < committed_before:
                    yield one

    async def partitions(self) -> AsyncIterator[Partition]:
        async for row in self._table.range(REGISTRY, "partition|"):
            yield _partition(row)


def _partition(row: Entity) -> Partition:
    return Partition(row["tenantId"], row["projectId"])
