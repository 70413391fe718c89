"""How two sets of inputs differ, path by path, and whether that needs another resource."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.local.emulation.state import Json


@dataclass(frozen=True)
class Difference:
    detailed: Json
    """Path -> {diffKind, inputDiff}."""
    keys: list[str]
    """Top-level properties that need a replacement."""
    diffs: list[str]
    """Top-level properties that changed."""

    def __bool__(self) -> bool:
        return bool(self.diffs)


def compare(old: Mapping[str, Any], new: Mapping[str, Any], replacing: frozenset[str]) -> Difference:
    detailed: Json = {}
    keys: set[str] = set()
    diffs: set[str] = set()
    for path, kind, _, _ in walk(old, new):
        top = path.partition(".")[0].partition("[")[0]
        replaces = top in replacing or path in replacing
        detailed[path] = {"diffKind": f"{kind}-replace" if replaces else kind, "inputDiff": True}
        diffs.add(top)
        if replaces:
            keys.add(top)
    return Difference(dict(sorted(detailed.items())), sorted(keys), sorted(diffs))


def walk(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, str, Any, Any]]:
    """(path, add | delete | update, old value, new value) of every difference."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            inner = f"{path}.{key}" if path else str(key)
            if key not in new:
                yield inner, "delete", old[key], None
            elif key not in old:
                yield inner, "add", None, new[key]
            else:
                yield from walk(old[key], new[key], inner)
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            inner = f"{path}[{index}]"
            if index >= len(new):
                yield inner, "delete", old[index], None
            elif index >= len(old):
                yield inner, "add", None, new[index]
            else:
                yield from walk(old[index], new[index], inner)
    elif old != new:
        yield path, "update", old, new
