"""What a client asks a deployment to be, checked, and merged with the stack's settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from infra.local.emulation.state import Json
from infra.local.pulumi.errors import bad_request

OPERATIONS = frozenset({"update", "preview", "refresh", "destroy", "detect-drift", "remediate-drift"})
_OPTIONS = frozenset(
    {
        "skipInstallDependencies",
        "skipIntermediateDeployments",
        "shell",
        "deleteAfterDestroy",
        "remediateIfDriftDetected",
    }
)


def effective(body: Json, settings: Json | None) -> Json:
    """Raises 400."""
    operation = body.get("operation")
    if operation not in OPERATIONS:
        raise bad_request(f"invalid operation {operation!r}")
    inherit = body.get("inheritSettings", True)
    if not isinstance(inherit, bool):
        raise bad_request("inheritSettings must be a boolean")
    asked = checked_settings(body)
    merged = merge(settings or {}, asked) if inherit else asked
    git = (merged.get("sourceContext") or {}).get("git") or {}
    if not git.get("repoURL"):
        raise bad_request("sourceContext.git.repoURL is required")
    asked_git = (asked.get("sourceContext") or {}).get("git") or {}
    for ours, other in (("commit", "branch"), ("branch", "commit")):
        # What the request says replaces the other one of the settings.
        if asked_git.get(ours) and not asked_git.get(other):
            git.pop(other, None)
    if bool(git.get("branch")) == bool(git.get("commit")):
        raise bad_request("sourceContext.git needs either a branch or a commit")
    return {
        "operation": operation,
        "inheritSettings": inherit,
        "sourceContext": {"git": git},
        "operationContext": merged.get("operationContext") or {},
    }


def checked_settings(body: Json) -> Json:
    """sourceContext and operationContext of a body; names are matched without regard to case."""
    source = _mapping(body.get("sourceContext"), "sourceContext")
    git = {_name(str(key)): value for key, value in _mapping(source.get("git"), "git").items()}
    context = dict(_mapping(body.get("operationContext"), "operationContext"))
    for name, value in _mapping(context.get("environmentVariables"), "environmentVariables").items():
        plain = isinstance(value, str)
        secret = isinstance(value, dict) and isinstance(value.get("secret"), str)
        if not re.fullmatch(r"[A-Za-z_]\w*", str(name)) or not (plain or secret):
            raise bad_request(f"invalid environment variable {name!r}")
    if unknown := sorted(set(_mapping(context.get("options"), "options")) - _OPTIONS):
        raise bad_request(f"unknown options {', '.join(unknown)}")
    if context.get("preRunCommands"):
        raise bad_request("preRunCommands are not supported by this local service")
    found: Json = {}
    if git:
        found["sourceContext"] = {"git": git}
    if context:
        found["operationContext"] = context
    return found


def merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> Json:
    """Objects are merged key by key, everything else is replaced."""
    merged: Json = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, dict) and isinstance(value, dict) and "secret" not in value:
            merged[key] = merge(below, value)
        else:
            merged[key] = value
    return merged


def _name(key: str) -> str:
    names = {"repourl": "repoURL", "repodir": "repoDir", "gitauth": "gitAuth"}
    return names.get(key.lower(), key)


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise bad_request(f"{what} must be an object")
    return value
