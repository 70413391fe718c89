"""What every request and every deployment shares: options, documents, faults, and what runs now."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from infra.local.emulation.faults import Faults
from infra.local.emulation.request_log import RequestLog
from infra.local.emulation.state import State
from infra.local.pulumi.failures import Failures


@dataclass(frozen=True)
class Options:
    state: Path
    token: str = "local-token"
    git_username: str | None = None
    git_password: str | None = None
    pace: float = 0.05
    """Seconds that the creation, change or deletion of one resource takes."""


class Service:
    """The parts of one running server."""

    def __init__(self, options: Options) -> None:
        options.state.mkdir(parents=True, exist_ok=True)
        self.options = options
        self.state = State(options.state / "state.sqlite")
        self.sources = options.state / "sources"
        self.faults = Faults()
        self.failures = Failures()
        self.requests = RequestLog()
        self.pace = options.pace
        self.base_url = ""
        # The queue of a stack that is being worked off, and the deployment that runs in it.
        self.queues: dict[str, asyncio.Task[None]] = {}
        self.running: dict[str, asyncio.Task[None]] = {}
        self.canceled: set[str] = set()

    async def close(self) -> None:
        """Stop everything where it stands; the next start takes it up again."""
        tasks = [*self.queues.values(), *self.running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.state.close()
