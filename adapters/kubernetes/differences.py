"""What differs between two states of an object, in sentences that name the fields."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from adapters.kubernetes.client import part

# What the API server and the controllers write.
_NOT_OURS = (
    *("managedFields", "resourceVersion", "generation", "uid", "selfLink"),
    *("creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"),
)
_MOST = 5
_LONGEST = 60
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
# Where people put credentials that belong in a Secret.
_CONFIDENTIAL = re.compile(r"\.env(\[|$)")

_MISSING = object()


def sentence(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> str | None:
    """What is otherwise in the live object; None where nothing is. A Secret's content is never told."""
    found = list(_differences("", _compared(live), _compared(wanted)))
    if not found:
        return None
    secret = wanted.get("kind") == "Secret"
    words = [
        _words(path, is_, should, secret or _CONFIDENTIAL.search(path)) for path, is_, should in found[:_MOST]
    ]
    if len(found) > _MOST:
        words.append(f"and {len(found) - _MOST} more")
    return "; ".join(words)


def _compared(one: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {key: value for key, value in part(one, "metadata").items() if key not in _NOT_OURS}
    rest = {key: value for key, value in one.items() if key not in ("status", "metadata")}
    return {**rest, "metadata": metadata}


def _differences(path: str, live: Any, wanted: Any) -> Iterator[tuple[str, Any, Any]]:
    """Paths with what is there and what should be."""
    if isinstance(live, dict) and isinstance(wanted, dict):
        for key in sorted(live.keys() | wanted.keys()):
            yield from _differences(_below(path, key), live.get(key, _MISSING), wanted.get(key, _MISSING))
        return
    by_name, should_by_name = _by_name(live), _by_name(wanted)
    if by_name is not None and should_by_name is not None:
        for name in sorted(by_name.keys() | should_by_name.keys()):
            one, other = by_name.get(name, _MISSING), should_by_name.get(name, _MISSING)
            yield from _differences(f"{path}[{name}]", one, other)
        return
    # To Kubernetes an empty map or list is none.
    if live != wanted and not (_is_nothing(live) and _is_nothing(wanted)):
        yield path, live, wanted


def _by_name(found: Any) -> dict[str, Any] | None:
    """The objects of a list by name; None where they have none that is their own."""
    if not isinstance(found, list) or not all(isinstance(item, dict) and "name" in item for item in found):
        return None
    named = {str(item["name"]): item for item in found}
    return named if len(named) == len(found) else None


def _below(path: str, key: str) -> str:
    if _PLAIN.fullmatch(key) is None:
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def _words(path: str, live: Any, wanted: Any, confidential: object) -> str:
    # Of what has parts, some may be confidential: its name has to do.
    unspoken = confidential or _has_parts(live) or _has_parts(wanted)
    if wanted is _MISSING:
        return f"{path} {'is set' if unspoken else 'is ' + _shown(live)}, but should not be set"
    if live is _MISSING:
        return f"{path} is not set, but should be{'' if unspoken else ' ' + _shown(wanted)}"
    if unspoken:
        return f"{path} is not what it should be"
    return f"{path} is {_shown(live)}, not {_shown(wanted)}"


def _has_parts(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(map(_has_parts, value)))


def _shown(value: Any) -> str:
    written = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    written = " ".join(written.split())
    return written if len(written) <= _LONGEST else written[: _LONGEST - 1] + "…"


def _is_nothing(value: Any) -> bool:
    return value is _MISSING or value is None or value == {} or value == []
