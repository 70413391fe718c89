"""A message inside a queue: its content plus what the broker knows about it."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any
from uuid import UUID

from infra.local.service_bus.amqp_types import Int, Long, Symbol, Timestamp
from infra.local.service_bus.content import Content
from infra.local.service_bus.journal import Row

_ENQUEUED_TIME = Symbol("x-opt-enqueued-time")
_LOCKED_UNTIL = Symbol("x-opt-locked-until")
_SEQUENCE = Symbol("x-opt-sequence-number")
_ENQUEUE_SEQUENCE = Symbol("x-opt-enqueue-sequence-number")
_STATE = Symbol("x-opt-message-state")
DEAD_LETTER_SOURCE = Symbol("x-opt-deadletter-source")


class State(IntEnum):
    """The values of x-opt-message-state."""

    ACTIVE = 0
    DEFERRED = 1
    SCHEDULED = 2


@dataclass(slots=True, eq=False)
class Stored:
    sequence: int
    enqueue_sequence: int
    content: Content
    enqueued_ms: int
    expires_ms: int | None = None
    due_ms: int | None = None
    state: State = State.ACTIVE
    delivery_count: int = 0
    token: UUID | None = None
    locked_until_ms: int = 0

    def expired(self, now: int) -> bool:
        return self.expires_ms is not None and self.expires_ms <= now

    def encode(self) -> bytes:
        """The message as a receiver gets it."""
        annotations: dict[Symbol, Any] = {
            _ENQUEUED_TIME: Timestamp(self.enqueued_ms),
            _SEQUENCE: Long(self.sequence),
            _ENQUEUE_SEQUENCE: Long(self.enqueue_sequence),
            _STATE: Int(self.state),
        }
        if self.token is not None:
            annotations[_LOCKED_UNTIL] = Timestamp(self.locked_until_ms)
        return self.content.encode(self.delivery_count, annotations)

    def row(self) -> Row:
        return Row(
            self.sequence,
            self.enqueue_sequence,
            int(self.state),
            self.delivery_count,
            self.enqueued_ms,
            self.expires_ms,
            self.due_ms,
            self.content.encode(),
        )

    @classmethod
    def from_row(cls, row: Row) -> "Stored":
        return cls(
            row.sequence,
            row.enqueue_sequence,
            Content.parse(row.content),
            row.enqueued_ms,
            row.expires_ms,
            row.due_ms,
            State(row.state),
            row.delivery_count,
        )
