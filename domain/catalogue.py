"""The catalogue: every context that stands in the domain, found, not wired."""

import importlib
import pkgutil
from collections.abc import Iterable
from functools import cache

import domain
from domain.kernel.aggregate import Aggregate
from domain.kernel.context import Context, Handler, Promotion


class Catalogue:
    """All contexts' registries, by name."""

    def __init__(self, contexts: Iterable[Context]) -> None:
        self.contexts = tuple(contexts)
        self.handlers: dict[str, Handler] = {}
        self.aggregates: dict[str, type[Aggregate]] = {}
        self.events: dict[str, tuple[Context, Promotion]] = {}
        for context in self.contexts:
            for name, handler in context.handlers.items():
                assert name not in self.handlers, f"two contexts handle {name}"
                self.handlers[name] = handler
            for aggregate in context.aggregates.values():
                assert aggregate.collection not in self.aggregates, f"two {aggregate.collection}"
                self.aggregates[aggregate.collection] = aggregate
            for name, promotion in context.events.items():
                assert name not in self.events, f"two contexts emit {name}"
                self.events[name] = (context, promotion)

    @property
    def commands(self) -> tuple[Handler, ...]:
        """The public ones."""
        return tuple(
            handler
            for handler in self.handlers.values()
            if not (handler.is_observation or handler.is_setting or handler.is_step)
        )

    @property
    def settings(self) -> tuple[Handler, ...]:
        """What changes how the platform itself works."""
        return tuple(handler for handler in self.handlers.values() if handler.is_setting)

    @property
    def steps(self) -> tuple[Handler, ...]:
        """What orchestrations send."""
        return tuple(handler for handler in self.handlers.values() if handler.is_step)


@cache
def catalogue() -> Catalogue:
    """Import every module of the domain; whoever declares a `Context` is in."""
    contexts: dict[str, Context] = {}
    for module_info in pkgutil.walk_packages(domain.__path__, "domain."):
        module = importlib.import_module(module_info.name)
        for value in vars(module).values():
            if isinstance(value, Context):
                contexts[value.topic] = value
    return Catalogue(contexts[topic] for topic in sorted(contexts))
