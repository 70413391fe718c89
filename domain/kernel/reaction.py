"""Reactions: pure functions from a fact to the command that follows from it."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import get_type_hints

from domain.kernel.command import Command
from domain.kernel.envelope import Envelope
from domain.kernel.event import Event
from domain.kernel.values import derived_id, validated

type ReactionFunction = Callable[..., Command | None]


@dataclass(frozen=True)
class Reaction:
    """`switch` names what a project can switch off; without one the reaction always happens."""

    event: type[Event]
    function: ReactionFunction
    switch: str | None


class Reactions:
    """The page of reactions; a reaction is registered by its signature `(event) -> Command | None`."""

    def __init__(self) -> None:
        self.by_event: dict[str, list[Reaction]] = {}

    def reaction[F: ReactionFunction](self, function: F) -> F:
        """One that keeps the platform's own picture true."""
        return self._register(function, None)

    def switchable[F: ReactionFunction](self, switch: str) -> Callable[[F], F]:
        """One that sends what a person could send: a project can switch it off by this name."""
        return lambda function: self._register(function, switch)

    def _register[F: ReactionFunction](self, function: F, switch: str | None) -> F:
        hints = get_type_hints(function)
        event = next(iter(hints.values()))
        assert issubclass(event, Event), f"{function} must take an event"
        self.by_event.setdefault(event.__name__, []).append(Reaction(event, function, switch))
        return function

    def has_switches(self, event_type: str) -> bool:
        """Whether what follows from such a fact depends on the project's switches."""
        return any(reaction.switch for reaction in self.by_event.get(event_type, ()))

    def to(self, fact: Envelope, switched_off: Collection[str] = ()) -> Iterator[Envelope]:
        """The commands that follow from a fact: same trace, caused by it, ids derived from its id."""
        for index, reaction in enumerate(self.by_event.get(fact.event_type, ())):
            if reaction.switch in switched_off:
                continue
            command = reaction.function(validated(reaction.event, fact.payload, at="payload"))
            if command is None:
                continue
            name = type(command).__name__
            yield fact.model_copy(
                update={
                    "event_id": derived_id("cmd", fact.event_id, name, index),
                    "event_type": name,
                    "causation_id": fact.event_id,
                    "payload": command.model_dump(mode="json", by_alias=True),
                }
            )
