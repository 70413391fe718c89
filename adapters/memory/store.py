"""The `Store` port in memory, for domain tests; counterpart: `adapters/table_storage`.

It keeps text, never live objects, so that nobody can change what is stored by holding on to it.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import override

from adapters.codec import (
    in_causal_order,
    journal_from_json,
    journal_to_json,
    last_id_of,
    node_from_json,
    node_to_json,
    page_token,
)
from domain.kernel.aggregate import Aggregate, UniqueKey
from domain.kernel.errors import Conflict, Rejected
from domain.kernel.journal import Committed, Journal, Page, TraceNode, Transaction
from domain.kernel.work import Loaded, Partition, Record
from domain.ports import Store


@dataclass(frozen=True)
class _Row:
    """One stored aggregate."""

    state: str
    schema_version: int
    version: int
    etag: str


@dataclass
class _Project:
    """One partition's rows."""

    aggregates: dict[tuple[str, str], _Row] = field(default_factory=dict)
    journals: dict[str, str] = field(default_factory=dict)
    raw: dict[str, str] = field(default_factory=dict)
    names: dict[tuple[str, tuple[str, ...]], str] = field(default_factory=dict)
    outbox: dict[str, datetime] = field(default_factory=dict)
    marks: dict[str, datetime] = field(default_factory=dict)


class MemoryStore(Store):
    """Forgets everything with the process. `now` dates the outbox rows."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._projects: dict[Partition, _Project] = {}
        self._traces: dict[tuple[str, str], dict[str, tuple[int, str]]] = {}
        self._etags = itertools.count(1)

    @override
    async def load[A: Aggregate](self, partition: Partition, kind: type[A], id: str) -> Loaded[A] | None:
        # Every call lets the others run, as a network would: so that tests meet the races.
        await asyncio.sleep(0)
        row = self._project(partition).aggregates.get((kind.kind, id))
        return None if row is None else _loaded(kind, row)

    @override
    async def lookup(self, partition: Partition, key: UniqueKey) -> str | None:
        await asyncio.sleep(0)
        return self._project(partition).names.get((key.kind, key.parts))

    @override
    async def commit(self, transaction: Transaction) -> Committed:
        await asyncio.sleep(0)
        return self._commit(transaction, None)

    @override
    async def receive(self, journal: Journal, raw: str) -> Committed:
        await asyncio.sleep(0)
        return self._commit(Transaction(journal, ()), raw)

    def _commit(self, transaction: Transaction, raw: str | None) -> Committed:
        journal, records = transaction.journal, transaction.records
        project = self._project(journal.partition)
        command_id = journal.outcome.command_id
        if command_id in project.journals:
            return Committed(self._journal(journal.partition, command_id), repeated=True)
        for record in records:
            _check(project, record)
        names = _names_to_claim(project, records)

        self._projects[journal.partition] = project
        project.journals[command_id] = journal_to_json(journal)
        for record in records:
            row = _Row(record.state, record.schema_version, record.version, f'W/"{next(self._etags)}"')
            project.aggregates[record.kind, record.id] = row
        project.names.update(names)
        if raw is not None:
            project.raw[command_id] = raw
        if journal.pending:
            project.outbox[command_id] = self._now()
        return Committed(journal, repeated=False)

    @override
    async def handled(self, partition: Partition, command_id: str) -> Journal | None:
        await asyncio.sleep(0)
        if command_id not in self._project(partition).journals:
            return None
        return self._journal(partition, command_id)

    async def raw(self, partition: Partition, command_id: str) -> str | None:
        """What `receive` took in, as it came."""
        await asyncio.sleep(0)
        return self._project(partition).raw.get(command_id)

    @override
    async def settle(self, journal: Journal) -> None:
        await asyncio.sleep(0)
        for position, node in enumerate(journal.trace):
            nodes = self._traces.setdefault((node.tenant_id, node.trace_id), {})
            nodes[node.id] = (position, node_to_json(node))
        self._project(journal.partition).outbox.pop(journal.outcome.command_id, None)

    @override
    async def unpublished(self, committed_before: datetime) -> AsyncIterator[Journal]:
        waiting = [
            (committed_at, partition, command_id)
            for partition, project in self._projects.items()
            for command_id, committed_at in project.outbox.items()
            if committed_at < committed_before
        ]
        for _, partition, command_id in sorted(waiting, key=lambda one: one[0]):
            await asyncio.sleep(0)
            # Others may have settled it since the walk began.
            if command_id in self._project(partition).outbox:
                yield self._journal(partition, command_id)

    @override
    async def page[A: Aggregate](
        self, partition: Partition, kind: type[A], size: int, after: str | None = None
    ) -> Page[A]:
        last = "" if after is None else last_id_of(after, partition, kind.kind)
        await asyncio.sleep(0)
        rows = self._project(partition).aggregates
        ids = sorted(id for of_kind, id in rows if of_kind == kind.kind and id > last)
        items = tuple(_loaded(kind, rows[kind.kind, id]) for id in ids[:size])
        more = len(ids) > size
        return Page(items, page_token(partition, kind.kind, ids[size - 1]) if more else None)

    @override
    async def trace(self, tenant_id: str, trace_id: str) -> Sequence[TraceNode]:
        await asyncio.sleep(0)
        nodes = self._traces.get((tenant_id, trace_id), {}).values()
        return in_causal_order([(position, node_from_json(text)) for position, text in nodes])

    @override
    async def mark(self, partition: Partition, name: str) -> datetime | None:
        await asyncio.sleep(0)
        return self._project(partition).marks.get(name)

    @override
    async def set_mark(self, partition: Partition, name: str, moment: datetime) -> None:
        await asyncio.sleep(0)
        self._projects.setdefault(partition, _Project()).marks[name] = moment

    @override
    async def partitions(self) -> AsyncIterator[Partition]:
        known = [partition for partition, project in self._projects.items() if project.journals]
        for partition in sorted(known, key=lambda one: (one.tenant_id, one.project_id)):
            await asyncio.sleep(0)
            yield partition

    @override
    async def ping(self) -> None:
        await asyncio.sleep(0)

    async def close(self) -> None:
        """Nothing to give back."""

    def _project(self, partition: Partition) -> _Project:
        return self._projects.get(partition, _Project())

    def _journal(self, partition: Partition, command_id: str) -> Journal:
        project = self._project(partition)
        text = project.journals[command_id]
        return journal_from_json(text, partition, pending=command_id in project.outbox)


def _loaded[A: Aggregate](kind: type[A], row: _Row) -> Loaded[A]:
    return Loaded(kind.restore(row.state, row.schema_version, row.version), row.etag)


def _check(project: _Project, record: Record) -> None:
    """Raise what a record's row stands against: the other writer's row, or its going or coming."""
    row = project.aggregates.get((record.kind, record.id))
    if record.etag is not None and (row is None or row.etag != record.etag):
        raise Conflict(f"{record.kind} {record.id} has changed since it was read")
    if record.etag is None and row is not None:
        if record.unique_keys:
            raise Rejected(record.unique_keys[0].sentence)
        raise Conflict(f"{record.kind} {record.id} exists already")


def _names_to_claim(project: _Project, records: Sequence[Record]) -> dict[tuple[str, tuple[str, ...]], str]:
    names: dict[tuple[str, tuple[str, ...]], str] = {}
    for record in records:
        for key in record.unique_keys:
            name = (key.kind, key.parts)
            if name in project.names or name in names:
                raise Rejected(key.sentence)
            names[name] = record.id
    return names
