"""What the platform's extension makes of the SDK's actions: it starts one, waits for it, starts the next.

The walk goes over the whole history anew, so that ids come out the same in every turn: nothing but the
history has to be stored.
"""

from collections import defaultdict, deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from infra.local.functions_host.durable.events import (
    BEGINNINGS,
    Event,
    Kind,
    completes,
    event,
    from_text,
    to_text,
)
from infra.local.functions_host.durable.nodes import Action, All, AnyOf, Node, Retried, Single, Wait

_UNSUPPORTED = {7: "call_entity", 8: "call_http", 9: "signal_entity"}
_ACTIVITIES, _CHILDREN = (0, 1), (2, 3)
_CONTINUE_AS_NEW, _TIMER, _WAIT, _ANY, _ALL = 4, 5, 6, 11, 12


class NotReplayable(Exception):
    """The orchestrator asked for something else than it did before, or for what this host has not."""


class Walk:
    """`begun` are the events that this turn adds; `cancelled` are ids of timers."""

    def __init__(self, actions: Sequence[Action], history: Sequence[Event], execution_id: str) -> None:
        """Raises NotReplayable."""
        self._actions, self._execution_id = actions, execution_id
        self._recorded = {each["EventId"]: each for each in history if each["EventType"] in BEGINNINGS}
        self._position, self._next_id = 0, 0
        self._current: Node = Node(done=True)
        self._open: dict[int, Single | Retried] = {}
        self._waits: defaultdict[str, deque[Wait]] = defaultdict(deque)
        self._early: defaultdict[str, deque[Event]] = defaultdict(deque)
        self._now = from_text(history[0]["Timestamp"])
        self.begun: list[Event] = []
        self.cancelled: set[int] = set()
        self.remarks: list[str] = []
        for each in history:
            self._apply(each)
        self._check_all_recorded()

    @property
    def is_through(self) -> bool:
        """Whether every action has come to its end: only then the orchestrator's own end counts."""
        return self._position == len(self._actions) and self._current.done

    @property
    def has_unstarted(self) -> bool:
        """Whether actions wait behind one that has not come to its end."""
        return self._position < len(self._actions)

    @property
    def only_waits_for_siblings(self) -> bool:
        """The SDK goes on at the first failure of a `task_all`, the extension when all of it is done.

        That costs time but leads nowhere else, unless a retry among the siblings still takes ids.
        """
        return isinstance(self._current, All) and self._current.failed and not self._current.may_take_ids

    @property
    def waits_for_nothing(self) -> bool:
        return not self._open.keys() - self.cancelled and not any(self._waits.values())

    @property
    def unused_events(self) -> list[Event]:
        """Events that no wait took, oldest first."""
        return sorted((e for queue in self._early.values() for e in queue), key=lambda e: str(e["Timestamp"]))

    @property
    def next_input(self) -> str | None:
        """The input of the next execution, JSON, when the orchestrator continues as new."""
        for action in self._actions:
            if action["actionType"] == _CONTINUE_AS_NEW:
                return str(action["input"])
        return None

    def _apply(self, each: Event) -> None:
        kind = each["EventType"]
        if kind == Kind.TURN_STARTED:
            self._now = from_text(each["Timestamp"])
        elif kind == Kind.EXECUTION_STARTED:
            self._advance()
        elif kind == Kind.EVENT_RAISED:
            self._raise(each)
            self._advance()
        elif (done := completes(each)) is not None:
            self._complete(done, failed=kind in (Kind.TASK_FAILED, Kind.CHILD_FAILED))
            self._advance()

    def _advance(self) -> None:
        while self._current.done and self._position < len(self._actions):
            self._current = self._start(self._actions[self._position])
            self._position += 1

    def _start(self, action: Action) -> Node:
        kind = action["actionType"]
        if kind in (_ANY, _ALL):
            children = [self._start(each) for each in action["compoundActions"]]
            return AnyOf(children) if kind == _ANY else All(children)
        if kind == _WAIT:
            return self._wait(str(action["externalEventName"]))
        if kind == _TIMER:
            return self._timer(action)
        if kind == _CONTINUE_AS_NEW:
            return Node(done=True)
        if kind in _ACTIVITIES or kind in _CHILDREN:
            node = Retried(action) if action.get("retryOptions") else Single()
            self._open[self._begin(action)] = node
            return node
        raise NotReplayable(f"this host has no {_UNSUPPORTED.get(kind, f'action of type {kind}')}")

    def _begin(self, action: Action) -> int:
        name, given = str(action["functionName"]), action.get("input")
        if action["actionType"] in _ACTIVITIES:
            return self._take_id(Kind.TASK_SCHEDULED, Name=name, Input=given)
        child = action.get("instanceId") or f"{self._execution_id}:{self._next_id:04x}"
        return self._take_id(
            Kind.CHILD_CREATED, Name=name, Input=given, InstanceId=child, Version=action.get("version") or ""
        )

    def _timer(self, action: Action) -> Node:
        node = Single()
        taken = self._take_id(Kind.TIMER_CREATED, FireAt=to_text(from_text(action["fireAt"])))
        self._open[taken] = node
        if action.get("isCanceled"):
            self.cancelled.add(taken)
        return node

    def _take_id(self, kind: Kind, **fields: Any) -> int:
        taken, self._next_id = self._next_id, self._next_id + 1
        recorded = self._recorded.get(taken)
        if recorded is None:
            self.begun.append(event(kind, self._now, taken, **fields))
        elif recorded["EventType"] != kind or recorded.get("Name") != fields.get("Name"):
            was = f"{Kind(recorded['EventType']).name} {recorded.get('Name') or ''}".rstrip()
            asked = f"{kind.name} {fields.get('Name') or ''}".rstrip()
            raise NotReplayable(f"non-deterministic: step {taken} was {was} and is now {asked}")
        return taken

    def _check_all_recorded(self) -> None:
        missing = [each for number, each in self._recorded.items() if number >= self._next_id]
        if missing:
            was = f"{Kind(missing[0]['EventType']).name} {missing[0].get('Name') or ''}".rstrip()
            raise NotReplayable(f"non-deterministic: {was} was begun before and is not asked for any more")

    def _complete(self, taken: int, *, failed: bool) -> None:
        node = self._open.pop(taken, None)
        if node is None:
            return
        if isinstance(node, Retried):
            self._complete_attempt(node, failed)
        else:
            node.done, node.failed = True, failed

    def _complete_attempt(self, node: Retried, failed: bool) -> None:
        if node.on_timer:
            # After the last attempt comes one more timer, and only then the failure.
            node.on_timer = False
            if node.attempts >= node.limit:
                node.done = node.failed = True
                return
            node.attempts += 1
            self._open[self._begin(node.action)] = node
        elif failed:
            node.on_timer = True
            self._open[self._take_id(Kind.TIMER_CREATED, FireAt=self._after(node.interval))] = node
        else:
            node.done = True

    def _after(self, interval: timedelta) -> str:
        moment: datetime = self._now + interval
        return to_text(moment)

    def _wait(self, name: str) -> Node:
        node = Wait(name)
        if early := self._early[name.lower()]:
            self._end_wait(node, early.popleft())
        else:
            self._waits[name.lower()].append(node)
        return node

    def _raise(self, each: Event) -> None:
        name = str(each["Name"])
        if waiting := self._waits[name.lower()]:
            self._end_wait(waiting.popleft(), each)
            return
        early = self._early[name.lower()]
        if early:
            self.remarks.append(f"'{name}' came twice before a wait for it: the SDK keeps only the last one")
        early.append(each)

    def _end_wait(self, node: Wait, each: Event) -> None:
        if node.name != each["Name"]:
            self.remarks.append(
                f"'{each['Name']}' ends the wait for '{node.name}' for the host but not for the SDK"
            )
        node.done = True
