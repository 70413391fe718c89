"""What an update's engine events, a deployment's log and an exported state tell."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from domain.provided import ProvidedChange

_STACK = "pulumi:pulumi:Stack"

# A replacement is told in three steps; which of them come first depends on the resource.
_OPERATIONS = {
    "create": "create",
    "import": "create",
    "update": "update",
    "delete": "delete",
    "replace": "replace",
    "create-replacement": "replace",
    "delete-replaced": "replace",
    "import-replacement": "replace",
}
# Of a look for drift: what would make the resource what the state has it for.
_REPAIRS = {"delete": "create", "update": "update", "create": "delete"}

# What a secret is wrapped in, wherever there is one in a state.
_SECRET = "4dabf18193072939515e22adb298388d"

_BUSY = re.compile(r"\[409\].*another update is currently in progress", re.IGNORECASE)
_CANCELED = re.compile(r"\bcancell?ed\b", re.IGNORECASE)
_MARKUP = re.compile(r"<\{%.*?%\}>|\x1b\[[0-9;]*m")

type Event = Mapping[str, Any]


def changes(events: Iterable[Event], operation: str) -> tuple[ProvidedChange, ...]:
    """What was done; of a preview, what would be. The stack itself is no resource of its own."""
    kinds = ("resOutputsEvent", "resourcePreEvent") if operation != "update" else ("resOutputsEvent",)
    found: dict[str, ProvidedChange] = {}
    for event in events:
        step = next((one for kind in kinds if (one := _step(event, kind))), None)
        if step is None or step.get("type") == _STACK:
            continue
        word = _OPERATIONS.get(str(step.get("op")))
        if operation == "detect-drift":
            word = _REPAIRS.get(word or "")
        urn = str(step.get("urn"))
        if word is None or (urn in found and found[urn].operation == "replace"):
            continue
        properties = tuple(sorted(_properties(step)))
        found[urn] = ProvidedChange(urn, str(step.get("type")), urn.rpartition("::")[2], word, properties)
    return tuple(found.values())


def _step(event: Event, kind: str) -> Mapping[str, Any] | None:
    content = event.get(kind)
    step = content.get("metadata") if isinstance(content, dict) else None
    return step if isinstance(step, dict) else None


def _properties(step: Mapping[str, Any]) -> set[str]:
    given = step.get("detailedDiff") or step.get("diffs") or step.get("keys") or ()
    return {str(one) for one in given}


def trouble(events: Iterable[Event], log: Iterable[str]) -> str:
    """Why it failed: what the engine says of resources, or else the log's errors, or its last line."""
    said = [_MARKUP.sub("", text).strip() for text in _errors(events)]
    lines = [_MARKUP.sub("", line).strip() for line in log]
    written = [line for line in lines if "error:" in line.lower()] or lines[-1:]
    return "; ".join(dict.fromkeys(text for text in (said or written) if text))[:2000]


def _errors(events: Iterable[Event]) -> Iterator[str]:
    for event in events:
        content = event.get("diagnosticEvent")
        if isinstance(content, dict) and content.get("severity") == "error":
            yield str(content.get("message") or "")


def is_busy(log: Iterable[str]) -> bool:
    """Whether somebody else's update had the stack."""
    return any(_BUSY.search(line) for line in log)


def is_canceled(log: Iterable[str]) -> bool:
    return any(_CANCELED.search(line) for line in log)


def outputs(state: Any) -> dict[str, str]:
    """The stack's outputs without those that are secret, or hold one; what is no text is JSON."""
    deployment = state.get("deployment") if isinstance(state, dict) else None
    resources = (deployment or {}).get("resources") or ()
    stack: Event = next((one for one in resources if one.get("type") == _STACK), {})
    return {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
        for name, value in (stack.get("outputs") or {}).items()
        if not _is_secret(value)
    }


def _is_secret(value: object) -> bool:
    if isinstance(value, dict):
        return _SECRET in value or any(map(_is_secret, value.values()))
    return isinstance(value, list) and any(map(_is_secret, value))
