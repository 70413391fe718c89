"""Runs the emulator until it is told to stop or its parent is gone."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
import tempfile
from pathlib import Path

from infra.local.azure_devops.emulator import Options
from infra.local.azure_devops.server import Server


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.local.azure_devops", description=__doc__)
    parser.add_argument("--data", type=Path, help="directory for state and repositories (default: temporary)")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--pat", default="local-pat")
    parser.add_argument("--bearer", help="accept this bearer token too")
    parser.add_argument("--hook-time-scale", type=float, default=1.0, help="factor for the waits of hooks")
    parser.add_argument(
        "--latency-ms", type=float, default=100.0, help="mean delay of merges and policy evaluations"
    )
    parser.add_argument(
        "--refuse-pull-request-statuses", action="store_true", help="take statuses on iterations only"
    )
    parser.add_argument("--parent-pid", type=int, help="stop when this process is gone")
    return parser.parse_args()


async def _parent_gone(pid: int) -> None:
    # A killed parent may stay as a zombie that still has its pid, but it is our parent no longer.
    is_parent = os.getppid() == pid
    while True:
        if is_parent and os.getppid() != pid:
            return
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        except PermissionError:
            pass
        await asyncio.sleep(1)


async def _run(arguments: argparse.Namespace, data: Path) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    options = Options(
        data=data,
        pat=arguments.pat,
        bearer=arguments.bearer,
        hook_time_scale=arguments.hook_time_scale,
        latency_ms=arguments.latency_ms,
        refuse_pull_request_statuses=arguments.refuse_pull_request_statuses,
    )
    server = Server(options)
    url = await server.start(arguments.port)
    sys.stdout.write("READY " + json.dumps({"url": url, "pat": arguments.pat}) + "\n")
    sys.stdout.flush()
    waiting: list[asyncio.Task[object]] = [asyncio.create_task(stop.wait())]
    if arguments.parent_pid is not None:
        waiting.append(asyncio.create_task(_parent_gone(arguments.parent_pid)))
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    await server.stop()


def main() -> None:
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    arguments = _arguments()
    if arguments.data is not None:
        asyncio.run(_run(arguments, arguments.data))
        return
    with tempfile.TemporaryDirectory(prefix="azure-devops-") as directory:
        asyncio.run(_run(arguments, Path(directory)))


if __name__ == "__main__":
    main()
