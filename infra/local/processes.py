"""Starts the laptop cloud's servers as child processes and stops exactly what it started."""

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

log = logging.getLogger(__name__)

ROOT = Path(__file__).parents[2]
READY_TIMEOUT = 60.0
STOP_TIMEOUT = 15.0


class NotStarted(Exception):
    """A server ended, or did not say READY in time; its last words are in the message."""


class Server:
    """One `python -m <module>` that says `READY {json}` on stdout when it accepts connections."""

    def __init__(
        self,
        module: str,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        log_file: Path | None = None,
    ) -> None:
        self.module, self.arguments = module, arguments
        self._environment = {**os.environ, **(environment or {})}
        self._log_file = log_file
        self._process: asyncio.subprocess.Process | None = None
        self._tail: list[str] = []
        self._readers: list[asyncio.Task[None]] = []
        self.ready: dict[str, Any] = {}

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self) -> Self:
        """Raises `NotStarted`."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            self.module,
            *self.arguments,
            "--parent-pid",
            str(os.getpid()),
            cwd=ROOT,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=1024 * 1024,
            # Its own group: Ctrl-C reaches us alone, and we stop the servers in order.
            start_new_session=True,
        )
        assert self._process.stdout is not None and self._process.stderr is not None
        self._readers = [asyncio.create_task(self._read_log(self._process.stderr))]
        try:
            async with asyncio.timeout(READY_TIMEOUT):
                while line := await self._process.stdout.readline():
                    if line.startswith(b"READY "):
                        self.ready = json.loads(line[6:])
                        self._readers.append(asyncio.create_task(self._read_log(self._process.stdout)))
                        return self
        except TimeoutError:
            reason = f"not ready within {READY_TIMEOUT:g} s"
        else:
            reason = f"ended with code {await self._process.wait()}"
        await self.stop()
        raise NotStarted(f"{self.module} {reason}\n{''.join(self._tail[-20:])}")

    async def _read_log(self, stream: asyncio.StreamReader) -> None:
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(self._log_file.open("a")) if self._log_file else None
            while line := await stream.readline():
                text = line.decode("utf-8", "replace")
                self._tail = [*self._tail[-50:], text]
                if file is not None:
                    file.write(text)
                    file.flush()

    async def stop(self) -> int:
        """SIGTERM, then after a while SIGKILL; answers the exit code."""
        assert self._process is not None
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(STOP_TIMEOUT):
                    await self._process.wait()
            except TimeoutError:
                log.warning("%s does not stop; killing it", self.module)
                await self.kill()
        await asyncio.gather(*self._readers, return_exceptions=True)
        return self._process.returncode or 0

    async def kill(self) -> None:
        """SIGKILL, as a crash would."""
        assert self._process is not None
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


def is_free(port: int) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> Sequence[int]:
    """Ports that are free now, all different."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for candidate in sockets:
            candidate.bind(("127.0.0.1", 0))
        return [candidate.getsockname()[1] for candidate in sockets]
