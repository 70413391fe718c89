"""Failures on demand: rules that a test sets and the server consumes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from infra.local.emulation.state import Json

REQUEST_MODES = frozenset({"429", "503", "500", "slow", "cut-after-commit", "cut-before"})
HOOK_MODES = frozenset({"duplicate-hook", "reorder-hooks", "drop-hook"})


class InvalidRule(Exception):
    """The message says what is wrong with it."""


@dataclass
class Rule:
    """times is how often the rule still fires, -1 without end; delay and retry_after are seconds.

    For requests method and path are the request's; for hooks the path is the receiver's and
    event_type is the event's.
    """

    mode: str
    method: str | None
    path: re.Pattern[str]
    event_type: str | None
    times: int
    delay: float
    retry_after: float
    fired: int = 0

    def matches(self, method: str | None, path: str, event_type: str | None) -> bool:
        return (
            self.times != 0
            and (self.method is None or method is None or self.method == method)
            and (self.event_type is None or self.event_type == event_type)
            and self.path.search(path) is not None
        )

    def render(self) -> Json:
        return {
            "match": {
                "method": self.method,
                "pathRegex": self.path.pattern,
                "eventType": self.event_type,
            },
            "mode": self.mode,
            "timesLeft": self.times,
            "delay": self.delay,
            "retryAfter": self.retry_after,
            "fired": self.fired,
        }


class Faults:
    """The modes are those that the emulator knows for requests, and for its hooks."""

    def __init__(
        self, request_modes: frozenset[str] = REQUEST_MODES, hook_modes: frozenset[str] = frozenset()
    ) -> None:
        self._request_modes, self._hook_modes = request_modes, hook_modes
        self._rules: list[Rule] = []

    def add(self, rules: object) -> None:
        """Append rules, a list or an object with one; the first that matches wins. Raises InvalidRule."""
        if isinstance(rules, dict):
            rules = rules.get("rules")
        if not isinstance(rules, list):
            raise InvalidRule("the body must be a list of rules")
        for body in rules:
            if not isinstance(body, dict) or body.get("mode") not in self._request_modes | self._hook_modes:
                raise InvalidRule(f"unknown fault {body!r}")
        self._rules += [_rule(body) for body in rules]

    def clear(self) -> None:
        self._rules.clear()

    def render(self) -> Json:
        return {"count": len(self._rules), "value": [rule.render() for rule in self._rules]}

    def for_request(self, method: str, path: str) -> Rule | None:
        return self._take(self._request_modes, method, path, None)

    def for_hook(self, path: str, event_type: str) -> Rule | None:
        return self._take(self._hook_modes, None, path, event_type)

    def _take(
        self, modes: frozenset[str], method: str | None, path: str, event_type: str | None
    ) -> Rule | None:
        for rule in self._rules:
            if rule.mode in modes and rule.matches(method, path, event_type):
                rule.fired += 1
                if rule.times > 0:
                    rule.times -= 1
                return rule
        return None


def _rule(body: Json) -> Rule:
    match = body.get("match") or {}
    method = match.get("method")
    try:
        path = re.compile(str(match.get("pathRegex") or ""), re.IGNORECASE)
    except re.error as error:
        raise InvalidRule(f"pathRegex: {error}") from error
    return Rule(
        mode=body["mode"],
        method=str(method).upper() if method else None,
        path=path,
        event_type=match.get("eventType"),
        times=int(body.get("times", 1)),
        delay=float(body.get("delay", 0)),
        retry_after=float(body.get("retryAfter", 1)),
    )
