"""What Resource Manager's documents tell: what-ifs, operations, deployments."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from domain.provided import ProvidedChange

# `Deploy`: it would be sent, and nobody looked what differs.
_OPERATIONS = {"Create": "create", "Modify": "update", "Deploy": "update", "Delete": "delete"}

type Document = Mapping[str, Any]


def changes(what_if: Document) -> tuple[ProvidedChange, ...]:
    """Without what stays, or is none of the template's."""
    found = []
    for one in part(what_if, "properties").get("changes") or ():
        operation = _OPERATIONS.get(str(one.get("changeType")))
        if operation is not None:
            id = str(one.get("resourceId"))
            paths = tuple(sorted({str(delta.get("path")) for delta in one.get("delta") or ()}))
            found.append(ProvidedChange(id, _type(id), id.rpartition("/")[2], operation, paths))
    return tuple(found)


def _type(id: str) -> str:
    """`Microsoft.Storage/storageAccounts`, of the last provider in the id."""
    space, *rest = id.rpartition("/providers/")[2].split("/")
    return "/".join((space, *rest[::2]))


def done(expected: Iterable[ProvidedChange], operations: Document) -> tuple[ProvidedChange, ...]:
    """Those of the changes whose resource was dealt with."""
    succeeded = {
        str(part(one, "properties", "targetResource").get("id")).lower()
        for one in operations.get("value") or ()
        if part(one, "properties").get("provisioningState") == "Succeeded"
    }
    return tuple(one for one in expected if one.urn.lower() in succeeded)


def trouble(error: object) -> str:
    """The innermost messages say what is wrong, the outer ones only that something is."""
    return "; ".join(dict.fromkeys(_messages(error)))[:2000]


def _messages(error: object) -> Iterator[str]:
    if not isinstance(error, dict):
        return
    inner = error.get("details") or ()
    if isinstance(error.get("error"), dict):
        inner = (*inner, error["error"])
    for one in inner:
        yield from _messages(one)
    if not inner and error.get("message"):
        code = f"{error['code']}: " if error.get("code") else ""
        yield code + str(error["message"])


def outputs(deployment: Document) -> dict[str, str]:
    """Secure ones have no value."""
    return {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
        for name, one in part(deployment, "properties", "outputs").items()
        if isinstance(one, dict) and not str(one.get("type")).lower().startswith("secure")
        if (value := one.get("value")) is not None
    }


def milliseconds(deployment: Document) -> int:
    """When it last moved, since 1970; 0 where it does not say."""
    text = str(part(deployment, "properties").get("timestamp") or "")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return int(moment.timestamp() * 1000)


def version(deployments: Iterable[Document]) -> int:
    """A resource group counts nothing: when its newest deployment last moved."""
    return max(map(milliseconds, deployments), default=0)


def state(deployment: Document) -> str:
    return str(part(deployment, "properties").get("provisioningState"))


def code(answer: Any) -> str:
    return str(part(answer, "error").get("code"))


def part(document: Any, *path: str) -> Document:
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    return document if isinstance(document, dict) else {}
