"""Hosts for crash tests: the whole program, but forked from a process that has its imports behind it."""

import asyncio
import io
import json
import multiprocessing
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import aiohttp

from tests.infra.test_durable.driving import APP_DIR, Driver

_PRELOADED = [
    "infra.local.functions_host.__main__",
    "azure.durable_functions",
    "tests.infra.test_durable.forked",
]


class _Said(io.TextIOBase):
    def __init__(self, to: Connection) -> None:
        self._to = to

    def write(self, text: str) -> int:
        self._to.send(text)
        return len(text)


def _serve(arguments: list[str], environment: Mapping[str, str], log: str, said: Connection) -> None:
    from infra.local.functions_host import __main__ as program

    os.environ.update(environment)
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), sys.stderr.fileno())
    sys.argv = ["functions_host", *arguments]
    sys.stdout = _Said(said)
    os._exit(program.main())


class ForkedHost:
    """Starts at once; blocks until the host is ready, so call it in a thread."""

    def __init__(
        self, arguments: list[str], environment: Mapping[str, str], log: str, app: Sequence[str] = ()
    ) -> None:
        """`app` are modules of the app, to be imported once as well where this host is the first."""
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([*_PRELOADED, *app])
        listening, said = context.Pipe(duplex=False)
        self.process = context.Process(target=_serve, args=(arguments, environment, log, said), daemon=True)
        self.process.start()
        said.close()
        self.ready: dict[str, Any] = {}
        try:
            line = listening.recv()
        except EOFError:
            self.process.join()
            if self.process.exitcode == -signal.SIGKILL:
                return  # at a moment of what it took up before it was ready
            raise AssertionError(f"the host ended with {self.process.exitcode}: see {log}") from None
        assert line.startswith("READY "), line
        self.ready = json.loads(line.removeprefix("READY "))

    def wait(self) -> int | None:
        """Its exit code: minus the signal that killed it."""
        self.process.join(20)
        return self.process.exitcode

    def stop(self) -> int | None:
        self.process.terminate()
        return self.wait()

    def kill(self) -> None:
        self.process.kill()
        self.process.join()


@asynccontextmanager
async def forked(
    environment: dict[str, str], log: Path, *arguments: str
) -> AsyncIterator[tuple[ForkedHost, Driver]]:
    """A forked host on the Durable app, and what drives it. Killed at the end, if not stopped before."""
    given = ["--app-dir", str(APP_DIR), "--quiet", *arguments]
    host = await asyncio.to_thread(ForkedHost, given, environment, str(log))
    try:
        async with aiohttp.ClientSession(host.ready["url"]) as http:
            yield host, Driver(http)
    finally:
        await asyncio.to_thread(host.kill)
