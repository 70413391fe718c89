"""Template expressions: [function(argument, ...).property[index]] inside a string."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from infra.local.resource_manager.errors import invalid_template

_TOKEN = re.compile(r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+)|(?P<name>\w+)|(?P<sign>[().,\[\]]))")


class Unresolved(Exception):
    """A reference to a resource that is not there yet."""


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str


type Function = Callable[[str, list[Any]], Any]


def evaluate(value: Any, function: Function, *, keep_unresolved: bool = False) -> Any:
    """The value with every expression in it worked out, or kept as it is where it can't be yet."""
    if isinstance(value, dict):
        return {key: evaluate(item, function, keep_unresolved=keep_unresolved) for key, item in value.items()}
    if isinstance(value, list):
        return [evaluate(item, function, keep_unresolved=keep_unresolved) for item in value]
    if not isinstance(value, str) or not (value.startswith("[") and value.endswith("]")):
        return value
    if value.startswith("[["):
        return value[1:]
    try:
        return _Parser(value[1:-1], function).whole()
    except Unresolved:
        if keep_unresolved:
            return value
        raise


class _Parser:
    """Works expressions out while it reads them: nothing in them has a side effect."""

    def __init__(self, text: str, function: Function) -> None:
        self._text = text
        self._function = function
        self._tokens = list(_tokens(text))
        self._at = 0

    def whole(self) -> Any:
        value = self._expression()
        if self._at != len(self._tokens):
            raise self._wrong()
        return value

    def _expression(self) -> Any:
        token = self._take()
        if token.kind == "text":
            return token.text[1:-1].replace("''", "'")
        if token.kind == "number":
            return int(token.text)
        if token.kind != "name":
            raise self._wrong()
        value = self._function(token.text, self._arguments())
        while self._next() in (".", "["):
            value = self._member(value)
        return value

    def _arguments(self) -> list[Any]:
        self._expect("(")
        found: list[Any] = []
        while self._next() != ")":
            if found:
                self._expect(",")
            found.append(self._expression())
        self._expect(")")
        return found

    def _member(self, value: Any) -> Any:
        if self._take().text == ".":
            key: Any = self._take().text
        else:
            key = self._expression()
            self._expect("]")
        if isinstance(value, dict):
            for name, item in value.items():
                if name.lower() == str(key).lower():
                    return item
        elif isinstance(value, list) and isinstance(key, int) and 0 <= key < len(value):
            return value[key]
        raise invalid_template(f"the property '{key}' does not exist in '[{self._text}]'")

    def _next(self) -> str:
        return self._tokens[self._at].text if self._at < len(self._tokens) else ""

    def _take(self) -> _Token:
        if self._at >= len(self._tokens):
            raise self._wrong()
        self._at += 1
        return self._tokens[self._at - 1]

    def _expect(self, sign: str) -> None:
        if self._take().text != sign:
            raise self._wrong()

    def _wrong(self) -> Exception:
        return invalid_template(f"the expression '[{self._text}]' is not valid")


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    position = 0
    while position < len(text.rstrip()):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise invalid_template(f"the expression '[{text}]' is not valid")
        found.append(_Token(match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return found
