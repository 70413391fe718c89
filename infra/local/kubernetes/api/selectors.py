"""Label and field selectors."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from infra.local.kubernetes.errors import bad_request

type Json = dict[str, Any]
type Test = Callable[[Json], bool]

_SET = re.compile(r"([^\s,()!=]+)\s+(in|notin)\s+\(([^)]*)\)")
_EQUAL = re.compile(r"([^\s,()!=]+)\s*(==|=|!=)\s*([^\s,()!=]*)")
_EXISTS = re.compile(r"(!?)\s*([^\s,()!=]+)")
_FIELDS = ("metadata.name", "metadata.namespace", "status.phase", "type", "reason", "involvedObject.name")


def selected(labels: str, fields: str) -> Test:
    """Whether an object matches both; raises 400 for what is no selector."""
    tests = [*_label_tests(labels), *_field_tests(fields)]
    return lambda body: all(test(body) for test in tests)


def matches_labels(selector: Json, labels: Json) -> bool:
    """A LabelSelector as objects hold it: matchLabels and matchExpressions."""
    if any(labels.get(name) != value for name, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(
        _expression(part["key"], part["operator"].lower(), part.get("values") or ())(labels)
        for part in selector.get("matchExpressions") or []
    )


def _label_tests(text: str) -> Iterable[Test]:
    rest = text.strip()
    while rest:
        if found := _SET.match(rest):
            values = [value.strip() for value in found[3].split(",")]
            yield _on_labels(_expression(found[1], found[2], values))
        elif found := _EQUAL.match(rest):
            yield _on_labels(_expression(found[1], "notin" if found[2] == "!=" else "in", [found[3]]))
        elif found := _EXISTS.match(rest):
            yield _on_labels(_expression(found[2], "doesnotexist" if found[1] else "exists", ()))
        else:
            raise bad_request(f"unable to parse requirement: {rest!r}")
        rest = rest[found.end() :].strip()
        if rest and not rest.startswith(","):
            raise bad_request(f"unable to parse requirement: found {rest!r}, expected: ',' or end")
        rest = rest[1:].strip()


def _on_labels(test: Callable[[Json], bool]) -> Test:
    return lambda body: test(body["metadata"].get("labels") or {})


def _expression(key: str, operator: str, values: Iterable[str]) -> Callable[[Json], bool]:
    wanted = set(values)
    match operator:
        case "in":
            return lambda labels: labels.get(key) in wanted
        case "notin":
            return lambda labels: labels.get(key) not in wanted
        case "exists":
            return lambda labels: key in labels
        case "doesnotexist":
            return lambda labels: key not in labels
    raise bad_request(f"{operator!r} is not a valid label selector operator")


def _field_tests(text: str) -> Iterable[Test]:
    for part in filter(None, (part.strip() for part in text.split(","))):
        found = _EQUAL.fullmatch(part)
        if not found or not (found[1] in _FIELDS or found[1].startswith("involvedObject.")):
            raise bad_request(f"field label not supported: {part}")
        yield _field(found[1].split("."), found[3], negate=found[2] == "!=")


def _field(path: list[str], wanted: str, *, negate: bool) -> Test:
    def test(body: Json) -> bool:
        node: Any = body
        for name in path:
            node = node.get(name) if isinstance(node, dict) else None
        return (str(node or "") == wanted) != negate

    return test
