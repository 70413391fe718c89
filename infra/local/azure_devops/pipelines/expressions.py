"""Expressions, read and evaluated in one pass: those of templates before a run, those of conditions in it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from infra.local.azure_devops.pipelines.expression_functions import FUNCTIONS, CallInvalid, Function
from infra.local.azure_devops.pipelines.expression_values import Value, member, value_of
from infra.local.azure_devops.pipelines.yaml_document import Items, Members, Scalar, Token

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)*)(?![\w.])"
    r"|(?P<name>[A-Za-z_][\w-]*)|(?P<mark>[(),.\[\]*]))"
)
_LITERALS: Mapping[str, Value] = {"true": True, "false": False, "null": None}
_MAXIMUM_DEPTH = 50


class ExpressionInvalid(Exception):
    """The expression can't be read, or names what is not there."""


def evaluate(
    expression: str, names: Mapping[str, Value], functions: Mapping[str, Function] = FUNCTIONS
) -> Value:
    """The value; names are the contexts (parameters, variables) and loop variables. All in lower case."""
    return _Evaluation(expression, names, functions).whole()


class _Evaluation:
    def __init__(
        self, expression: str, names: Mapping[str, Value], functions: Mapping[str, Function]
    ) -> None:
        self._text = expression.strip()
        self._names, self._functions = names, functions
        self._tokens = self._read()
        self._index = 0
        self._depth = 0

    def whole(self) -> Value:
        value = self._value()
        if self._index < len(self._tokens):
            raise self._unexpected()
        return value

    def _read(self) -> list[tuple[str, str, int]]:
        tokens, position = [], 0
        while position < len(self._text):
            found = _TOKEN.match(self._text, position)
            if found is None:
                raise self._invalid("Unexpected symbol", self._text[position:].strip().split()[0], position)
            kind = str(found.lastgroup)
            tokens.append((kind, found[kind], found.start(kind)))
            position = found.end()
        return tokens

    def _invalid(self, what: str, symbol: str, position: int) -> ExpressionInvalid:
        return ExpressionInvalid(
            f"{what}: '{symbol}'. Located at position {position + 1} within expression: {self._text}"
        )

    def _unexpected(self) -> ExpressionInvalid:
        if self._index >= len(self._tokens):
            return ExpressionInvalid(f"Unexpected end of expression: {self._text or '(empty)'}")
        _, symbol, position = self._tokens[self._index]
        return self._invalid("Unexpected symbol", symbol, position)

    def _mark(self, symbol: str) -> bool:
        """Whether this mark comes next; if so it is taken."""
        if self._index < len(self._tokens) and self._tokens[self._index][:2] == ("mark", symbol):
            self._index += 1
            return True
        return False

    def _expect(self, symbol: str) -> None:
        if not self._mark(symbol):
            raise self._unexpected()

    def _value(self) -> Value:
        self._depth += 1
        if self._depth > _MAXIMUM_DEPTH:
            raise ExpressionInvalid(f"Exceeded max expression depth {_MAXIMUM_DEPTH}")
        value = self._primary()
        while True:
            if self._mark("."):
                value = self._dotted(value)
            elif self._mark("["):
                value = self._all(value) if self._mark("*") else _reached(value, self._value())
                self._expect("]")
            else:
                self._depth -= 1
                return value

    def _dotted(self, value: Value) -> Value:
        if self._mark("*"):
            return self._all(value)
        if self._index >= len(self._tokens) or self._tokens[self._index][0] != "name":
            raise self._unexpected()
        self._index += 1
        return _reached(value, self._tokens[self._index - 1][1])

    def _all(self, value: Value) -> Value:
        """`*`: the values below, of which the next member is taken one by one."""
        if isinstance(value, Members):
            return _Filtered(tuple(token for _, token in value.pairs), value.place)
        return _Filtered(value.values, value.place) if isinstance(value, Items) else value

    def _primary(self) -> Value:
        if self._index >= len(self._tokens):
            raise self._unexpected()
        kind, symbol, position = self._tokens[self._index]
        if kind == "mark":
            raise self._unexpected()
        self._index += 1
        if kind == "text":
            return symbol[1:-1].replace("''", "'")
        if kind == "number":
            # More than one dot makes it a version, which is compared as text here.
            return float(symbol) if symbol.count(".") < 2 else symbol
        name = symbol.lower()
        if self._mark("("):
            return self._call(symbol, position)
        if name in _LITERALS:
            return _LITERALS[name]
        if name in self._names:
            return self._names[name]
        raise self._invalid("Unrecognized value", symbol, position)

    def _call(self, symbol: str, position: int) -> Value:
        function = self._functions.get(symbol.lower())
        if function is None:
            raise self._invalid("Unrecognized function", symbol, position)
        values: list[Value] = []
        if not self._mark(")"):
            values.append(self._value())
            while self._mark(","):
                values.append(self._value())
            self._expect(")")
        if not function.least <= len(values) <= function.most:
            raise self._invalid("Unexpected number of arguments to function", symbol, position)
        try:
            return function.call(values)
        except CallInvalid as error:
            raise ExpressionInvalid(str(error)) from error


class _Filtered(Items):
    """What `*` found: a further member is that of each."""


def _reached(value: Value, key: Value) -> Value:
    if not isinstance(value, _Filtered):
        return member(value, key)
    found: list[Token] = []
    for token in value.values:
        reached = member(value_of(token), key)
        if isinstance(reached, Items | Members):
            found.append(reached)
        elif reached is not None:
            found.append(Scalar(reached, token.place))
    return _Filtered(tuple(found), value.place)
