"""Strategic merge patch: a merge patch in which lists of named things are merged by their keys."""

from __future__ import annotations

import copy
from typing import Any

from infra.local.kubernetes.objects.schema import Names, is_set, list_keys
from infra.local.kubernetes.resources import Resource

type Json = dict[str, Any]

_ORDER, _DELETE = "$setElementOrder/", "$deleteFromPrimitiveList/"


def strategic_patched(resource: Resource, target: Json, patch: Json) -> Json:
    """With the directives $patch, $retainKeys, $deleteFromPrimitiveList and $setElementOrder."""
    return _patched(resource, target, patch, ())


def _patched(resource: Resource, target: Json, patch: Json, names: Names) -> Json:
    directive = patch.get("$patch")
    if directive == "replace":
        return {name: _plain(value) for name, value in patch.items() if not name.startswith("$")}
    if directive == "delete":
        return {}
    merged = dict(target)
    if "$retainKeys" in patch:
        merged = {name: value for name, value in merged.items() if name in patch["$retainKeys"]}
    for name, value in patch.items():
        if name.startswith(_DELETE):
            field = name.removeprefix(_DELETE)
            merged[field] = [item for item in merged.get(field) or [] if item not in value]
        elif name.startswith("$"):
            continue
        elif value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            held = merged.get(name)
            merged[name] = _patched(resource, held if isinstance(held, dict) else {}, value, (*names, name))
        elif isinstance(value, list):
            order = patch.get(_ORDER + name)
            merged[name] = _list(resource, merged.get(name) or [], value, (*names, name), order)
        else:
            merged[name] = value
    return merged


def _list(
    resource: Resource, target: list[Any], patch: list[Any], names: Names, order: list[Any] | None
) -> list[Any]:
    keys = list_keys(resource, names)
    if is_set(names):
        return target + [item for item in patch if item not in target]
    if not keys or any(isinstance(item, dict) and item.get("$patch") == "replace" for item in patch):
        return [_plain(item) for item in patch if not (isinstance(item, dict) and "$patch" in item)]
    key = keys[0]
    items = {item.get(key): item for item in target}
    for item in patch:
        if item.get("$patch") == "delete":
            items.pop(item.get(key), None)
        else:
            items[item.get(key)] = _patched(resource, items.get(item.get(key), {}), item, names)
    if order:
        ranks = {item.get(key): rank for rank, item in enumerate(order)}
        return sorted(items.values(), key=lambda item: ranks.get(item.get(key), len(ranks)))
    return list(items.values())


def _plain(value: Any) -> Any:
    """Without directives."""
    if isinstance(value, dict):
        return {name: _plain(found) for name, found in value.items() if not name.startswith("$")}
    return [_plain(item) for item in value] if isinstance(value, list) else copy.deepcopy(value)
