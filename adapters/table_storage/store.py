"""The `Store` port on Azure Table Storage; counterpart: `adapters/memory/store.py`.

Table `platform`: a partition a project, in it `aggregate|`, `command|`, `raw|`, `unique|`, `outbox|` and
`mark|` rows; a partition `registry` names the projects. Table `traces`: a partition a trace.
"""

import json
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, override

from adapters.codec import journal_from_json, last_id_of, page_token
from adapters.table_storage.claim_check import ClaimCheck
from adapters.table_storage.clients import Account, Clients, OnRequest
from adapters.table_storage.commit import Committer, rows_of
from adapters.table_storage.errors import DamagedClaim
from adapters.table_storage.keys import (
    REGISTRY,
    aggregate_row,
    command_row,
    mark_row,
    partition_key,
    raw_row,
    unique_row,
)
from adapters.table_storage.outbox import Outbox
from adapters.table_storage.rows import Row
from adapters.table_storage.table import Entity, Table
from adapters.table_storage.traces import Traces
from domain.kernel.aggregate import Aggregate, UniqueKey
from domain.kernel.journal import Committed, Journal, Page, TraceNode, Transaction
from domain.kernel.work import Loaded, Partition
from domain.ports import Store

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

log = logging.getLogger(__name__)


class TableStorageStore(Store):
    """One per process. Tables and the container are made when first missed, the clients when first used.

    Give a connection string, or `table_url`, `blob_url` and a `credential` of an identity that may use them.
    `now` dates outbox rows; `on_request` hears of every HTTP request (method, URL).
    """

    def __init__(
        self,
        connection_string: str | None = None,
        *,
        table_url: str | None = None,
        blob_url: str | None = None,
        credential: "AsyncTokenCredential | None" = None,
        table: str = "platform",
        trace_table: str = "traces",
        container: str = "platform-claims",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        on_request: OnRequest | None = None,
    ) -> None:
        account = Account(connection_string, table_url, blob_url, credential)
        self._now = now
        self._clients = Clients(account, on_request)
        self._table = Table(self._clients, table)
        self._claims = ClaimCheck(self._clients, container)
        self._outbox = Outbox(self._table, now)
        self._traces = Traces(Table(self._clients, trace_table), self._claims)
        self._committer = Committer(self._table, self._outbox)

    async def close(self) -> None:
        """Give the connections back."""
        await self._clients.close()

    @override
    async def load[A: Aggregate](self, partition: Partition, kind: type[A], id: str) -> Loaded[A] | None:
        row = await self._table.get(partition_key(partition), aggregate_row(kind.kind, id))
        return None if row is None else await self._loaded(kind, row)

    @override
    async def lookup(self, partition: Partition, key: UniqueKey) -> str | None:
        row = await self._table.get(partition_key(partition), unique_row(key), "aggregateId")
        return None if row is None else str(row["aggregateId"])

    @override
    async def commit(self, transaction: Transaction) -> Committed:
        return await self._commit(transaction, None)

    @override
    async def receive(self, journal: Journal, raw: str) -> Committed:
        return await self._commit(Transaction(journal, ()), raw)

    async def _commit(self, transaction: Transaction, raw: str | None) -> Committed:
        journal = transaction.journal
        rows = rows_of(transaction, raw, self._now())
        await self._claims.move_out(journal.partition, rows)
        earlier = await self._committer.submit(journal, rows)
        if earlier is None:
            return Committed(journal, repeated=False)
        found = await self._journal(journal.partition, journal.outcome.command_id, earlier)
        return Committed(found, repeated=True)

    @override
    async def handled(self, partition: Partition, command_id: str) -> Journal | None:
        row = await self._table.get(partition_key(partition), command_row(command_id))
        return None if row is None else await self._journal(partition, command_id, row)

    async def raw(self, partition: Partition, command_id: str) -> str | None:
        """What `receive` took in, as it came."""
        row = await self._table.get(partition_key(partition), raw_row(command_id))
        return None if row is None else str(json.loads(await self._claims.text(row, "raw")))

    @override
    async def settle(self, journal: Journal) -> None:
        await self._traces.add(journal)
        await self._outbox.remove(journal.partition, journal.outcome.command_id)

    @override
    async def unpublished(self, committed_before: datetime) -> AsyncIterator[Journal]:
        async for partition, command_id in self._outbox.pending(committed_before):
            row = await self._table.get(partition_key(partition), command_row(command_id))
            if row is None:
                log.error("%s has an outbox row and no journal row", command_id)
                continue
            try:
                journal = await self._journal(partition, command_id, row, pending=True)
            except DamagedClaim as damaged:
                # One that can't be read must not keep the others back for ever.
                log.error("%s can't be published: %s", command_id, damaged)
                continue
            yield journal

    @override
    async def page[A: Aggregate](
        self, partition: Partition, kind: type[A], size: int, after: str | None = None
    ) -> Page[A]:
        above = None
        if after is not None:
            above = aggregate_row(kind.kind, last_id_of(after, partition, kind.kind))
        prefix = aggregate_row(kind.kind, "")
        # One more than asked for tells whether there is a next page.
        found = self._table.range(partition_key(partition), prefix, above=above, most=size + 1)
        rows = [row async for row in found]
        items = tuple([await self._loaded(kind, row) for row in rows[:size]])
        more = len(rows) > size
        return Page(items, page_token(partition, kind.kind, rows[size - 1]["id"]) if more else None)

    @override
    async def trace(self, tenant_id: str, trace_id: str) -> Sequence[TraceNode]:
        return await self._traces.of(tenant_id, trace_id)

    @override
    async def mark(self, partition: Partition, name: str) -> datetime | None:
        row = await self._table.get(partition_key(partition), mark_row(name), "moment")
        return None if row is None else datetime.fromisoformat(row["moment"])

    @override
    async def set_mark(self, partition: Partition, name: str, moment: datetime) -> None:
        row = Row(partition_key(partition), mark_row(name), {"moment": moment.isoformat()})
        await self._table.put([row])

    @override
    async def partitions(self) -> AsyncIterator[Partition]:
        async for partition in self._outbox.partitions():
            yield partition

    @override
    async def ping(self) -> None:
        await self._table.get(REGISTRY, "ping", "RowKey")

    async def _loaded[A: Aggregate](self, kind: type[A], row: Entity) -> Loaded[A]:
        state = await self._claims.text(row, "state")
        etag: str = row.metadata["etag"]  # type: ignore[attr-defined]
        return Loaded(kind.restore(state, row["schemaVersion"], row["version"]), etag)

    async def _journal(
        self, partition: Partition, command_id: str, row: Entity, *, pending: bool | None = None
    ) -> Journal:
        text = await self._claims.text(row, "journal")
        if pending is None:
            pending = await self._outbox.is_pending(partition, command_id)
        return journal_from_json(text, partition, pending=pending)
