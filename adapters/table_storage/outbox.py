"""The outbox: what is committed and not known to be published, found without scanning the table.

Before its first commit into a project in ten minutes a process writes a registry row, so whatever pends is
in a project that the registry names, no matter which process crashed when.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
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


class _Registered:
    """What this process has written about a project."""

    def __init__(self) -> None:
        self.known = False
        self.bucket: datetime | None = None
        self.lock = asyncio.Lock()


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

    async def pending(self, committed_before: datetime) -> AsyncIterator[tuple[Partition, str]]:
        """Outbox rows older than that, each project's oldest first, projects in the order of the registry."""
        closed_before = self._now() - LONG_CLOSED - BUCKET
        registry: dict[Partition, list[Entity]] = {}
        async for row in self._table.range(REGISTRY, "bucket|"):
            registry.setdefault(_partition(row), []).append(row)
        for partition, rows in registry.items():
            waiting = [
                (datetime.fromisoformat(row["committedAt"]), str(row["commandId"]))
                async for row in self._table.range(partition_key(partition), "outbox|")
            ]
            if not waiting:
                for row in rows:
                    if datetime.fromisoformat(row["bucket"]) < closed_before:
                        await self._table.delete(REGISTRY, row["RowKey"])
            for committed_at, command_id in sorted(waiting):
                if committed_at < committed_before:
                    yield partition, command_id

    async def partitions(self) -> AsyncIterator[Partition]:
        async for row in self._table.range(REGISTRY, "partition|"):
            yield _partition(row)


def _partition(row: Entity) -> Partition:
    return Partition(row["tenantId"], row["projectId"])
