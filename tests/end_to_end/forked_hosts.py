"""The cloud's host, forked from a process with its imports behind it, to be killed at a moment."""

import asyncio
import os
import pkgutil
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import functions
from infra.local.cloud import Cloud
from tests.infra.test_durable.forked import ForkedHost

# The app's rooms, and the adapters that its platform imports when they are first asked for.
_APP = (
    *(f"functions.{room.name}" for room in pkgutil.iter_modules(functions.__path__)),
    *(f"adapters.{part}" for part in ("table_storage", "service_bus", "azure_devops", "blob_storage")),
    *(f"adapters.{part}" for part in ("kubernetes.flux", "kubernetes.rollouts", "kustomize", "argo_cd")),
    *(f"adapters.{part}" for part in ("http_probe", "prometheus", "pulumi", "infrastructure_engines")),
    *("azure.servicebus.aio", "azure.identity.aio", "azure_functions_runtime"),
)

# Seconds between two looks whether there is still something to wait for, and that the last turn may take.
_SLICE, _LAST_TURN = 0.1, 1.5


@dataclass(frozen=True)
class Moment:
    """One between which a crash makes a difference: its number in its process, what it is, and of what."""

    number: int
    kind: str
    instance: str
    name: str


@dataclass
class ForkedHosts:
    """Stand in for the cloud's own host, which must be away; one lives at a time."""

    cloud: Cloud
    folder: Path
    lives: int = 0
    host: ForkedHost | None = None

    @property
    def log(self) -> Path:
        """What all of them said."""
        return self.folder / "forked-hosts.log"

    @asynccontextmanager
    async def living(self, instance: str = "", kill_at: int = 0) -> AsyncIterator["Life"]:
        """Until the block ends, or the host is killed at this moment of this instance."""
        self.lives += 1
        moments = self.folder / f"moments-{self.lives}"
        environment = {
            **self.cloud.settings,
            "FUNCTIONS_HOST_LOG_MOMENTS": str(moments),
            "FUNCTIONS_HOST_COUNT_MOMENTS_OF": instance,
            "FUNCTIONS_HOST_KILL_AT_MOMENT": str(kill_at),
        }
        arguments = [
            *("--app-dir", str(Path(__file__).parents[2]), "--port", str(self.cloud.host_port)),
            *(f"--function-key={self.cloud.function_key}", "--parent-pid", str(os.getpid())),
        ]
        self.host = await asyncio.to_thread(ForkedHost, arguments, environment, str(self.log), _APP)
        try:
            yield Life(self.host, moments)
        finally:
            await self.end()

    async def end(self) -> None:
        """Whatever still lives is killed."""
        if self.host is not None:
            await asyncio.to_thread(self.host.kill)


@dataclass(frozen=True)
class Life:
    host: ForkedHost
    file: Path

    @property
    def was_killed(self) -> bool:
        return self.host.process.exitcode == -signal.SIGKILL

    async def ended(self, is_over: Callable[[], Awaitable[bool]]) -> None:
        """Wait for the moment at which it is killed, or until what it is to be killed at is over without."""
        patience = _SLICE
        while self.host.process.exitcode is None and patience == _SLICE:
            if await is_over():
                patience = _LAST_TURN
            await asyncio.to_thread(self.host.process.join, patience)
        assert self.host.process.exitcode in (None, -signal.SIGKILL), "the host ended by itself"

    @property
    def moments(self) -> list[Moment]:
        """Those that it has come to; where it was killed, the last one is why."""
        lines = self.file.read_text("utf-8").splitlines() if self.file.exists() else []
        return [
            Moment(int(number), kind, instance, name)
            for number, kind, instance, name in (line.split() for line in lines)
        ]

    def moments_of(self, instance: str) -> list[Moment]:
        return [one for one in self.moments if one.instance == instance]
