"""The values of expressions and how one type becomes another."""

from __future__ import annotations

from infra.local.azure_devops.pipelines.yaml_document import Items, Members, Scalar, Token

type Value = str | bool | float | Items | Members | None


def value_of(token: Token) -> Value:
    return token.value if isinstance(token, Scalar) else token


def text(value: Value) -> str | None:
    """None for what has no text: mappings and sequences."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "True" if value else "False"
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.15g}"
    return None


def truth(value: Value) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value != ""
    if isinstance(value, float):
        return value != 0
    return value is not None


def number(value: Value) -> float | None:
    """None for what is no number."""
    if isinstance(value, bool):
        return 1.0 if value else 0.0
    if isinstance(value, float):
        return value
    if value is None:
        return 0.0
    if isinstance(value, str):
        try:
            return float(value.replace("_", "x") or "0")
        except ValueError:
            return None
    return None


def equal(left: Value, right: Value) -> bool:
    """The right side is converted to the type of the left; what can't be is different."""
    if isinstance(left, bool):
        return left == truth(right)
    if isinstance(left, float):
        return left == number(right)
    if isinstance(left, str):
        other = text(right)
        return other is not None and left.lower() == other.lower()
    if left is None:
        return right is None or right == ""
    return left is right


def order(left: Value, right: Value) -> int | None:
    """-1, 0 or 1 as left is before, at or after right; None where they can't be compared."""
    if isinstance(left, float | bool):
        mine, other = number(left), number(right)
        return None if mine is None or other is None else (mine > other) - (mine < other)
    if isinstance(left, str):
        words = text(right)
        return None if words is None else (left.lower() > words.lower()) - (left.lower() < words.lower())
    return None


def member(value: Value, key: Value) -> Value:
    """What is at a name or an index; None where there is nothing."""
    if isinstance(value, Members):
        name = (text(key) or "").lower()
        for found, token in value.pairs:
            if str(found.value).lower() == name:
                return value_of(token)
    if isinstance(value, Items):
        index = number(key)
        if index is not None and index.is_integer() and 0 <= index < len(value.values):
            return value_of(value.values[int(index)])
    return None
