"""Which of a topic's messages a subscription gets, and what its rules' actions make of them."""

from collections.abc import Callable, Iterator
from typing import Any

from infra.local.service_bus.config import ConfigError, RuleConfig
from infra.local.service_bus.content import Content
from infra.local.service_bus.sql import Action, parse_action, parse_filter
from infra.local.service_bus.sql_tokens import SqlError
from infra.local.service_bus.sql_values import SYSTEM_PROPERTIES

type Predicate = Callable[[Content], bool]


class Rules:
    """The rules of one subscription; none at all lets everything through."""

    def __init__(self, subscription: str, rules: tuple[RuleConfig, ...]) -> None:
        self._rules = [_compile(subscription, rule) for rule in rules]

    def copies(self, content: Content) -> Iterator[Content]:
        """One copy for all matching rules without an action, and one for each matching rule with one."""
        if not self._rules:
            yield content
            return
        plain = False
        for name, matches, action in self._rules:
            if (plain and action is None) or not matches(content):
                continue
            if action is None:
                plain = True
                yield content
            else:
                yield action(content).with_application({"RuleName": name})


def _compile(subscription: str, rule: RuleConfig) -> tuple[str, Predicate, Action | None]:
    try:
        predicate = parse_filter(rule.sql) if rule.sql is not None else correlation(rule.correlation or {})
        return rule.name, predicate, parse_action(rule.action) if rule.action else None
    except SqlError as error:
        raise ConfigError(f"{subscription}, rule {rule.name}: {error}") from error


def correlation(conditions: dict[str, Any]) -> Predicate:
    """All conditions must hold: system properties by name and application properties under `Properties`."""
    system: list[tuple[int, Any]] = []
    for name, expected in conditions.items():
        if name == "Properties" or expected is None:
            continue
        if name.lower() not in SYSTEM_PROPERTIES:
            raise ConfigError(f"a correlation filter knows no property {name!r}")
        system.append((SYSTEM_PROPERTIES[name.lower()], expected))
    user: dict[str, Any] = conditions.get("Properties") or {}
    if not system and not user:
        raise ConfigError("a correlation filter needs a condition")

    def matches(content: Content) -> bool:
        return all(content.properties[position] == expected for position, expected in system) and all(
            _equal(content.application.get(name), expected) for name, expected in user.items()
        )

    return matches


def _equal(value: Any, expected: Any) -> bool:
    # True is not 1 here, as it is in Python.
    return value == expected and isinstance(value, bool) == isinstance(expected, bool)
