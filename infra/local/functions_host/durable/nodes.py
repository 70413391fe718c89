"""What an orchestrator waits for: single steps, steps with retries, and any or all of several."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

Action = dict[str, Any]


class Node:
    """Something that comes to its end, successfully or not."""

    def __init__(self, *, done: bool = False) -> None:
        self.done, self.failed = done, False

    @property
    def may_take_ids(self) -> bool:
        """Whether it may still begin something by itself before it ends."""
        return False


class Single(Node):
    """An activity, a sub-orchestration, or a timer."""


class Wait(Node):
    """A wait for an external event."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


class Retried(Node):
    """An activity or a sub-orchestration that is tried again, with a timer before each new attempt."""

    def __init__(self, action: Action) -> None:
        super().__init__()
        self.action, self.attempts, self.on_timer = action, 1, False
        options = action["retryOptions"]
        self.limit = int(options["maxNumberOfAttempts"])
        self.interval = timedelta(milliseconds=int(options["firstRetryIntervalInMilliseconds"]))

    @property
    def may_take_ids(self) -> bool:
        return not self.done


class _Several(Node):
    def __init__(self, children: Sequence[Node]) -> None:
        self.children = children

    @property
    def may_take_ids(self) -> bool:
        return any(child.may_take_ids for child in self.children)


class AnyOf(_Several):
    """Done with the first of them. Only those are here that an earlier wait has not begun."""

    @property
    def done(self) -> bool:  # type: ignore[override]
        return any(child.done for child in self.children) or not self.children

    @property
    def failed(self) -> bool:  # type: ignore[override]
        return False


class All(_Several):
    """Done with the last of them, however the others ended."""

    @property
    def done(self) -> bool:  # type: ignore[override]
        return all(child.done for child in self.children)

    @property
    def failed(self) -> bool:  # type: ignore[override]
        return any(child.failed for child in self.children)
