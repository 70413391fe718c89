"""What every request shares: options, metadata, bytes, background work and faults."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from infra.local.container_registry.blobs import Blobs
from infra.local.container_registry.uploads import Uploads
from infra.local.emulation.faults import HOOK_MODES, REQUEST_MODES, Faults
from infra.local.emulation.jobs import Jobs
from infra.local.emulation.request_log import RequestLog
from infra.local.emulation.state import State


@dataclass(frozen=True)
class Options:
    data: Path
    user: str = "local-registry"
    password: str = "local-password"
    webhook_url: str | None = None
    webhook_authorization: str | None = None
    webhook_retry_ms: float = 200.0
    scan_delay_ms: float = 300.0


@dataclass(frozen=True)
class Receiver:
    """Where the webhook goes; the URL may hold {tenantId} and {projectId}."""

    url: str
    authorization: str | None = None


class Registry:
    """The parts of one running server."""

    def __init__(self, options: Options) -> None:
        options.data.mkdir(parents=True, exist_ok=True)
        self.options = options
        self.state = State(options.data / "state.sqlite")
        self.blobs = Blobs(options.data / "blobs", self.state)
        self.uploads = Uploads(options.data / "uploads", self.state, self.blobs)
        self.jobs = Jobs()
        self.faults = Faults(REQUEST_MODES, HOOK_MODES)
        self.requests = RequestLog()
        self.base_url = ""
        self.receiver = (
            Receiver(options.webhook_url, options.webhook_authorization) if options.webhook_url else None
        )
        self._http: aiohttp.ClientSession | None = None

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).netloc

    @property
    def http(self) -> aiohttp.ClientSession:
        """For webhooks; made on first use, inside the running loop."""
        if self._http is None:
            self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))
        return self._http

    async def close(self) -> None:
        await self.jobs.close()
        if self._http is not None:
            await self._http.close()
        self.state.close()
