"""Expressions that are evaluated while a run goes on: conditions, and variables written as `$[ ... ]`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

type Function = Callable[[list[Any]], Any]

_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)*)|(?P<name>[A-Za-z_][\w-]*)|(?P<mark>[(),.\[\]]))"
)
_LITERALS: Mapping[str, Any] = {"true": True, "false": False, "null": None}


class ConditionInvalid(Exception):
    """The expression can't be read, or calls what does not exist."""


@dataclass(frozen=True)
class Scope:
    """What an expression sees: variables and dependencies by name, and the functions of its place."""

    names: Mapping[str, Any]
    functions: Mapping[str, Function] = field(default_factory=dict)


def holds(text: str, scope: Scope) -> bool:
    return truth(evaluate(text, scope))


def evaluate(text: str, scope: Scope) -> Any:
    """The value of the expression."""
    return _Reader(text, scope).whole()


def evaluate_variable(value: str, scope: Scope) -> str:
    """A variable's value; only `$[ ... ]` is an expression."""
    text = value.strip()
    if text.startswith("$[") and text.endswith("]"):
        return as_text(evaluate(text[2:-1], scope))
    return value


def as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def truth(value: Any) -> bool:
    if isinstance(value, str):
        return value != ""
    return bool(value) if not isinstance(value, dict | list) else True


def lookup(container: Any, key: str) -> Any:
    """A member by name without regard to case; what is absent is null."""
    if isinstance(container, Mapping):
        if key in container:
            return container[key]
        wanted = key.lower()
        return next((value for name, value in container.items() if str(name).lower() == wanted), None)
    return None


class _Reader:
    """Reads one expression and evaluates it as it goes."""

    def __init__(self, text: str, scope: Scope) -> None:
        self._text, self._scope = text, scope
        self._tokens: list[tuple[str, str]] = []
        position, end = 0, len(text.rstrip())
        while position < end:
            found = _TOKEN.match(text, position)
            if found is None:
                raise ConditionInvalid(f"Unexpected symbol in expression: {text[position:].strip()!r}")
            self._tokens.append((str(found.lastgroup), found.group(str(found.lastgroup))))
            position = found.end()
        self._next = 0

    def whole(self) -> Any:
        value = self._value()
        if self._next < len(self._tokens):
            raise ConditionInvalid(f"Unexpected '{self._tokens[self._next][1]}' in expression: {self._text}")
        return value

    def _peek(self) -> str:
        return self._tokens[self._next][1] if self._next < len(self._tokens) else ""

    def _take(self, expected: str | None = None) -> tuple[str, str]:
        if self._next >= len(self._tokens):
            raise ConditionInvalid(f"Unexpected end of expression: {self._text}")
        token = self._tokens[self._next]
        if expected is not None and token != ("mark", expected):
            raise ConditionInvalid(f"Expected '{expected}', found '{token[1]}' in expression: {self._text}")
        self._next += 1
        return token

    def _value(self) -> Any:
        kind, text = self._take()
        if kind == "string":
            return text[1:-1].replace("''", "'")
        if kind == "number":
            return float(text) if text.count(".") < 2 else text
        if kind != "name":
            raise ConditionInvalid(f"Unexpected '{text}' in expression: {self._text}")
        if text.lower() in _LITERALS:
            return _LITERALS[text.lower()]
        if self._peek() == "(":
            return self._call(text)
        if lookup(self._scope.names, text) is None:
            raise ConditionInvalid(f"Unrecognized value: '{text}' in expression: {self._text}")
        value = lookup(self._scope.names, text)
        while self._peek() in (".", "["):
            if self._take()[1] == ".":
                value = lookup(value, self._take()[1])
            else:
                value = lookup(value, as_text(self._value()))
                self._take("]")
        return value

    def _call(self, name: str) -> Any:
        self._take("(")
        arguments: list[Any] = []
        while self._peek() != ")":
            arguments.append(self._value())
            if self._peek() != ")":
                self._take(",")
        self._take(")")
        function = self._scope.functions.get(name.lower()) or _FUNCTIONS.get(name.lower())
        if function is None:
            raise ConditionInvalid(f"Unrecognized value: '{name}' in expression: {self._text}")
        try:
            return function(arguments)
        except (IndexError, TypeError, ValueError) as error:
            raise ConditionInvalid(f"'{name}' can't be called so in expression: {self._text}") from error


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return float(value)
    try:
        return float(value) if value not in (None, "") else 0.0
    except (TypeError, ValueError):
        return None


def same(left: Any, right: Any) -> bool:
    """The right side becomes the left side's type; text is compared without regard to case."""
    if isinstance(left, bool):
        return left == truth(right)
    if isinstance(left, int | float):
        return _number(right) == float(left)
    if left is None:
        return as_text(right) == ""
    return as_text(left).lower() == as_text(right).lower()


def _order(left: Any, right: Any) -> int:
    if isinstance(left, int | float):
        other = _number(right)
        if other is None:
            raise ValueError(right)
        return (float(left) > other) - (float(left) < other)
    a, b = as_text(left).lower(), as_text(right).lower()
    return (a > b) - (a < b)


def _text_format(arguments: list[Any]) -> str:
    found = as_text(arguments[0])
    for index, value in enumerate(arguments[1:]):
        found = found.replace(f"{{{index}}}", as_text(value))
    return found.replace("{{", "{").replace("}}", "}")


def _contains_value(arguments: list[Any]) -> bool:
    found = arguments[0]
    values: Sequence[Any] = list(found.values()) if isinstance(found, Mapping) else (found or [])
    return any(same(value, arguments[1]) for value in values)


def _lowered(arguments: list[Any]) -> tuple[str, str]:
    return as_text(arguments[0]).lower(), as_text(arguments[1]).lower()


_FUNCTIONS: Mapping[str, Function] = {
    "eq": lambda a: same(a[0], a[1]),
    "ne": lambda a: not same(a[0], a[1]),
    "and": lambda a: all(truth(value) for value in a),
    "or": lambda a: any(truth(value) for value in a),
    "xor": lambda a: truth(a[0]) != truth(a[1]),
    "not": lambda a: not truth(a[0]),
    "in": lambda a: any(same(a[0], value) for value in a[1:]),
    "notin": lambda a: not any(same(a[0], value) for value in a[1:]),
    "gt": lambda a: _order(a[0], a[1]) > 0,
    "ge": lambda a: _order(a[0], a[1]) >= 0,
    "lt": lambda a: _order(a[0], a[1]) < 0,
    "le": lambda a: _order(a[0], a[1]) <= 0,
    "contains": lambda a: _lowered(a)[1] in _lowered(a)[0],
    "startswith": lambda a: _lowered(a)[0].startswith(_lowered(a)[1]),
    "endswith": lambda a: _lowered(a)[0].endswith(_lowered(a)[1]),
    "containsvalue": _contains_value,
    "coalesce": lambda a: next((value for value in a if value not in (None, "")), ""),
    "format": _text_format,
    "iif": lambda a: a[1] if truth(a[0]) else a[2],
    "join": lambda a: as_text(a[0]).join(as_text(value) for value in a[1]),
    "length": lambda a: float(len(a[0])),
    "lower": lambda a: as_text(a[0]).lower(),
    "upper": lambda a: as_text(a[0]).upper(),
    "trim": lambda a: as_text(a[0]).strip(),
    "replace": lambda a: as_text(a[0]).replace(as_text(a[1]), as_text(a[2])),
}
