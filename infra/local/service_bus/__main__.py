"""python -m infra.local.service_bus --config topology.json [--port 0] [--journal file.db] [--parent-pid N]"""

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from pathlib import Path

from infra.local.service_bus.config import ConfigError
from infra.local.service_bus.server import build, connection_string

_PARENT_CHECK_SECONDS = 1.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m infra.local.service_bus", description=__doc__)
    parser.add_argument(
        "--config", type=Path, required=True, help="topology in Microsoft's emulator's format"
    )
    parser.add_argument("--port", type=int, default=0, help="0 finds a free one")
    parser.add_argument("--journal", type=Path, help="sqlite file; without it, messages live in memory only")
    parser.add_argument("--parent-pid", type=int, help="exit when this process is gone")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s service_bus %(message)s")
    try:
        sys.exit(asyncio.run(_run(arguments)))
    except (ConfigError, OSError, json.JSONDecodeError) as error:
        sys.exit(f"service_bus: {error}")


async def _run(arguments: argparse.Namespace) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = build(arguments.config, arguments.journal)
    port = await server.start(arguments.port)
    watch = asyncio.create_task(_watch(arguments.parent_pid, stop)) if arguments.parent_pid else None
    sys.stdout.write(f"READY {json.dumps({'connectionString': connection_string(port), 'port': port})}\n")
    sys.stdout.flush()
    waiting = [asyncio.create_task(event.wait()) for event in (stop, server.failed)]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in (*waiting, watch):
        if task is not None:
            task.cancel()
    await server.stop()
    return 1 if server.failed.is_set() else 0


async def _watch(pid: int, stop: asyncio.Event) -> None:
    # A dead parent that nobody has reaped still has its pid, but it is no longer our parent.
    is_parent = os.getppid() == pid
    while (os.getppid() == pid) if is_parent else _exists(pid):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _PARENT_CHECK_SECONDS)
            return
    stop.set()


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


if __name__ == "__main__":
    main()
