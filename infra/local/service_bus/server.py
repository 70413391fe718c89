"""The listening socket and the flush: the journal commits before a byte of the answers leaves."""

import asyncio
import logging
import sqlite3
from pathlib import Path

from infra.local.service_bus import config
from infra.local.service_bus.broker import Broker
from infra.local.service_bus.connection import Connection
from infra.local.service_bus.deadlines import Deadlines
from infra.local.service_bus.journal import Journal, NoJournal, SqliteJournal

_log = logging.getLogger(__name__)


class Server:
    """One process, one event loop; nothing here is safe to call from another thread."""

    def __init__(self, topology: config.Topology, journal: Journal) -> None:
        self._journal = journal
        self._deadlines = Deadlines()
        self.broker = Broker(topology, journal, self._deadlines)
        self._listener: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._unflushed: set[Connection] = set()
        self._flush_planned = False
        # Set when the journal cannot be written: what cannot be made durable must not be acknowledged.
        self.failed = asyncio.Event()

    async def start(self, port: int) -> int:
        """Listen on the loopback interface; the port that was given, or the free one that was found for 0."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(
            lambda: Connection(self), "127.0.0.1", port, reuse_address=True, backlog=512
        )
        bound: int = self._listener.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        if self._listener is not None:
            self._listener.close()
        self._flush()
        for connection in list(self._connections):
            connection.abort()
        self._deadlines.close()
        if not self.failed.is_set():
            self._journal.close()

    def opened(self, connection: Connection) -> None:
        self._connections.add(connection)

    def closed(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._unflushed.discard(connection)

    def flush_soon(self, connection: Connection) -> None:
        """Everything that this turn of the event loop changes and answers goes out together."""
        self._unflushed.add(connection)
        if not self._flush_planned:
            self._flush_planned = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_planned = False
        if self.failed.is_set():
            return
        try:
            self._journal.commit()
        except sqlite3.Error:
            _log.critical("the journal cannot be written", exc_info=True)
            self.failed.set()
            return
        connections, self._unflushed = self._unflushed, set()
        for connection in connections:
            connection.flush()


def connection_string(port: int) -> str:
    return (
        f"Endpoint=sb://127.0.0.1:{port};SharedAccessKeyName=RootManageSharedAccessKey;"
        "SharedAccessKey=local;UseDevelopmentEmulator=true;"
    )


def build(config_path: Path, journal_path: Path | None) -> Server:
    """ConfigError when the topology cannot be served. Call inside a running event loop."""
    journal = SqliteJournal(journal_path) if journal_path else NoJournal()
    return Server(config.load(config_path), journal)
