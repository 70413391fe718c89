"""History events, in the form that the Durable SDK reads."""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

Event = dict[str, Any]


class Kind(IntEnum):
    """`EventType` on the wire."""

    EXECUTION_STARTED = 0
    EXECUTION_COMPLETED = 1
    EXECUTION_TERMINATED = 3
    TASK_SCHEDULED = 4
    TASK_COMPLETED = 5
    TASK_FAILED = 6
    CHILD_CREATED = 7
    CHILD_COMPLETED = 8
    CHILD_FAILED = 9
    TIMER_CREATED = 10
    TIMER_FIRED = 11
    TURN_STARTED = 12
    TURN_COMPLETED = 13
    EVENT_RAISED = 15
    CONTINUED_AS_NEW = 16
    SUSPENDED = 19
    RESUMED = 20


# What begins something that is completed later, under the same id.
BEGINNINGS = frozenset({Kind.TASK_SCHEDULED, Kind.CHILD_CREATED, Kind.TIMER_CREATED})
# What goes into a turn, besides its start: everything else in a turn is what came out of it.
COMPLETIONS = frozenset(
    {
        Kind.TASK_COMPLETED,
        Kind.TASK_FAILED,
        Kind.CHILD_COMPLETED,
        Kind.CHILD_FAILED,
        Kind.TIMER_FIRED,
        Kind.EVENT_RAISED,
    }
)


def now() -> datetime:
    return datetime.now(UTC)


def to_text(moment: datetime) -> str:
    """Always with six digits and a Z: the SDK compares what it parses from this."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def from_text(text: str) -> datetime:
    """Without a zone it is UTC, as the SDK's own writer leaves the zone out of account."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def event(kind: Kind, at: datetime, event_id: int = -1, **fields: Any) -> Event:
    return {
        "EventType": int(kind),
        "EventId": event_id,
        "IsPlayed": False,
        "Timestamp": to_text(at),
        **fields,
    }


def completes(completion: Event) -> int | None:
    """The id of what this event completes; None where it completes nothing that has an id."""
    kind = completion["EventType"]
    if kind == Kind.EVENT_RAISED or kind not in COMPLETIONS:
        return None
    return int(completion["TimerId" if kind == Kind.TIMER_FIRED else "TaskScheduledId"])


def pending(history: Iterable[Event]) -> list[Event]:
    """What was begun and is not completed, in its order."""
    begun: dict[int, Event] = {}
    for each in history:
        if each["EventType"] in BEGINNINGS:
            begun[each["EventId"]] = each
        elif (done := completes(each)) is not None:
            begun.pop(done, None)
    return list(begun.values())
