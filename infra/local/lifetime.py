"""How every local server begins and ends: says READY once, stops on a signal or when its parent is gone."""

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Protocol

_CHECK_SECONDS = 1.0


def add_parent_pid(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--parent-pid", type=int, help="stop when this process is gone")


def serve_over(data: Path | None, name: str, serve: Callable[[Path], Coroutine[Any, Any, None]]) -> None:
    """Serve over this directory, without one over a temporary one that goes when the server ends."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    if data is not None:
        asyncio.run(serve(data))
        return
    with tempfile.TemporaryDirectory(prefix=f"{name}-") as directory:
        asyncio.run(serve(Path(directory)))


def say_ready(answer: Mapping[str, object]) -> None:
    """The line by which whoever started the server learns that it accepts connections, and where."""
    sys.stdout.write(f"READY {json.dumps(answer)}\n")
    sys.stdout.flush()


def told_to_stop(parent_pid: int | None) -> asyncio.Event:
    """Set by SIGTERM, SIGINT, or the end of the parent, so that a killed demo leaves no servers behind."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if parent_pid is not None:
        # A dead parent that nobody has reaped still has its pid, but it is no longer our parent.
        is_parent = os.getppid() == parent_pid

        def check() -> None:
            if (os.getppid() == parent_pid) if is_parent else _exists(parent_pid):
                loop.call_later(_CHECK_SECONDS, check)
            else:
                stop.set()

        check()
    return stop


class Servable(Protocol):
    async def start(self, port: int) -> str:
        """Listen, and return the URL."""

    async def stop(self) -> None: ...


async def serve_until_told(server: Servable, port: int, parent_pid: int | None, **told: str) -> None:
    """READY says the URL, and what else whoever started the server is told."""
    stop = told_to_stop(parent_pid)
    say_ready({"url": await server.start(port), **told})
    await stop.wait()
    await server.stop()


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
