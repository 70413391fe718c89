"""A command's transaction: its rows, and how its outcome is established whatever the network does.

A failed request may have been carried out, so every failure is followed by a look at the command's own row:
it holds the attempt that wrote it. That row comes first in the transaction, because the service reports only
the first operation that fails, and a repeat must not be taken for a lost race.
"""

import asyncio
import logging
import uuid
from collections.abc import Sequence
from datetime import datetime

from adapters.codec import ascii_json, journal_to_json, to_json
from adapters.table_storage.errors import code_of, is_definite, status_of, unavailable
from adapters.table_storage.keys import (
    aggregate_row,
    command_row,
    outbox_row,
    partition_key,
    raw_row,
    unique_row,
)
from adapters.table_storage.outbox import Outbox
from adapters.table_storage.rows import Columns, Row
from adapters.table_storage.table import DEPENDENCY, Entity, Table
from domain.kernel.errors import Conflict, Rejected, Unavailable
from domain.kernel.journal import Journal, Transaction
from domain.kernel.work import Record

log = logging.getLogger(__name__)

TRIES = 4
PAUSE_SECONDS = 0.1


def rows_of(transaction: Transaction, raw: str | None, committed_at: datetime) -> list[Row]:
    """The rows in their order. Raises `Rejected` where it claims one name twice."""
    journal = transaction.journal
    key, outcome = partition_key(journal.partition), journal.outcome
    about = {
        "attempt": uuid.uuid4().hex,
        "command": outcome.command,
        "outcome": "accepted" if outcome.rejection is None else "rejected",
        "committedAt": committed_at.isoformat(),
    }
    rows = [Row(key, command_row(outcome.command_id), about, {"journal": journal_to_json(journal)})]
    rows += [_aggregate(key, record) for record in transaction.records]
    names: dict[str, Row] = {}
    for record in transaction.records:
        for unique in record.unique_keys:
            taken = Rejected(unique.sentence)
            row = Row(key, unique_row(unique), {"aggregateId": record.id}, taken=taken)
            if row.row_key in names:
                raise taken
            names[row.row_key] = row
    rows += names.values()
    if raw is not None:
        rows.append(Row(key, raw_row(outcome.command_id), {}, {"raw": to_json(raw)}))
    if journal.pending:
        pending = {"commandId": outcome.command_id, "committedAt": committed_at.isoformat()}
        rows.append(Row(key, outbox_row(outcome.command_id), pending))
    return rows


def _aggregate(key: str, record: Record) -> Row:
    taken: Exception | None = None
    if record.etag is None:
        taken = Conflict(f"{record.kind} {record.id} exists already")
        if record.unique_keys:
            taken = Rejected(record.unique_keys[0].sentence)
    columns: Columns = {
        "kind": record.kind,
        "id": record.id,
        "version": record.version,
        "schemaVersion": record.schema_version,
    }
    texts = {"state": ascii_json(record.state)}
    return Row(key, aggregate_row(record.kind, record.id), columns, texts, etag=record.etag, taken=taken)


class Committer:
    """Submits the rows of one command until its outcome is known."""

    def __init__(self, table: Table, outbox: Outbox) -> None:
        self._table, self._outbox = table, outbox

    async def submit(self, journal: Journal, rows: Sequence[Row]) -> Entity | None:
        """None when these rows are written; the command's row where another attempt had written it before.

        Raises `Rejected`, `Conflict`, and `Unavailable` where the outcome could not be established.
        """
        failure: Exception = Unavailable(DEPENDENCY, "no try was made")
        for tried in range(TRIES):
            if tried:
                await asyncio.sleep(PAUSE_SECONDS * 2**tried)
            await self._outbox.register(journal.partition, pending=journal.pending)
            try:
                await self._table.write(rows)
                return None
            except Exception as error:
                failure = error
            row = await self._table.get(rows[0].partition_key, rows[0].row_key)
            if row is not None:
                return None if row["attempt"] == rows[0].columns["attempt"] else row
            refusal = await self._refusal(failure, rows)
            if refusal is not None:
                raise refusal from failure
            log.warning("%s: not committed yet: %s", journal.outcome.command_id, failure)
        # Whatever it was, also an answer that the SDK could not parse: nobody knows what came of it.
        raise unavailable(DEPENDENCY, failure) or Unavailable(DEPENDENCY, repr(failure)) from failure

    async def _refusal(self, error: Exception, rows: Sequence[Row]) -> Exception | None:
        """Why nothing was written, now that the command's row is known to be absent; None: not known."""
        status = status_of(error)
        if status == 412:
            return Conflict("an aggregate has changed since it was read")
        if status == 404 and code_of(error) != "TableNotFound":
            return Conflict("an aggregate is gone since it was read")
        if status == 409:
            # Which row was in the way is looked up: the error's index is 0 where the SDK does not know.
            for row in rows:
                if row.taken is not None and await self._is_there(row):
                    return row.taken
            return None
        if is_definite(error):
            return unavailable(DEPENDENCY, error) or error
        return None

    async def _is_there(self, row: Row) -> bool:
        return await self._table.get(row.partition_key, row.row_key, "RowKey") is not None
