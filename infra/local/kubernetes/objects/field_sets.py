"""An object as a flat map of field paths, and the fieldsV1 form in which sets of them are kept."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from infra.local.kubernetes.objects.schema import KEY_DEFAULTS, Names, is_atomic_map, is_set, list_keys
from infra.local.kubernetes.resources import Resource

type Json = dict[str, Any]
type Path = tuple[str, ...]
"""Elements as in fieldsV1: `f:name`, `k:{"name":"app"}` for an item by its keys, `v:"x"` for one of a set."""

# What the server itself keeps; nobody owns it.
_UNOWNED = frozenset(
    {
        "name",
        "generateName",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "managedFields",
        "selfLink",
    }
)
_ITEM = object()


def flatten(resource: Resource, body: Json, *, status: bool | None = None) -> dict[Path, Any]:
    """Each owned field with its value; with status True only the status, with False all but it."""
    flat: dict[Path, Any] = {}
    for name, value in body.items():
        if name in ("apiVersion", "kind") or (status is not None and status != (name == "status")):
            continue
        if name == "metadata":
            for field, found in value.items():
                if field not in _UNOWNED:
                    _walk(resource, found, ("f:metadata", f"f:{field}"), ("metadata", field), flat)
        else:
            _walk(resource, value, (f"f:{name}",), (name,), flat)
    return flat


def _walk(resource: Resource, value: Any, path: Path, names: Names, flat: dict[Path, Any]) -> None:
    if isinstance(value, dict) and value and not is_atomic_map(resource, names):
        for name, found in value.items():
            _walk(resource, found, (*path, f"f:{name}"), (*names, name), flat)
        return
    keys = list_keys(resource, names)
    if isinstance(value, list) and value and keys:
        for item in value:
            here = (*path, item_element(item, keys))
            flat[here] = _ITEM
            for name, found in item.items():
                _walk(resource, found, (*here, f"f:{name}"), (*names, name), flat)
    elif isinstance(value, list) and value and is_set(names):
        for item in value:
            flat[(*path, f"v:{json.dumps(item)}")] = item
    else:
        flat[path] = value


def item_element(item: Json, keys: Names) -> str:
    """How an item of a list is called in paths."""
    named = {key: item.get(key, KEY_DEFAULTS.get(key)) for key in keys}
    return "k:" + json.dumps(named, separators=(",", ":"), sort_keys=True)


def encode(paths: Iterable[Path]) -> Json:
    root: Json = {}
    for path in sorted(paths):
        node = root
        for element in path:
            node = node.setdefault(element, {})
        node["."] = {}
    return _without_lone_dots(root)


def _without_lone_dots(node: Json) -> Json:
    return {} if set(node) == {"."} else {name: _without_lone_dots(child) for name, child in node.items()}


def decode(fields: Json) -> set[Path]:
    found: set[Path] = set()
    _decode(fields, (), found)
    return found


def _decode(node: Json, path: Path, found: set[Path]) -> None:
    if path and (not node or "." in node):
        found.add(path)
    for element, child in node.items():
        if element != ".":
            _decode(child, (*path, element), found)


def spelled(path: Path) -> str:
    """As conflicts name it: .spec.template.spec.containers[name="app"].image"""
    text = ""
    for element in path:
        kind, _, rest = element.partition(":")
        if kind == "f":
            text += f".{rest}"
        elif kind == "k":
            text += (
                "[" + ",".join(f"{key}={json.dumps(value)}" for key, value in json.loads(rest).items()) + "]"
            )
        else:
            text += f"[={rest}]"
    return text
