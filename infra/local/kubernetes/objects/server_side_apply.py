"""Server-side apply: merge what a manager wants, refuse what others own, remove what it no longer wants."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from typing import Any

from infra.local.kubernetes.errors import Cause, apply_conflict
from infra.local.kubernetes.objects.field_sets import Path, flatten, item_element, spelled
from infra.local.kubernetes.objects.ownership import Owner, Owners, set_owned, take_from_others
from infra.local.kubernetes.objects.schema import KEY_DEFAULTS, Names, is_atomic_map, is_set, list_keys
from infra.local.kubernetes.resources import Resource

type Json = dict[str, Any]


def applied(
    resource: Resource,
    live: Json,
    wanted: Json,
    owners: Owners,
    owner: Owner,
    *,
    force: bool,
    absorb: Sequence[str],
    default: Callable[[Json], None],
) -> tuple[Json, Owners]:
    """The live object with the wanted fields, and who owns what then; raises 409 for what others own.

    What managers whose name begins with one of absorb own counts as the applier's, so it goes unless wanted.
    """
    status = owner.subresource == "status" if resource.has_status else None
    owners = dict(owners)
    wanted_paths = frozenset(flatten(resource, wanted, status=status))
    had = owners[owner].paths if owner in owners else frozenset()
    for other in [other for other in owners if any(other.manager.startswith(name) for name in absorb)]:
        if other != owner and other.subresource != "status":
            had |= owners.pop(other).paths
    merged: Json = _merge(resource, copy.deepcopy(live), wanted, ())
    defaulted = copy.deepcopy(merged)
    default(defaulted)
    old, new = flatten(resource, live), flatten(resource, defaulted)
    changed = {path for path in wanted_paths if path not in old or old[path] != new.get(path)}
    conflicts = _conflicts(owners, owner, changed)
    if conflicts and not force:
        raise apply_conflict(conflicts)
    take_from_others(owners, owner, changed)
    kept = {path for other, owned in owners.items() if other != owner for path in owned.paths}
    # Items before their fields: without its key an item would not be found again.
    for path in sorted(had - wanted_paths - kept, key=len):
        if not any(other[: len(path)] == path for other in kept):
            _remove(merged, path)
    set_owned(owners, owner, wanted_paths, resource)
    return merged, owners


def without_nulls(value: Any) -> Any:
    """An applied null says nothing."""
    if isinstance(value, dict):
        return {name: without_nulls(found) for name, found in value.items() if found is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def _conflicts(owners: Owners, owner: Owner, changed: set[Path]) -> list[Cause]:
    return [
        Cause(
            spelled(path),
            "FieldManagerConflict",
            f'conflict with "{other.manager}"'
            + (f' with subresource "{other.subresource}"' if other.subresource else "")
            + (f" using {owned.api_version} at {owned.time}" if other.operation == "Update" else ""),
        )
        for other, owned in owners.items()
        if other != owner
        for path in sorted(owned.paths & changed)
    ]


def _merge(resource: Resource, live: Any, wanted: Any, names: Names) -> Any:
    if isinstance(live, dict) and isinstance(wanted, dict) and not is_atomic_map(resource, names):
        merged = dict(live)
        for name, value in wanted.items():
            merged[name] = (
                _merge(resource, live[name], value, (*names, name)) if name in live else copy.deepcopy(value)
            )
        return merged
    if isinstance(live, list) and isinstance(wanted, list):
        keys = list_keys(resource, names)
        if keys:
            return _merge_items(resource, live, wanted, names, keys)
        if is_set(names):
            return live + [item for item in wanted if item not in live]
    return copy.deepcopy(wanted)


def _merge_items(
    resource: Resource, live: list[Json], wanted: list[Json], names: Names, keys: Names
) -> list[Json]:
    merged = {item_element(item, keys): item for item in live}
    for item in wanted:
        element = item_element(item, keys)
        merged[element] = _merge(resource, merged.get(element, {}), item, names)
    return list(merged.values())


def _remove(node: Any, path: Path) -> bool:
    """Remove the field and the maps that it leaves empty; answers whether this node is now empty."""
    element, rest = path[0], path[1:]
    kind, _, text = element.partition(":")
    if kind == "f":
        if isinstance(node, dict) and text in node and (not rest or _remove(node[text], rest)):
            del node[text]
            return not node
        return False
    if not isinstance(node, list):
        return False
    named = json.loads(text)
    for index, item in enumerate(node):
        if item == named if kind == "v" else _is_item(item, named):
            if not rest:
                del node[index]
                return not node
            _remove(item, rest)
            return False
    return False


def _is_item(item: Any, keys: Json) -> bool:
    return isinstance(item, dict) and all(
        item.get(key, KEY_DEFAULTS.get(key)) == value for key, value in keys.items()
    )
