"""What an emulator answers instead of an error of its own; each words it as its service does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class Refusal(Exception):
    """An HTTP status with a message."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        raise NotImplementedError


@dataclass(frozen=True)
class Refusals:
    """What every service has a word for; `throttled` and `unavailable` may say for how many seconds."""

    invalid: Callable[[str], Refusal]
    throttled: Callable[[float], Refusal]
    unavailable: Callable[[float], Refusal]
    broken: Callable[[], Refusal]
