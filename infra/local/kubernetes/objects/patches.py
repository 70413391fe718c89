"""JSON patch and JSON merge patch."""

from __future__ import annotations

import copy
from typing import Any

from infra.local.kubernetes.errors import StatusError, bad_request

type Json = dict[str, Any]


def merge_patched(target: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patched(merged.get(name), value)
    return merged


def json_patched(target: Any, operations: Any) -> Any:
    """RFC 6902; a failed test or a missing path is 422, as the API server answers."""
    if not isinstance(operations, list):
        raise bad_request("a JSON patch is a list of operations")
    document = copy.deepcopy(target)
    for operation in operations:
        if not isinstance(operation, dict) or "op" not in operation or "path" not in operation:
            raise bad_request("an operation of a JSON patch has an op and a path")
        document = _applied(document, operation)
    return document


def _applied(document: Any, operation: Json) -> Any:
    path = _parts(operation["path"])
    match operation["op"]:
        case "add":
            return _set(document, path, operation.get("value"), insert=True)
        case "replace":
            _get(document, path)
            return _set(document, path, operation.get("value"), insert=False)
        case "remove":
            return _without(document, path)
        case "test":
            if _get(document, path) != operation.get("value"):
                raise _refused(f"testing path {operation['path']} failed")
            return document
        case "copy" | "move" as name:
            source = _parts(str(operation.get("from")))
            value = copy.deepcopy(_get(document, source))
            document = _without(document, source) if name == "move" else document
            return _set(document, path, value, insert=True)
        case other:
            raise bad_request(f"unknown operation {other!r} in a JSON patch")


def _parts(pointer: str) -> list[str]:
    if pointer and not pointer.startswith("/"):
        raise bad_request(f"not a JSON pointer: {pointer!r}")
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def _get(document: Any, path: list[str]) -> Any:
    for part in path:
        if isinstance(document, dict) and part in document:
            document = document[part]
        elif isinstance(document, list) and part.isdecimal() and int(part) < len(document):
            document = document[int(part)]
        else:
            raise _refused(f"the path /{'/'.join(path)} does not exist")
    return document


def _set(document: Any, path: list[str], value: Any, *, insert: bool) -> Any:
    if not path:
        return value
    parent, last = _get(document, path[:-1]), path[-1]
    if isinstance(parent, dict):
        parent[last] = value
    elif isinstance(parent, list) and (last == "-" or last.isdecimal()):
        index = len(parent) if last == "-" else int(last)
        if index > len(parent):
            raise _refused(f"index {index} is out of bounds")
        if insert:
            parent.insert(index, value)
        else:
            parent[index] = value
    else:
        raise _refused(f"the path /{'/'.join(path)} does not exist")
    return document


def _without(document: Any, path: list[str]) -> Any:
    _get(document, path)
    parent, last = _get(document, path[:-1]), path[-1]
    if isinstance(parent, dict):
        del parent[last]
    else:
        del parent[int(last)]
    return document


def _refused(why: str) -> StatusError:
    return StatusError(
        422, "Invalid", f"the server rejected our request due to an error in our request: {why}"
    )
