"""What every request and every deployment shares: options, documents, faults, and what runs now."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from infra.local.emulation.faults import Faults
from infra.local.emulation.request_log import RequestLog
from infra.local.emulation.state import State
from infra.local.resource_manager.failures import Failures


@dataclass(frozen=True)
class Options:
    state: Path
    pace: float = 0.05
    """Seconds that the creation, change or deletion of one resource takes."""


class Service:
    """The parts of one running server."""

    def __init__(self, options: Options) -> None:
        options.state.mkdir(parents=True, exist_ok=True)
        self.state = State(options.state / "state.sqlite")
        self.faults = Faults()
        self.failures = Failures()
        self.requests = RequestLog()
        self.pace = options.pace
        self.base_url = ""
        self.running: dict[str, asyncio.Task[None]] = {}

    async def close(self) -> None:
        """Stop everything where it stands; the next start takes it up again."""
        tasks = list(self.running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.state.close()
