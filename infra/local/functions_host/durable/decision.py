"""From the worker's answer to what a turn does: what it begins, and whether the orchestration ends."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from infra.local.functions_host.durable.events import Event
from infra.local.functions_host.durable.nodes import Action
from infra.local.functions_host.durable.walk import NotReplayable, Walk

_LABEL = "\n\n$OutOfProcData$:"
End = Literal["Completed", "Failed", "ContinuedAsNew"]


@dataclass(frozen=True)
class Answer:
    """The state that the SDK returns, or raises together with an error."""

    actions: list[Action]
    is_done: bool = False
    output: Any = None
    error: str | None = None
    custom_status: Any = None

    @classmethod
    def returned(cls, text: str) -> "Answer":
        return cls._read(json.loads(text))

    @classmethod
    def raised(cls, message: str) -> "Answer | None":
        """None when the failure is not the orchestrator's: then there is no state in the message."""
        _, found, state = message.partition(_LABEL)
        return cls._read(json.loads(state)) if found else None

    @classmethod
    def _read(cls, state: dict[str, Any]) -> "Answer":
        return cls(
            actions=[action for turn in state["actions"] for action in turn],
            is_done=bool(state["isDone"]),
            output=state.get("output"),
            error=state.get("error"),
            custom_status=state.get("customStatus"),
        )


@dataclass(frozen=True)
class Decision:
    """`output` is JSON: the result, the reason of a failure, or the next execution's input."""

    begun: list[Event] = field(default_factory=list)
    cancelled: frozenset[int] = frozenset()
    end: End | None = None
    output: str | None = None
    carried: list[Event] = field(default_factory=list)
    ran_ahead: bool = False
    waits_for_nothing: bool = False
    remarks: tuple[str, ...] = ()


def failed(name: str, error: str) -> Decision:
    return Decision(end="Failed", output=json.dumps(f"Orchestrator function '{name}' failed: {error}"))


def decide(name: str, answer: Answer, history: Sequence[Event], execution_id: str) -> Decision:
    """What this turn does. `history` has the turn's own events at its end."""
    try:
        walk = Walk(answer.actions, history, execution_id)
    except NotReplayable as error:
        return failed(name, str(error))
    ended = answer.is_done or answer.error is not None
    ahead = not walk.is_through and (ended or walk.has_unstarted) and not walk.only_waits_for_siblings
    decided = Decision(
        begun=walk.begun,
        cancelled=frozenset(walk.cancelled),
        ran_ahead=ahead,
        waits_for_nothing=not ended and walk.waits_for_nothing,
        remarks=tuple(walk.remarks),
    )
    if not (walk.is_through and ended):
        return decided
    end: End = "Completed"
    output = json.dumps(answer.output)
    if answer.error is not None:
        end, output = "Failed", json.dumps(f"Orchestrator function '{name}' failed: {answer.error}")
    elif walk.next_input is not None:
        end, output = "ContinuedAsNew", walk.next_input
    return Decision(
        begun=decided.begun,
        cancelled=decided.cancelled,
        end=end,
        output=output,
        carried=walk.unused_events,
        remarks=decided.remarks,
    )
