"""Records, turns and messages as table rows; long texts cut into properties, longer ones into rows."""

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from infra.local.functions_host.durable.events import Event
from infra.local.functions_host.durable.record import Message, Parent, Record

Row = dict[str, Any]

INSTANCE, INPUT, OUTPUT = "instance", "input", "output"
INBOX, HISTORY = "in_", "h_"
# A property holds 32 Ki UTF-16 units and a row 1 MiB; the texts are ASCII, so a character is one unit.
_PROPERTY = 30_000
ROW_TEXT = 420_000
_INLINE = 8_000


class TooLarge(Exception):
    """A single value that does not fit in a row; the platform has a limit too, but a higher one."""


def ascii_json(text: str | None) -> str | None:
    """The same JSON in ASCII only. Raises ValueError for what is not JSON, TooLarge."""
    if text is None:
        return None
    return limited(text if text.isascii() else json.dumps(json.loads(text)))


def limited(text: str) -> str:
    """Raises TooLarge."""
    if len(text) > ROW_TEXT:
        raise TooLarge(f"{len(text)} characters of JSON; this host keeps at most {ROW_TEXT} in one value")
    return text


def _pieces(text: str) -> Row:
    return {
        f"Text{number}": text[start : start + _PROPERTY]
        for number, start in enumerate(range(0, len(text), _PROPERTY))
    }


def _joined(row: Mapping[str, Any]) -> str:
    pieces: list[str] = []
    while (piece := row.get(f"Text{len(pieces)}")) is not None:
        pieces.append(piece)
    return "".join(pieces)


def _value(name: str, text: str | None) -> Row:
    """A value in the instance's row, or the sign that it has a row of its own."""
    if text is None:
        return {name: "null", f"{name}Apart": False}
    return {name: "", f"{name}Apart": True} if len(text) > _INLINE else {name: text, f"{name}Apart": False}


def instance_row(record: Record, *, with_input: bool) -> Row:
    """What changes from turn to turn; the input only where it is new. Meant to be merged."""
    row: Row = {
        "PartitionKey": record.instance_id,
        "RowKey": INSTANCE,
        "Status": record.status,
        "Terminal": record.is_terminal,
        "Updated": record.updated,
        "Execution": record.execution,
        "ExecutionId": record.execution_id,
        "Turn": record.turn,
        "Cancelled": json.dumps(sorted(record.cancelled)) if len(record.cancelled) < 4000 else "[]",
        "CustomStatus": record.custom_status or "null",
        "CommitId": record.commit_id,
        **_value("Output", record.output),
    }
    if not with_input:
        return row
    parent = record.parent
    return row | {
        "Name": record.name,
        "Version": record.version,
        "Created": record.created,
        "ParentId": parent.instance_id if parent else "",
        "ParentName": parent.name if parent else "",
        "ParentExecutionId": parent.execution_id if parent else "",
        "ParentTaskId": parent.task_id if parent else -1,
        **_value("Input", record.input),
    }


def value_rows(record: Record, *, with_input: bool) -> list[Row]:
    """The rows of the values that are too long for the instance's."""
    values = [(OUTPUT, record.output)] + ([(INPUT, record.input)] if with_input else [])
    return [
        {"PartitionKey": record.instance_id, "RowKey": key, **_pieces(text)}
        for key, text in values
        if text is not None and len(text) > _INLINE
    ]


def read_record(row: Mapping[str, Any], etag: str, apart: Mapping[str, Mapping[str, Any]]) -> Record:
    """`apart` are the rows of long values, by row key."""

    def value(name: str, key: str) -> str | None:
        if row.get(f"{name}Apart"):
            return _joined(apart[key]) if key in apart else "null"
        text = str(row.get(name) or "null")
        return None if text == "null" else text

    parent = None
    if row["ParentId"]:
        parent = Parent(
            row["ParentId"], row["ParentName"], row["ParentExecutionId"], int(row["ParentTaskId"])
        )
    return Record(
        instance_id=row["PartitionKey"],
        name=row["Name"],
        version=row["Version"],
        input=value("Input", INPUT),
        output=value("Output", OUTPUT),
        custom_status=None if row["CustomStatus"] == "null" else row["CustomStatus"],
        created=_moment(row["Created"]),
        updated=_moment(row["Updated"]),
        status=row["Status"],
        execution=int(row["Execution"]),
        execution_id=row["ExecutionId"],
        turn=int(row["Turn"]),
        cancelled=frozenset(json.loads(row["Cancelled"])),
        parent=parent,
        commit_id=row["CommitId"],
        etag=etag,
    )


def _moment(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def has_values_apart(row: Mapping[str, Any]) -> bool:
    return bool(row.get("InputApart") or row.get("OutputApart"))


def turn_rows(instance_id: str, execution: int, turn: int, events: Sequence[Event]) -> list[Row]:
    """One turn's events; nearly always a single row."""
    text = json.dumps(events)
    parts = [text[start : start + ROW_TEXT] for start in range(0, len(text), ROW_TEXT)]
    return [
        {
            "PartitionKey": instance_id,
            "RowKey": f"{HISTORY}{execution:06}_{turn:06}_{number:03}",
            **_pieces(part),
        }
        for number, part in enumerate(parts)
    ]


def read_history(rows: Iterable[Mapping[str, Any]], execution: int, turns: int) -> list[list[Event]]:
    """The events of each turn. Rows of a turn that was not completed when the host died don't count."""
    texts: dict[int, str] = {}
    for row in sorted(rows, key=lambda row: str(row["RowKey"])):
        _, of, turn, _ = str(row["RowKey"]).split("_")
        if int(of) == execution and int(turn) < turns:
            texts[int(turn)] = texts.get(int(turn), "") + _joined(row)
    return [[each | {"IsPlayed": True} for each in json.loads(texts[turn])] for turn in sorted(texts)]


def of_execution(execution: int) -> str:
    """A filter for one execution's history and the inbox: there may be many executions before it."""
    return (
        f" and ( ( RowKey ge '{HISTORY}{execution:06}' and RowKey lt '{HISTORY}{execution + 1:06}' )"
        f" or ( RowKey ge '{INBOX}' and RowKey lt '{INBOX}a' ) )"
    )


def new_message_key(at: datetime) -> str:
    return f"{INBOX}{int(at.timestamp() * 1_000_000):020}_{uuid.uuid4().hex[:12]}"


def message_row(instance_id: str, key: str, message: Message) -> Row:
    text = json.dumps(
        {"kind": message.kind, "event": message.event, "executionId": message.execution_id},
    )
    return {"PartitionKey": instance_id, "RowKey": key, **_pieces(text)}


def read_message(row: Mapping[str, Any]) -> Message:
    content = json.loads(_joined(row))
    return Message(content["kind"], content["event"], content["executionId"], str(row["RowKey"]))
