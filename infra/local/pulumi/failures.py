"""Resources whose provider is told to fail, until as many operations as asked for have failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from infra.local.pulumi.errors import bad_request


@dataclass
class Failure:
    """op is a step's (create, update, ...), None for any; times -1 is without end."""

    stack: str
    resource: str
    op: str | None
    message: str
    times: int

    def render(self) -> dict[str, Any]:
        return {
            "stack": self.stack,
            "resource": self.resource,
            "op": self.op,
            "message": self.message,
            "timesLeft": self.times,
        }


class Failures:
    def __init__(self) -> None:
        self._failures: list[Failure] = []

    def add(self, stack: str, body: dict[str, Any]) -> None:
        resource = str(body.get("resource") or "")
        if not resource:
            raise bad_request("resource is a URN or the name of a resource")
        self._failures.append(
            Failure(
                stack,
                resource,
                str(body["op"]) if body.get("op") else None,
                str(body.get("message") or "the provider refused the operation"),
                int(body.get("times", 1)),
            )
        )

    def clear(self) -> None:
        self._failures.clear()

    def render(self) -> list[dict[str, Any]]:
        return [failure.render() for failure in self._failures]

    def take(self, stack: str, urn: str, op: str) -> str | None:
        """The message with which this operation fails, if it does."""
        for failure in self._failures:
            if (
                failure.times != 0
                and failure.stack == stack
                and failure.resource in (urn, urn.rpartition("::")[2])
                and failure.op in (None, op)
            ):
                failure.times -= 1 if failure.times > 0 else 0
                return failure.message
        return None
