"""Durability: what the broker changed between two flushes becomes one sqlite transaction."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    entity TEXT NOT NULL, sequence INTEGER NOT NULL, enqueue_sequence INTEGER NOT NULL,
    state INTEGER NOT NULL, delivery_count INTEGER NOT NULL, enqueued_ms INTEGER NOT NULL,
    expires_ms INTEGER, due_ms INTEGER, content BLOB NOT NULL, PRIMARY KEY (entity, sequence));
CREATE TABLE IF NOT EXISTS counters (entity TEXT PRIMARY KEY, last_sequence INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS message_ids (
    entity TEXT NOT NULL, message_id TEXT NOT NULL, expires_ms INTEGER NOT NULL,
    PRIMARY KEY (entity, message_id));
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A stored message as the journal knows it; locks are not journaled."""

    sequence: int
    enqueue_sequence: int
    state: int
    delivery_count: int
    enqueued_ms: int
    expires_ms: int | None
    due_ms: int | None
    content: bytes


class Journal(Protocol):
    def insert(self, entity: str, row: Row) -> None: ...
    def update(self, entity: str, row: Row) -> None: ...
    def delete(self, entity: str, sequence: int) -> None: ...
    def remember(self, entity: str, message_id: str, expires_ms: int) -> None: ...
    def forget(self, entity: str, message_id: str) -> None: ...
    def messages(self, entity: str) -> Iterator[Row]: ...
    def last_sequence(self, entity: str) -> int: ...
    def message_ids(self, entity: str) -> Iterator[tuple[str, int]]: ...
    def commit(self) -> None: ...
    def close(self) -> None: ...


class NoJournal:
    """Memory only: nothing outlives the process."""

    def insert(self, entity: str, row: Row) -> None: ...
    def update(self, entity: str, row: Row) -> None: ...
    def delete(self, entity: str, sequence: int) -> None: ...
    def remember(self, entity: str, message_id: str, expires_ms: int) -> None: ...
    def forget(self, entity: str, message_id: str) -> None: ...
    def commit(self) -> None: ...
    def close(self) -> None: ...

    def messages(self, entity: str) -> Iterator[Row]:
        return iter(())

    def last_sequence(self, entity: str) -> int:
        return 0

    def message_ids(self, entity: str) -> Iterator[tuple[str, int]]:
        return iter(())


class SqliteJournal:
    """Survives SIGKILL at any point; synchronous=NORMAL means that a power cut may lose the last commits."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=NORMAL")
        self._database.executescript(_SCHEMA)
        self._pending: list[tuple[str, tuple[Any, ...]]] = []
        self._counters: dict[str, int] = {}

    def insert(self, entity: str, row: Row) -> None:
        # The counter outlives its messages, so that a sequence number is never given twice.
        self._counters[entity] = row.sequence
        self._pending.append(
            (
                "INSERT INTO messages VALUES (?,?,?,?,?,?,?,?,?)",
                (
                    entity,
                    row.sequence,
                    row.enqueue_sequence,
                    row.state,
                    row.delivery_count,
                    row.enqueued_ms,
                    row.expires_ms,
                    row.due_ms,
                    row.content,
                ),
            )
        )

    def update(self, entity: str, row: Row) -> None:
        self._pending.append(
            (
                "UPDATE messages SET state=?, delivery_count=?, content=? WHERE entity=? AND sequence=?",
                (row.state, row.delivery_count, row.content, entity, row.sequence),
            )
        )

    def delete(self, entity: str, sequence: int) -> None:
        self._pending.append(("DELETE FROM messages WHERE entity=? AND sequence=?", (entity, sequence)))

    def remember(self, entity: str, message_id: str, expires_ms: int) -> None:
        self._pending.append(
            ("INSERT OR REPLACE INTO message_ids VALUES (?,?,?)", (entity, message_id, expires_ms))
        )

    def forget(self, entity: str, message_id: str) -> None:
        self._pending.append(
            ("DELETE FROM message_ids WHERE entity=? AND message_id=?", (entity, message_id))
        )

    def messages(self, entity: str) -> Iterator[Row]:
        query = (
            "SELECT sequence, enqueue_sequence, state, delivery_count, enqueued_ms, expires_ms, due_ms,"
            " content FROM messages WHERE entity=? ORDER BY sequence"
        )
        for values in self._database.execute(query, (entity,)):
            yield Row(*values)

    def last_sequence(self, entity: str) -> int:
        row = self._database.execute(
            "SELECT last_sequence FROM counters WHERE entity=?", (entity,)
        ).fetchone()
        return int(row[0]) if row else 0

    def message_ids(self, entity: str) -> Iterator[tuple[str, int]]:
        query = "SELECT message_id, expires_ms FROM message_ids WHERE entity=? ORDER BY expires_ms"
        yield from self._database.execute(query, (entity,))

    def commit(self) -> None:
        if not self._pending:
            return
        execute = self._database.execute
        execute("BEGIN IMMEDIATE")
        for statement, values in self._pending:
            execute(statement, values)
        for counter in self._counters.items():
            execute("INSERT OR REPLACE INTO counters VALUES (?,?)", counter)
        execute("COMMIT")
        self._pending.clear()
        self._counters.clear()

    def close(self) -> None:
        self.commit()
        self._database.close()
