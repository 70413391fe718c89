"""The template functions that need nothing but their arguments."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from infra.local.resource_manager.errors import invalid_template


def call(name: str, arguments: list[Any]) -> Any:
    function = _FUNCTIONS.get(name.lower())
    if function is None:
        raise invalid_template(f"the template function '{name}' is not supported by this local service")
    try:
        return function(*arguments)
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        raise invalid_template(f"the arguments of the template function '{name}' are not valid") from error


def resource_id(group: str, *parts: str) -> str:
    """Of a resource in this group: the type's last segments interleaved with the names."""
    type_index = next((index for index, part in enumerate(parts) if "/" in part), None)
    if type_index is None:
        raise ValueError("no resource type")
    if type_index > 0:
        _, _, subscription, _, own_group = group.split("/")
        given = (subscription, *parts[:type_index]) if type_index == 1 else parts[:type_index]
        group = f"/subscriptions/{given[0]}/resourceGroups/{given[1] or own_group}"
    return identity(group, parts[type_index], "/".join(parts[type_index + 1 :]))


def identity(group: str, type_: str, name: str) -> str:
    namespace, *types = type_.split("/")
    names = name.split("/")
    if len(types) != len(names):
        raise invalid_template(f"the name '{name}' does not fit the type '{type_}'")
    pairs = "/".join(f"{kind}/{own}" for kind, own in zip(types, names, strict=True))
    return f"{group}/providers/{namespace}/{pairs}"


def _concat(*values: Any) -> Any:
    if values and isinstance(values[0], list):
        return [item for value in values for item in value]
    return "".join(_text(value) for value in values)


def _format(pattern: str, *values: Any) -> str:
    return re.sub(r"\{(\d+)(?::[^}]*)?\}", lambda found: _text(values[int(found[1])]), pattern)


def _unique_string(*values: str) -> str:
    """13 characters, the same for the same values."""
    digest = hashlib.sha256("-".join(values).encode()).digest()
    return base64.b32encode(digest).decode().lower()[:13]


def _union(first: Any, *others: Any) -> Any:
    if isinstance(first, list):
        return list(dict.fromkeys([*first, *(item for other in others for item in other)]))
    merged: dict[str, Any] = dict(first)
    for other in others:
        merged.update(other)
    return merged


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "True" if value else "False"
    return value if isinstance(value, str) else json.dumps(value)


def _create_object(*pairs: Any) -> dict[str, Any]:
    return dict(zip(pairs[::2], pairs[1::2], strict=True))


def _equals(left: Any, right: Any) -> bool:
    both = isinstance(left, str) and isinstance(right, str)
    return bool(left.lower() == right.lower() if both else left == right)


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "concat": _concat,
    "format": _format,
    "tolower": lambda text: text.lower(),
    "toupper": lambda text: text.upper(),
    "uniquestring": _unique_string,
    "if": lambda condition, yes, no: yes if condition else no,
    "equals": _equals,
    "not": lambda value: not value,
    "and": lambda *values: all(values),
    "or": lambda *values: any(values),
    "union": _union,
    "createobject": _create_object,
    "createarray": lambda *values: list(values),
    "string": _text,
    "int": int,
    "bool": lambda value: str(value).lower() in ("true", "1"),
    "coalesce": lambda *values: next((value for value in values if value is not None), None),
    "empty": lambda value: not value,
    "length": len,
    "replace": lambda text, old, new: text.replace(old, new),
    "substring": lambda text, start, length=None: text[start:][:length],
    "take": lambda value, count: value[:count],
    "json": json.loads,
    "true": lambda: True,
    "false": lambda: False,
    "null": lambda: None,
}
