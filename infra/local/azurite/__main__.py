"""`python -m infra.local.azurite`: run Azurite until told to stop."""

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from infra.local.azurite.server import Azurite, StartFailed
from infra.local.lifetime import add_parent_pid, say_ready, told_to_stop

log = logging.getLogger("azurite")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.local.azurite", description=__doc__)
    parser.add_argument("--data", type=Path, help="where rows and blobs are kept; absent: in memory")
    parser.add_argument("--blob-port", type=int, default=0, help="0 is a free port")
    parser.add_argument("--queue-port", type=int, default=0, help="0 is a free port")
    parser.add_argument("--table-port", type=int, default=0, help="0 is a free port")
    add_parent_pid(parser)
    return parser.parse_args()


async def _serve(arguments: argparse.Namespace) -> int:
    told = asyncio.create_task(told_to_stop(arguments.parent_pid).wait())
    starting = asyncio.create_task(
        Azurite.start(arguments.data, arguments.blob_port, arguments.queue_port, arguments.table_port)
    )
    await asyncio.wait({starting, told}, return_when=asyncio.FIRST_COMPLETED)
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
    say_ready(answer)
    ended = asyncio.create_task(server.wait())
    await asyncio.wait({ended, told}, return_when=asyncio.FIRST_COMPLETED)
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
