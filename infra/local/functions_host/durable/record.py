"""What is known of one orchestration instance, and the messages that it has not worked off."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from infra.local.functions_host.durable.events import Event

Status = Literal["Pending", "Running", "Completed", "Failed", "Terminated", "Suspended"]
TERMINAL: frozenset[str] = frozenset({"Completed", "Failed", "Terminated"})
MessageKind = Literal["completion", "terminate", "suspend", "resume"]


_FORBIDDEN_IN_IDS = frozenset("/\\#?")
_LONGEST_ID = 100


def is_instance_id(text: str) -> bool:
    """As on the platform: it is a key in storage, and entities begin with an @."""
    return (
        0 < len(text) <= _LONGEST_ID
        and text.isprintable()
        and not text.startswith("@")
        and not _FORBIDDEN_IN_IDS & set(text)
    )


@dataclass(frozen=True)
class Parent:
    """Who waits for this instance, and under which id."""

    instance_id: str
    name: str
    execution_id: str
    task_id: int


@dataclass
class Record:
    """`input`, `output` and `custom_status` are JSON. `execution` counts from 0, `turn` within it."""

    instance_id: str
    name: str
    input: str | None
    created: datetime
    execution_id: str
    updated: datetime
    version: str = ""
    status: Status = "Pending"
    execution: int = 0
    turn: int = 0
    output: str | None = None
    custom_status: str | None = None
    cancelled: frozenset[int] = frozenset()
    parent: Parent | None = None
    commit_id: str = ""
    etag: str = ""

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL


@dataclass(frozen=True)
class Message:
    """`row` is where it is stored: None for what can be made again, such as a timer that is due.

    `execution_id` is empty where the message is for whichever execution takes it.
    """

    kind: MessageKind
    event: Event
    execution_id: str = ""
    row: str | None = None


@dataclass
class Loaded:
    """An instance as it was stored: the history of its present execution, and its inbox in order."""

    record: Record
    history: list[Event] = field(default_factory=list)
    inbox: list[Message] = field(default_factory=list)
