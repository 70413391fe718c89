"""`python -m infra.local.azurite`: run Azurite until told to stop."""

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from pathlib import Path

from infra.local.azurite.server import Azurite, StartFailed

log = logging.getLogger("azurite")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.local.azurite", description=__doc__)
    parser.add_argument("--data", type=Path, help="where rows and blobs are kept; absent: in memory")
    parser.add_argument("--blob-port", type=int, default=0, help="0 is a free port")
    parser.add_argument("--queue-port", type=int, default=0, help="0 is a free port")
    parser.add_argument("--table-port", type=int, default=0, help="0 is a free port")
    parser.add_argument("--parent-pid", type=int, help="stop when this process is gone")
    return parser.parse_args()


async def _parent_gone(pid: int) -> None:
    is_direct = os.getppid() == pid
    while True:
        if is_direct and os.getppid() != pid:
            return
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        await asyncio.sleep(1)


async def _serve(arguments: argparse.Namespace) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    told = asyncio.create_task(stopping.wait())
    ends: set[asyncio.Task[None] | asyncio.Task[bool]] = {told}
    if arguments.parent_pid:
        ends.add(asyncio.create_task(_parent_gone(arguments.parent_pid)))
    starting = asyncio.create_task(
        Azurite.start(arguments.data, arguments.blob_port, arguments.queue_port, arguments.table_port)
    )
    await asyncio.wait({starting, *ends}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.wait({starting})
        return 0
    server, endpoints = starting.result()
    answer = {
        "connectionString": endpoints.connection_string,
        "blobUrl": endpoints.blob,
        "queueUrl": endpoints.queue,
        "tableUrl": endpoints.table,
    }
    sys.stdout.write(f"READY {json.dumps(answer)}\n")
    sys.stdout.flush()
    ended = asyncio.create_task(server.wait())
    await asyncio.wait({ended, *ends}, return_when=asyncio.FIRST_COMPLETED)
    if ended.done():
        log.error("Azurite ended by itself with code %s", ended.result())
        return 1
    await server.stop()
    return 0


def main() -> int:
    arguments = _arguments()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(name)s: %(message)s")
    try:
        return asyncio.run(_serve(arguments))
    except StartFailed as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
