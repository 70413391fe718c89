"""The laptop cloud's storage: it starts on free ports, keeps what it is given, and ends when it should."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlparse

import pytest

from adapters.table_storage import TableStorageStore
from domain.kernel.work import Partition
from infra.local.azurite import server
from tests.azurite import AzuriteServer, start
from tests.contracts.store_fixtures import Ticket, record, soon, ticket, transaction

PARTITION = Partition("tenant-1", "project-1")


async def commit(azurite: AzuriteServer, *tickets: Ticket) -> None:
    store = TableStorageStore(azurite.connection_string)
    await store.commit(transaction(PARTITION, *map(record, tickets)))
    await store.close()


async def is_listening(url: str) -> bool:
    address = urlparse(url)
    try:
        _, writer = await asyncio.open_connection(address.hostname, address.port)
    except OSError:
        return False
    writer.close()
    return True


async def gone(url: str) -> None:
    """Return when nobody listens there any more: each connection lasts until the server ends it."""
    address = urlparse(url)
    while True:
        try:
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
        except OSError:
            return
        with contextlib.suppress(ConnectionResetError):
            await reader.read()
        writer.close()


async def test_what_was_stored_survives_a_stop_and_a_start(tmp_path: Path) -> None:
    small, large = ticket("small"), ticket("large", text="x" * 700_000)
    first = start("--data", str(tmp_path))
    await commit(first, small, large)
    assert first.stop() == 0
    second = start("--data", str(tmp_path))
    store = TableStorageStore(second.connection_string)
    for stored in (small, large):
        loaded = await store.load(PARTITION, Ticket, stored.id)
        assert loaded is not None and loaded.aggregate.text == stored.text
    assert len([one async for one in store.unpublished(soon())]) == 1
    await store.close()
    assert second.stop() == 0


async def test_without_a_directory_nothing_is_kept() -> None:
    first = start()
    await commit(first, ticket())
    assert first.stop() == 0
    second = start()
    store = TableStorageStore(second.connection_string)
    assert (await store.page(PARTITION, Ticket, 10)).items == ()
    await store.close()
    assert second.stop() == 0


async def test_it_ends_with_its_parent() -> None:
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=subprocess.PIPE)
    azurite = start("--parent-pid", str(parent.pid))
    assert await is_listening(azurite.table_url) and await is_listening(azurite.blob_url)
    parent.kill()
    await parent.wait()
    assert await asyncio.to_thread(azurite.process.wait, 10) == 0
    assert not await is_listening(azurite.table_url) and not await is_listening(azurite.blob_url)


async def test_killing_it_leaves_no_server_behind(tmp_path: Path) -> None:
    azurite = start("--data", str(tmp_path))
    stored = ticket()
    await commit(azurite, stored)
    assert await is_listening(azurite.table_url)
    azurite.process.kill()
    async with asyncio.timeout(10):
        await gone(azurite.table_url)


def test_sigint_is_a_clean_end_too() -> None:
    azurite = start()
    os.kill(azurite.process.pid, signal.SIGINT)
    assert azurite.process.wait(10) == 0


def test_a_port_that_is_taken_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "infra.local.azurite", "--table-port", port]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and done.stdout == ""
    assert "EADDRINUSE" in done.stderr and port in done.stderr and "Traceback" not in done.stderr


def test_a_missing_installation_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(server, "SCRIPT", tmp_path / "azurite.js")
    with pytest.raises(server.StartFailed, match="make install"):
        server.command_line(None, 0, 0, 0)
