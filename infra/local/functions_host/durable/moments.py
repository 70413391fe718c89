"""The moments between which a crash makes a difference, numbered over the process, for crash tests."""

import os
import signal
from typing import Literal, TextIO

MomentKind = Literal[
    "turn-begin", "turn-decided", "turn-stored", "activity-begin", "activity-returned", "activity-stored"
]


class Moments:
    """Counts moments; writes them down, or kills this process at one of them, where a setting says so."""

    def __init__(self) -> None:
        self._kill_at = int(os.environ.get("FUNCTIONS_HOST_KILL_AT_MOMENT") or 0)
        path = os.environ.get("FUNCTIONS_HOST_LOG_MOMENTS")
        self._log: TextIO | None = open(path, "a", encoding="utf-8") if path else None  # noqa: SIM115
        self._count = 0
        # A crash test counts those of one instance alone, while older ones are taken up beside it.
        self._of = os.environ.get("FUNCTIONS_HOST_COUNT_MOMENTS_OF") or ""

    def reach(self, kind: MomentKind, instance_id: str, name: str) -> None:
        if not instance_id.startswith(self._of):
            return
        self._count += 1
        if self._log is not None:
            self._log.write(f"{self._count} {kind} {instance_id} {name}\n")
            self._log.flush()
        if self._count == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
