"""python -m infra.local.service_bus --config topology.json [--port 0] [--journal file.db] [--parent-pid N]"""

import argparse
import asyncio
import json
import logging
import sys
from pathlib import Path

from infra.local.lifetime import add_parent_pid, say_ready, told_to_stop
from infra.local.service_bus.config import ConfigError
from infra.local.service_bus.server import build, connection_string


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m infra.local.service_bus", description=__doc__)
    parser.add_argument(
        "--config", type=Path, required=True, help="topology in Microsoft's emulator's format"
    )
    parser.add_argument("--port", type=int, default=0, help="0 finds a free one")
    parser.add_argument("--journal", type=Path, help="sqlite file; without it, messages live in memory only")
    add_parent_pid(parser)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s service_bus %(message)s")
    try:
        sys.exit(asyncio.run(_run(arguments)))
    except (ConfigError, OSError, json.JSONDecodeError) as error:
        sys.exit(f"service_bus: {error}")


async def _run(arguments: argparse.Namespace) -> int:
    stop = told_to_stop(arguments.parent_pid)
    server = build(arguments.config, arguments.journal)
    port = await server.start(arguments.port)
    say_ready({"connectionString": connection_string(port), "port": port})
    waiting = [asyncio.create_task(event.wait()) for event in (stop, server.failed)]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    await server.stop()
    return 1 if server.failed.is_set() else 0


if __name__ == "__main__":
    main()
