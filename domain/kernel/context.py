"""The registry of one bounded context: its aggregates, events, handlers, topic, queues and consumers."""

import inspect
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, get_type_hints

from domain.kernel.aggregate import Aggregate
from domain.kernel.command import Command, Observation, Setting, Step
from domain.kernel.event import Event
from domain.kernel.work import Work

# The one queue for what the outside world did, and the subscription by which facts cause commands.
OBSERVATIONS = "platform.observations"
REACTIONS = "reactions"

# The message by which a command's commit begins an orchestration; it shares the queue of observations.
RUN_ORCHESTRATION = "RunOrchestration"

type HandlerFunction = Callable[..., Awaitable[None]]


def snake(name: str) -> str:
    """`MergePullRequest` -> `merge_pull_request`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def kebab(name: str) -> str:
    """`MergePullRequest` -> `merge-pull-request`."""
    return snake(name).replace("_", "-")


@dataclass(frozen=True)
class Handler:
    """One command's handler and the ports that its signature asks for (parameter name -> port type)."""

    command: type[Command]
    function: HandlerFunction
    ports: dict[str, type]
    context: "Context"

    @property
    def name(self) -> str:
        return self.command.__name__

    @property
    def is_observation(self) -> bool:
        return issubclass(self.command, Observation)

    @property
    def is_setting(self) -> bool:
        return issubclass(self.command, Setting)

    @property
    def is_step(self) -> bool:
        return issubclass(self.command, Step)

    @property
    def queue(self) -> str | None:
        """None for a setting or a step, which have no queue."""
        if self.is_setting or self.is_step:
            return None
        return OBSERVATIONS if self.is_observation else self.context.queue(self.command)


@dataclass(frozen=True)
class Promotion:
    """An event's place in the context: its type and, where promoted, its integration consumers."""

    event: type[Event]
    consumers: tuple[str, ...]


class Context:
    """A bounded context. Decorating is registering; nothing else wires it."""

    def __init__(self, platform: str, name: str) -> None:
        self.platform, self.name = platform, name
        self.topic = f"{platform}.{name}"
        self.aggregates: dict[str, type[Aggregate]] = {}
        self.events: dict[str, Promotion] = {}
        self.handlers: dict[str, Handler] = {}

    def queue(self, command: type[Command]) -> str:
        """The command's queue: one per command, so that each function handles one command."""
        return f"{self.platform}.{self.name}.{kebab(command.__name__)}"

    def aggregate[A: type[Aggregate]](
        self, *, prefix: str, collection: str, id_field: str | None = None
    ) -> Callable[[A], A]:
        """Register an aggregate: its ids' prefix, its plural name in URLs, and the field of its id where
        that is not named after the aggregate."""

        def register(aggregate: A) -> A:
            aggregate.kind = aggregate.__name__
            aggregate.id_field = id_field or f"{snake(aggregate.__name__)}_id"
            aggregate.id_prefix, aggregate.collection = prefix, collection
            _add(self.aggregates, aggregate.kind, aggregate)
            return aggregate

        return register

    def event[E: type[Event]](self, *consumers: str) -> Callable[[E], E]:
        """Register an event; naming consumers promotes it to an integration event for them."""

        def register(event: E) -> E:
            _add(self.events, event.__name__, Promotion(event, consumers))
            return event

        return register

    def handler[F: HandlerFunction](self, function: F) -> F:
        """Register a handler by its signature `(command, work, *ports)`; it stays a plain function."""
        hints = get_type_hints(function)
        names = list(inspect.signature(function).parameters)
        command, work = hints[names[0]], hints[names[1]]
        assert issubclass(command, Command) and work is Work, f"{function} must take (command, work, ...)"
        assert snake(command.__name__) == getattr(function, "__name__", ""), f"{function} is misnamed"
        ports: dict[str, Any] = {name: hints[name] for name in names[2:]}
        _add(self.handlers, command.__name__, Handler(command, function, ports, self))
        return function


def _add(registry: dict[str, Any], name: str, value: object) -> None:
    assert name not in registry, f"{name} is registered twice"
    registry[name] = value
