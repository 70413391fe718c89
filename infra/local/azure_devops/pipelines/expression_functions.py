"""The functions of expressions, with how many arguments each takes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from infra.local.azure_devops.pipelines.expression_values import (
    Value,
    equal,
    order,
    text,
    truth,
    value_of,
)
from infra.local.azure_devops.pipelines.yaml_document import (
    NOWHERE,
    Items,
    Members,
    Scalar,
    to_python,
)

MANY = 255


type Call = Callable[[Sequence[Value]], Value]


class CallInvalid(Exception):
    """The arguments don't suit the function."""


@dataclass(frozen=True)
class Function:
    least: int
    most: int
    call: Call


def words(value: Value) -> str:
    """As `text`; empty for what has none."""
    return text(value) or ""


def _contains(values: Sequence[Value]) -> Value:
    return words(values[1]).lower() in words(values[0]).lower()


def _contains_value(values: Sequence[Value]) -> Value:
    holder = values[0]
    if isinstance(holder, Items):
        return any(equal(values[1], value_of(token)) for token in holder.values)
    if isinstance(holder, Members):
        return any(equal(values[1], value_of(token)) for _, token in holder.pairs)
    return False


def _join(values: Sequence[Value]) -> Value:
    if not isinstance(values[1], Items):
        return words(values[1])
    return words(values[0]).join(words(value_of(token)) for token in values[1].values)


def _split(values: Sequence[Value]) -> Value:
    letters = "".join(re.escape(letter) for letter in words(values[1]))
    parts = re.split(f"[{letters}]", words(values[0])) if letters else [words(values[0])]
    return Items(tuple(Scalar(part, NOWHERE) for part in parts), NOWHERE)


_FORMAT = re.compile(r"\{\{|\}\}|\{(\d+)(?::[^{}]*)?\}|[{}]")


def _format(values: Sequence[Value]) -> Value:
    def replaced(found: re.Match[str]) -> str:
        if found[0] in ("{{", "}}"):
            return found[0][0]
        if found[1] is None or int(found[1]) + 1 >= len(values):
            raise CallInvalid(f"The following format string is invalid: {words(values[0])}")
        return words(values[int(found[1]) + 1])

    return _FORMAT.sub(replaced, words(values[0]))


def _length(values: Sequence[Value]) -> Value:
    value = values[0]
    if isinstance(value, Items):
        return float(len(value.values))
    if isinstance(value, Members):
        return float(len(value.pairs))
    return float(len(words(value)))


def _to_json(values: Sequence[Value]) -> Value:
    value = values[0]
    plain = to_python(value if isinstance(value, Items | Members) else Scalar(value, NOWHERE))
    return json.dumps(plain, indent=2, ensure_ascii=False)


def _coalesce(values: Sequence[Value]) -> Value:
    return next((value for value in values if value is not None and value != ""), None)


def _compared(holds: Callable[[int], bool]) -> Call:
    def call(values: Sequence[Value]) -> Value:
        found = order(values[0], values[1])
        return found is not None and holds(found)

    return call


FUNCTIONS: dict[str, Function] = {
    "and": Function(2, MANY, lambda v: all(truth(value) for value in v)),
    "coalesce": Function(2, MANY, _coalesce),
    "contains": Function(2, 2, _contains),
    "containsvalue": Function(2, 2, _contains_value),
    "converttojson": Function(1, 1, _to_json),
    "endswith": Function(2, 2, lambda v: words(v[0]).lower().endswith(words(v[1]).lower())),
    "eq": Function(2, 2, lambda v: equal(v[0], v[1])),
    "format": Function(1, MANY, _format),
    "ge": Function(2, 2, _compared(lambda found: found >= 0)),
    "gt": Function(2, 2, _compared(lambda found: found > 0)),
    "iif": Function(3, 3, lambda v: v[1] if truth(v[0]) else v[2]),
    "in": Function(2, MANY, lambda v: any(equal(v[0], value) for value in v[1:])),
    "join": Function(2, 2, _join),
    "le": Function(2, 2, _compared(lambda found: found <= 0)),
    "length": Function(1, 1, _length),
    "lower": Function(1, 1, lambda v: words(v[0]).lower()),
    "lt": Function(2, 2, _compared(lambda found: found < 0)),
    "ne": Function(2, 2, lambda v: not equal(v[0], v[1])),
    "not": Function(1, 1, lambda v: not truth(v[0])),
    "notin": Function(2, MANY, lambda v: not any(equal(v[0], value) for value in v[1:])),
    "or": Function(2, MANY, lambda v: any(truth(value) for value in v)),
    "replace": Function(3, 3, lambda v: words(v[0]).replace(words(v[1]), words(v[2]))),
    "split": Function(2, 2, _split),
    "startswith": Function(2, 2, lambda v: words(v[0]).lower().startswith(words(v[1]).lower())),
    "trim": Function(1, 1, lambda v: words(v[0]).strip()),
    "upper": Function(1, 1, lambda v: words(v[0]).upper()),
    "xor": Function(2, 2, lambda v: truth(v[0]) != truth(v[1])),
}
