"""What a timer remembers between runs of the host: with it, a missed occurrence is fired as past due."""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

_NEVER = "0001-01-01T00:00:00"


@dataclass(frozen=True)
class ScheduleStatus:
    """The last run, the next one, and when this was written down. UTC; None is never."""

    last: datetime | None = None
    next: datetime | None = None
    last_updated: datetime | None = None

    def to_json(self) -> dict[str, str]:
        return {
            "Last": self.last.isoformat() if self.last else _NEVER,
            "Next": self.next.isoformat() if self.next else _NEVER,
            "LastUpdated": self.last_updated.isoformat() if self.last_updated else _NEVER,
        }

    @classmethod
    def from_json(cls, document: dict[str, str]) -> "ScheduleStatus":
        def read(name: str) -> datetime | None:
            text = document.get(name, _NEVER)
            return None if text == _NEVER else datetime.fromisoformat(text)

        return cls(read("Last"), read("Next"), read("LastUpdated"))


class StatusFile:
    """One small file a timer in a directory. The platform keeps the same document in blob storage."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def load(self, function: str) -> ScheduleStatus | None:
        path = self._path(function)
        if not path.exists():
            return None
        return ScheduleStatus.from_json(json.loads(path.read_text("utf-8")))

    def save(self, function: str, status: ScheduleStatus) -> None:
        path = self._path(function)
        new = path.with_suffix(".new")
        new.write_text(json.dumps(status.to_json()), "utf-8")
        new.replace(path)  # whole or not at all, should the process be killed here

    def _path(self, function: str) -> Path:
        return self._directory / f"timer-{re.sub(r'[^A-Za-z0-9_-]', '_', function)}.json"
