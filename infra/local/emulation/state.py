"""Everything that is not git: JSON documents in one SQLite file, committed before a request is answered."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

type Json = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS document (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL, scope TEXT NOT NULL, key TEXT NOT NULL,
    created REAL NOT NULL, body TEXT NOT NULL,
    UNIQUE (kind, scope, key)
);
CREATE INDEX IF NOT EXISTS document_by_key ON document (kind, key);
CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""


class State:
    """Documents by (kind, scope, key), listed in the order in which they were first written."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)
        self._depth = 0

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside, or none. Nests; must not be held across an await."""
        if self._depth == 0:
            self._db.execute("BEGIN IMMEDIATE")
        self._depth += 1
        try:
            yield
        except BaseException:
            self._depth -= 1
            if self._depth == 0:
                self._db.execute("ROLLBACK")
            raise
        self._depth -= 1
        if self._depth == 0:
            self._db.execute("COMMIT")

    def next_number(self, counter: str) -> int:
        row = self._db.execute(
            "INSERT INTO counter (name, value) VALUES (?, 1) "
            "ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value",
            (counter,),
        ).fetchone()
        return int(row[0])

    def get(self, kind: str, scope: str, key: str) -> Json | None:
        row = self._db.execute(
            "SELECT body FROM document WHERE kind = ? AND scope = ? AND key = ?", (kind, scope, key)
        ).fetchone()
        return _load(row[0]) if row else None

    def find(self, kind: str, key: str) -> Json | None:
        """The document whose key is unique in its kind, whatever its scope."""
        row = self._db.execute("SELECT body FROM document WHERE kind = ? AND key = ?", (kind, key)).fetchone()
        return _load(row[0]) if row else None

    def put(self, kind: str, scope: str, key: str, body: Json) -> None:
        self._db.execute(
            "INSERT INTO document (kind, scope, key, created, body) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (kind, scope, key) DO UPDATE SET body = excluded.body",
            (kind, scope, key, time.time(), json.dumps(body)),
        )

    def delete(self, kind: str, scope: str, key: str | None = None) -> None:
        """Remove one document, or without a key the whole scope."""
        if key is None:
            self._db.execute("DELETE FROM document WHERE kind = ? AND scope = ?", (kind, scope))
        else:
            self._db.execute(
                "DELETE FROM document WHERE kind = ? AND scope = ? AND key = ?", (kind, scope, key)
            )

    def list(self, kind: str, scope: str | None = None, lag: float = 0.0) -> list[Json]:
        """All of a kind; a positive lag (seconds) hides the documents created within it."""
        rows = self._db.execute(
            "SELECT body FROM document WHERE kind = ? AND (? IS NULL OR scope = ?) AND created <= ? "
            "ORDER BY seq",
            (kind, scope, scope, time.time() - lag if lag > 0 else float("inf")),
        ).fetchall()
        return [_load(row[0]) for row in rows]


def _load(text: str) -> Json:
    body: Json = json.loads(text)
    return body
