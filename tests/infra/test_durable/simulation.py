"""Orchestrations without host and storage: the real SDK and the engine's decisions, in memory."""

import random
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import azure.durable_functions as df

from infra.local.functions_host.durable.decision import Decision, decide
from infra.local.functions_host.durable.events import Event, Kind, event, now, pending
from infra.local.functions_host.durable.replay import answer

Orchestrator = Callable[[df.DurableOrchestrationContext], Generator[Any, Any, Any]]


@dataclass
class Simulation:
    """One execution. `fails` says of an activity's input whether this attempt fails."""

    orchestrator: Orchestrator
    history: list[Event] = field(default_factory=list)
    last: Decision = field(default_factory=Decision)
    ran_ahead: int = 0

    def turn(self, completion: Event | None = None) -> Decision:
        first = event(Kind.EXECUTION_STARTED, now(), Name="it", Version="", Input=None)
        self.history += [event(Kind.TURN_STARTED, now()), completion or first]
        self.last = decide("it", answer(self.orchestrator, self.history, "it"), self.history, "execution")
        self.ran_ahead += self.last.ran_ahead
        self.history += [*self.last.begun, event(Kind.TURN_COMPLETED, now())]
        return self.last

    def complete(self, begun: Event, *, fails: bool = False) -> Decision:
        """Bring one of the begun steps to its end."""
        number = begun["EventId"]
        if begun["EventType"] == Kind.TIMER_CREATED:
            return self.turn(event(Kind.TIMER_FIRED, now(), TimerId=number, FireAt=begun["FireAt"]))
        if fails:
            fields = {"TaskScheduledId": number, "Reason": "failed", "Details": begun["Input"]}
            return self.turn(event(Kind.TASK_FAILED, now(), **fields))
        return self.turn(event(Kind.TASK_COMPLETED, now(), TaskScheduledId=number, Result=begun["Input"]))

    def raise_event(self, name: str, content: str = "null") -> Decision:
        return self.turn(event(Kind.EVENT_RAISED, now(), Name=name, Input=content))

    def open(self) -> list[Event]:
        return [each for each in pending(self.history) if each["EventId"] not in self.last.cancelled]

    def to_the_end(self, dice: random.Random, fails: Callable[[Event], bool]) -> Decision:
        """Complete what is open in any order until it ends; fails when nothing is open before that."""
        self.turn()
        while self.last.end is None:
            assert self.open(), f"stuck: {self.history[-6:]}"
            begun = dice.choice(self.open())
            self.complete(begun, fails=fails(begun))
        return self.last


def soon(context: df.DurableOrchestrationContext) -> Any:
    return context.create_timer(context.current_utc_datetime + timedelta(seconds=1))
