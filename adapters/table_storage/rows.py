"""Rows to write, before they are entities: plain columns, long texts, and what a transaction may weigh.

Table Storage's limits are kept here, since the emulator does not enforce them: 100 operations and 4 MiB a
transaction, 1 MiB an entity (in UTF-16), 32,768 characters a string.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MOST_OPERATIONS = 100
_STRING = 32_768
# 1 MiB in UTF-16 less 32 KiB for keys and plain columns; all our long texts are ASCII.
_ENTITY_UNITS = (1024 - 32) * 1024 // 2
# 4 MiB less 64 KiB for what frames the parts.
_BATCH_BYTES = (4096 - 64) * 1024
# Headers and URL of one operation, and its plain columns with their types.
_OPERATION_BYTES = 2048
_COLUMN_BYTES = 128

type Columns = Mapping[str, str | int]


@dataclass
class Row:
    """One row to write. `texts` are long ASCII texts, `claims` names of blobs that hold such a text instead.

    With `etag` it replaces the row that has it, without it is created. `taken` is raised where a created
    row is there already.
    """

    partition_key: str
    row_key: str
    columns: Columns
    texts: dict[str, str] = field(default_factory=dict)
    claims: dict[str, str] = field(default_factory=dict)
    etag: str | None = None
    taken: Exception | None = None

    @property
    def units(self) -> int:
        """UTF-16 units of its texts."""
        return sum(map(len, self.texts.values()))

    @property
    def wire_bytes(self) -> int:
        """What it takes of a transaction's body at most: JSON in JSON doubles quotes and backslashes."""
        chunks = self.units // _STRING + len(self.texts)
        return 2 * self.units + _COLUMN_BYTES * chunks + _OPERATION_BYTES

    def entity(self) -> dict[str, Any]:
        entity: dict[str, Any] = {"PartitionKey": self.partition_key, "RowKey": self.row_key, **self.columns}
        for name, text in self.texts.items():
            for number, start in enumerate(range(0, len(text), _STRING)):
                entity[f"{name}{number}"] = text[start : start + _STRING]
        for name, blob in self.claims.items():
            entity[f"{name}Claim"] = blob
        return entity


def inline_text(entity: Mapping[str, Any], name: str) -> str:
    """A long text put together again."""
    chunks: list[str] = []
    while (chunk := entity.get(f"{name}{len(chunks)}")) is not None:
        chunks.append(str(chunk))
    return "".join(chunks)


def claimed_blob(entity: Mapping[str, Any], name: str) -> str | None:
    """The blob that holds a long text instead of its row, if any."""
    blob = entity.get(f"{name}Claim")
    return None if blob is None else str(blob)


def overweight(rows: Sequence[Row]) -> list[tuple[Row, str]]:
    """Texts that must move out so that every row is an entity and all of them are one transaction."""
    if len(rows) > MOST_OPERATIONS:
        raise ValueError(
            f"{len(rows)} rows are more than the {MOST_OPERATIONS} that one transaction can write"
        )
    moving: list[tuple[Row, str]] = []
    staying: list[tuple[int, Row, str]] = []
    total = sum(row.wire_bytes for row in rows)
    for row in rows:
        # Our rows have one long text each, so that is the one to move.
        for name, text in row.texts.items():
            if row.units > _ENTITY_UNITS:
                moving.append((row, name))
                total -= 2 * len(text)
            else:
                staying.append((len(text), row, name))
    for size, row, name in sorted(staying, key=lambda item: item[0], reverse=True):
        if total <= _BATCH_BYTES:
            break
        moving.append((row, name))
        total -= 2 * size
    return moving


def batches(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows that need not be written at once, in as few transactions as their limits allow."""
    result: list[list[Row]] = []
    total = 0
    for row in rows:
        if not result or len(result[-1]) == MOST_OPERATIONS or total + row.wire_bytes > _BATCH_BYTES:
            result.append([])
            total = 0
        result[-1].append(row)
        total += row.wire_bytes
    return result
