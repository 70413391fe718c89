"""Journal rows, trace nodes and page tokens as ASCII JSON: one form for the table and for the memory store.

ASCII, because Table Storage counts strings in UTF-16 units: then a character is a unit and any cut is safe.
"""

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from domain.kernel.envelope import Message
from domain.kernel.errors import FieldError, Invalid
from domain.kernel.journal import Journal, Outcome, TraceNode
from domain.kernel.work import Partition

_NOT_ASCII = re.compile(r"[^\x00-\x7e]+")


def to_json(value: object) -> str:
    """Compact ASCII JSON; text inside comes back code point for code point."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)


def ascii_json(text: str) -> str:
    """JSON text as equal JSON text in ASCII (outside its strings JSON is ASCII anyway)."""
    if text.isascii():
        return text
    return _NOT_ASCII.sub(lambda match: json.dumps(match[0])[1:-1], text)


def journal_to_json(journal: Journal) -> str:
    """All of a journal row but its partition and `pending`, which the keys say."""
    return to_json(
        {
            "outcome": asdict(journal.outcome),
            "messages": [
                {
                    "destination": message.destination,
                    "message_id": message.message_id,
                    "body": message.body,
                    "properties": dict(message.properties),
                }
                for message in journal.messages
            ],
            "trace": [asdict(node) for node in journal.trace],
        }
    )


def journal_from_json(text: str, partition: Partition, *, pending: bool) -> Journal:
    value = json.loads(text)
    return Journal(
        partition=partition,
        outcome=Outcome(**value["outcome"]),
        messages=tuple(Message(**message) for message in value["messages"]),
        trace=tuple(TraceNode(**node) for node in value["trace"]),
        pending=pending,
    )


def node_to_json(node: TraceNode) -> str:
    return to_json(asdict(node))


def node_from_json(text: str) -> TraceNode:
    return TraceNode(**json.loads(text))


def nodes_to_json(nodes: Sequence[tuple[int, TraceNode]]) -> str:
    """Nodes with their places in the journal."""
    return to_json([[place, asdict(node)] for place, node in nodes])


def nodes_from_json(text: str) -> list[tuple[int, TraceNode]]:
    return [(place, TraceNode(**node)) for place, node in json.loads(text)]


def in_causal_order(nodes: Sequence[tuple[int, TraceNode]]) -> list[TraceNode]:
    """Nodes by time; at equal times causes before effects, then by their place in the command's journal.

    Each node comes with that place.
    """
    by_id = {node.id: node for _, node in nodes}

    def depth(node: TraceNode) -> int:
        seen = {node.id}
        while (cause := by_id.get(node.causation_id or "")) is not None and cause.id not in seen:
            seen.add(cause.id)
            node = cause
        return len(seen)

    def place(item: tuple[int, TraceNode]) -> tuple[datetime, int, int, str]:
        position, node = item
        # Parsed, because as text 05.123Z sorts before 05Z.
        return datetime.fromisoformat(node.occurred_at), depth(node), position, node.id

    return [node for _, node in sorted(nodes, key=place)]


def page_token(partition: Partition, kind: str, last_id: str) -> str:
    value = to_json([partition.tenant_id, partition.project_id, kind, last_id])
    return base64.urlsafe_b64encode(value.encode()).decode().rstrip("=")


def last_id_of(token: str, partition: Partition, kind: str) -> str:
    """The id that a page ended with. Raises `Invalid` for anything but a token of this very listing."""
    invalid = Invalid([FieldError("after", "is not a page token of this listing")])
    try:
        padded = token.encode("ascii") + b"=" * (-len(token) % 4)
        value: Any = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, RecursionError):
        raise invalid from None
    match value:
        case [partition.tenant_id, partition.project_id, str(of_kind), str(last_id)] if of_kind == kind:
            return last_id
    raise invalid
