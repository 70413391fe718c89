"""Every request with its outcome, so that a test can count effects instead of guessing."""

from __future__ import annotations

from collections import deque
from typing import Any

type Json = dict[str, Any]

_KEPT = 10_000


class Requests:
    def __init__(self) -> None:
        self._entries: deque[Json] = deque(maxlen=_KEPT)

    def record(self, method: str, path: str, status: int, manager: str | None, dry_run: bool) -> None:
        """Status 0 stands for a connection cut without an answer."""
        self._entries.append(
            {"method": method, "path": path, "status": status, "fieldManager": manager, "dryRun": dry_run}
        )

    def clear(self) -> None:
        self._entries.clear()

    def render(self) -> Json:
        return {"count": len(self._entries), "value": list(self._entries)}
