"""What a handled command leaves: its permanent journal row, its place in the trace, its transaction."""

from dataclasses import dataclass, field
from typing import Any

from domain.kernel.aggregate import Aggregate
from domain.kernel.envelope import Message
from domain.kernel.work import Loaded, Partition, Record


@dataclass(frozen=True)
class Outcome:
    """What a command came to; kept for ever. `reply` is what every repeat of the command is answered."""

    command_id: str
    command: str
    fingerprint: str
    rejection: str | None
    reply: dict[str, Any]


@dataclass(frozen=True)
class TraceNode:
    """One command or fact in a trace, as its causal graph shows it."""

    id: str
    type: str
    scope: str
    """`command`, `observation`, `step` or `domain`"""
    tenant_id: str
    project_id: str
    trace_id: str
    correlation_id: str
    causation_id: str | None
    occurred_at: str
    actor: str
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Journal:
    """A command's permanent row: outcome, every message it emitted, and its nodes in the trace."""

    partition: Partition
    outcome: Outcome
    messages: tuple[Message, ...]
    trace: tuple[TraceNode, ...]
    pending: bool
    """True while its messages and trace are not known to be written."""


@dataclass(frozen=True)
class Transaction:
    """One command's whole effect, written at once or not at all."""

    journal: Journal
    records: tuple[Record, ...]


@dataclass(frozen=True)
class Committed:
    """`repeated` says that an earlier delivery had committed; the journal is then that one's."""

    journal: Journal
    repeated: bool


@dataclass(frozen=True)
class Page[A: Aggregate]:
    items: tuple[Loaded[A], ...]
    next: str | None
    """Opaque token of the next page; None at the end."""
