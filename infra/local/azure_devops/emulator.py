"""What every request shares: options, state, repositories, background work and faults."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from infra.local.azure_devops.git_store import GitStore
from infra.local.azure_devops.pipelines.cancellation import Cancellation
from infra.local.emulation.faults import HOOK_MODES, REQUEST_MODES, Faults
from infra.local.emulation.jobs import Jobs
from infra.local.emulation.request_log import RequestLog
from infra.local.emulation.state import State


@dataclass(frozen=True)
class Options:
    data: Path
    pat: str = "local-pat"
    bearer: str | None = None
    hook_time_scale: float = 1.0
    latency_ms: float = 100.0
    refuse_pull_request_statuses: bool = False
    agents: int = 2
    templates: Path | None = None
    """Folder with the published pipeline templates, a subfolder for each version."""
    run_latency_ms: float = 20.0
    agent_environment: Mapping[str, str] = field(default_factory=dict)


class Emulator:
    """The parts of one running server."""

    def __init__(self, options: Options) -> None:
        options.data.mkdir(parents=True, exist_ok=True)
        self.options = options
        self.state = State(options.data / "state.sqlite")
        self.git = GitStore(options.data / "repositories")
        self.jobs = Jobs()
        self.faults = Faults(REQUEST_MODES | {"lag"}, HOOK_MODES | {"old-payload"})
        self.requests = RequestLog()
        # How many evaluations of a pull request are asked for; only the last one is done.
        self.evaluation_turns: dict[str, int] = {}
        # Agents of pipelines, the runs that go on by their scope, and who waits for which approval.
        self.agents = asyncio.Semaphore(options.agents)
        self.runs: dict[str, Cancellation] = {}
        self.decisions: dict[str, asyncio.Event] = {}
        self.base_url = ""
        self._http: aiohttp.ClientSession | None = None

    @property
    def http(self) -> aiohttp.ClientSession:
        """For hook deliveries; made on first use, inside the running loop."""
        if self._http is None:
            self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))
        return self._http

    def latency(self) -> float:
        """How long the service takes, in seconds, for what it does after it answered."""
        return self.options.latency_ms / 1000 * random.uniform(0.5, 1.5)

    async def close(self) -> None:
        await self.jobs.close()
        if self._http is not None:
            await self._http.close()
        self.state.close()
