"""Start the local host and the broker as the processes they are, and ask them what happened."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

APP_DIR = Path(__file__).parent
ROOT = Path(__file__).parents[3]
FUNCTION_KEY = "function-key"
MASTER_KEY = "master-key"


@dataclass
class Server:
    """A running local server; `ready` is what it said when it came up."""

    process: asyncio.subprocess.Process
    ready: dict[str, Any]
    log: list[str]
    reader: asyncio.Task[None]

    async def stop(self) -> int:
        """Ask it to stop and return its exit code."""
        if self.process.returncode is None:
            self.process.terminate()
        return await self.exit_code()

    async def kill(self) -> None:
        self.process.kill()
        await self.exit_code()

    async def exit_code(self) -> int:
        async with asyncio.timeout(20):
            code = await self.process.wait()
            await self.reader
        return code

    @property
    def logged(self) -> str:
        return "".join(self.log)


async def start(module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Server:
    """Start `python -m module` and wait for its READY line. Fails with its log when it ends instead."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        "--parent-pid",
        str(os.getpid()),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
    )
    log: list[str] = []
    reader = asyncio.create_task(_read(process.stderr, log))
    assert process.stdout is not None
    async with asyncio.timeout(30):
        while line := (await process.stdout.readline()).decode():
            if line.startswith("READY "):
                return Server(process, json.loads(line[6:]), log, reader)
        await reader
    raise AssertionError(f"{module} ended with {await process.wait()} before it was ready:\n{''.join(log)}")


async def _read(stream: asyncio.StreamReader | None, log: list[str]) -> None:
    assert stream is not None
    while chunk := await stream.read(65536):
        log.append(chunk.decode(errors="replace"))


async def start_host(
    connection_string: str, *arguments: str, app_dir: Path = APP_DIR, **environment: str
) -> Server:
    """Start the host on the sample app (or another one) against a broker."""
    settings = {
        "BUS": connection_string,
        "WORK_QUEUE": "work",  # or "patient", whose locks do not expire while a test looks
        "TIMER_SCHEDULE": "0 0 0 1 1 *",
        **environment,
    }
    return await start(
        "infra.local.functions_host",
        "--app-dir",
        str(app_dir),
        "--function-key",
        FUNCTION_KEY,
        *arguments,
        environment=settings,
    )


def topology(path: Path, lock_seconds: float = 2) -> Path:
    """Write the broker's configuration for the sample app."""
    short = {"LockDuration": f"PT{lock_seconds}S", "MaxDeliveryCount": 3}
    namespace = {
        "Name": "sbemulatorns",
        "Queues": [
            {"Name": "work", "Properties": short},
            {"Name": "patient", "Properties": short | {"LockDuration": "PT60S"}},
            {"Name": "batches", "Properties": short},
        ],
        "Topics": [
            {"Name": "events", "Properties": {}, "Subscriptions": [{"Name": "audit", "Properties": short}]}
        ],
    }
    path.write_text(
        json.dumps({"UserConfig": {"Namespaces": [namespace], "Logging": {"Type": "Console"}}}), "utf-8"
    )
    return path


async def start_bus(config: Path, *arguments: str, port: int = 0) -> Server:
    """Start the broker."""
    return await start("infra.local.service_bus", "--config", str(config), "--port", str(port), *arguments)


@asynccontextmanager
async def running(*servers: Server) -> AsyncIterator[None]:
    """Stop the servers at the end, the last one first."""
    try:
        yield
    finally:
        for server in reversed(servers):
            await server.stop()


def entries(journal: Path, **wanted: Any) -> list[dict[str, Any]]:
    """What the sample app wrote down, of the entries that have these values."""
    if not journal.exists():
        return []
    found = [json.loads(line) for line in journal.read_text("utf-8").splitlines()]
    return [entry for entry in found if all(entry.get(name) == value for name, value in wanted.items())]


async def until[T](probe: Callable[[], T], seconds: float = 10) -> T:
    """The probe's first true answer; fails when none comes in time."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                if answer := probe():
                    return answer
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"nothing within {seconds} s") from None


async def fire(host: Server, function: str, given: Any = "") -> tuple[int, Any]:
    """Run a function by hand and wait for its end: the status and the answer."""
    async with (
        aiohttp.ClientSession(host.ready["url"]) as http,
        http.post(f"/admin/functions/{function}?wait=1", json={"input": given}) as answer,
    ):
        return answer.status, await answer.json() if answer.content_length else None
