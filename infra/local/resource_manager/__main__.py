"""Runs the service until it is told to stop or its parent is gone."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from infra.local.lifetime import add_parent_pid, serve_over, serve_until_told
from infra.local.resource_manager.server import Server
from infra.local.resource_manager.service import Options


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.local.resource_manager", description=__doc__)
    parser.add_argument("--state", type=Path, help="directory for all state (default: temporary)")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument(
        "--pace", type=float, default=Options.pace, help="seconds that the change of one resource takes"
    )
    add_parent_pid(parser)
    return parser.parse_args()


async def _run(arguments: argparse.Namespace, state: Path) -> None:
    await serve_until_told(
        Server(Options(state=state, pace=arguments.pace)), arguments.port, arguments.parent_pid
    )


def main() -> None:
    arguments = _arguments()
    serve_over(arguments.state, "resource-manager", partial(_run, arguments))


if __name__ == "__main__":
    main()
