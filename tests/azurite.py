"""One Azurite for the whole test session, started by the command that users start it with."""

import atexit
import functools
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
START_SECONDS = 60.0
STOP_SECONDS = 15.0


@dataclass(frozen=True)
class AzuriteServer:
    """A running `python -m infra.local.azurite`."""

    process: subprocess.Popen[str]
    connection_string: str
    table_url: str
    blob_url: str

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        finally:
            self.process.kill()


def start(*arguments: str) -> AzuriteServer:
    """Start one and wait until it is ready; it ends with this process at the latest."""
    command = [sys.executable, "-m", "infra.local.azurite", "--parent-pid", str(os.getpid()), *arguments]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    )
    # A start that hangs fails with what it said, not with a test's timeout.
    watchdog = threading.Timer(START_SECONDS, process.kill)
    watchdog.start()
    assert process.stdout is not None and process.stderr is not None
    try:
        line = process.stdout.readline()
    finally:
        watchdog.cancel()
    if not line.startswith("READY "):
        process.kill()
        raise RuntimeError(f"Azurite did not start: {line}{process.stderr.read()}")
    threading.Thread(target=process.stderr.read, daemon=True).start()
    ready = json.loads(line.removeprefix("READY "))
    return AzuriteServer(process, ready["connectionString"], ready["tableUrl"], ready["blobUrl"])


@functools.cache
def shared() -> AzuriteServer:
    """The session's one, in memory, however many fixtures ask for it."""
    server = start()
    atexit.register(server.stop)
    return server


@pytest.fixture(scope="session")
def azurite() -> AzuriteServer:
    return shared()
