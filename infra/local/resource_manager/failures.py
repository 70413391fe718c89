"""Resources that are told to fail, until as many operations as asked for have failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from infra.local.resource_manager.errors import invalid_request


@dataclass
class Failure:
    """times -1 is without end."""

    resource: str
    code: str
    message: str
    times: int


class Failures:
    def __init__(self) -> None:
        self._failures: list[Failure] = []

    def add(self, body: dict[str, Any]) -> None:
        resource = str(body.get("resource") or "").lower()
        if not resource:
            raise invalid_request("resource is an id or a name")
        code = str(body.get("code") or "Conflict")
        message = str(body.get("message") or "The provider refused the operation.")
        self._failures.append(Failure(resource, code, message, int(body.get("times", 1))))

    def clear(self) -> None:
        self._failures.clear()

    def take(self, resource_id: str) -> Failure | None:
        """The failure of this operation, if it has one."""
        identity = resource_id.lower()
        for failure in self._failures:
            if failure.times != 0 and failure.resource in (identity, identity.rpartition("/")[2]):
                failure.times -= 1 if failure.times > 0 else 0
                return failure
        return None
