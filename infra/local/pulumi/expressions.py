"""References in a program's values: ${name.property[0]}, with values that a preview can't know yet."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from infra.local.pulumi.errors import OperationFailed

# What the engine writes for a value that only the real operation will tell.
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)\}")
_PATH = re.compile(r"([^.\[\]]+)|\[(?:(\d+)|\"([^\"]*)\")\]")


def references(value: Any) -> Iterator[str]:
    """The first name of every reference inside a value."""
    if isinstance(value, str):
        for found in _REFERENCE.finditer(value):
            if found[1] is not None:
                yield str(_path(found[1])[0])
    elif isinstance(value, dict):
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def evaluate(value: Any, names: Mapping[str, Any]) -> Any:
    """The value with its references filled in; a string that is one reference takes over its type."""
    if isinstance(value, dict):
        for key in value:
            if str(key).startswith("fn::"):
                raise OperationFailed(f"the function {key} is not supported by this local service")
        return {str(key): evaluate(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [evaluate(item, names) for item in value]
    return _interpolate(value, names) if isinstance(value, str) else value


def _interpolate(text: str, names: Mapping[str, Any]) -> Any:
    whole = _REFERENCE.fullmatch(text)
    if whole is not None and whole[1] is not None:
        return _look_up(whole[1], names)
    unknown = False

    def fill(found: re.Match[str]) -> str:
        nonlocal unknown
        if found[1] is None:
            return "${"
        value = _look_up(found[1], names)
        unknown = unknown or value == UNKNOWN
        if isinstance(value, dict | list):
            raise OperationFailed(f"${{{found[1]}}} is not a string and stands inside one: {text!r}")
        return str(value).lower() if isinstance(value, bool) else str(value)

    filled = _REFERENCE.sub(fill, text)
    return UNKNOWN if unknown else filled


def _look_up(path: str, names: Mapping[str, Any]) -> Any:
    first, *rest = _path(path)
    if first not in names:
        raise OperationFailed(f'resource, variable, or config value "{first}" not found')
    value = names[str(first)]
    for part in rest:
        if value == UNKNOWN:
            return UNKNOWN
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            raise OperationFailed(f"{first} has no property {part!r}: ${{{path}}}") from None
    return value


def _path(text: str) -> list[str | int]:
    parts: list[str | int] = [
        int(found[2]) if found[2] is not None else (found[3] if found[3] is not None else found[1])
        for found in _PATH.finditer(text.strip())
    ]
    if not parts:
        raise OperationFailed(f"an empty reference: ${{{text}}}")
    return parts
