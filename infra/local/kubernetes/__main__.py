"""Runs the cluster until it is told to stop or its parent is gone."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from infra.local.kubernetes.cluster import Options
from infra.local.kubernetes.server import Server
from infra.local.lifetime import add_parent_pid, serve_over, serve_until_told


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.local.kubernetes", description=__doc__)
    parser.add_argument("--state", type=Path, help="directory for objects and sources (default: temporary)")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--token", default=Options.token)
    parser.add_argument("--pace", type=float, default=Options.pace, help="seconds that a step of a pod takes")
    parser.add_argument(
        "--deadline-scale",
        type=float,
        default=Options.deadline_scale,
        help="factor for the seconds in rollouts: progressDeadlineSeconds and minReadySeconds",
    )
    add_parent_pid(parser)
    return parser.parse_args()


async def _run(arguments: argparse.Namespace, state: Path) -> None:
    options = Options(
        state=state, token=arguments.token, pace=arguments.pace, deadline_scale=arguments.deadline_scale
    )
    await serve_until_told(Server(options), arguments.port, arguments.parent_pid, token=arguments.token)


def main() -> None:
    arguments = _arguments()
    serve_over(arguments.state, "kubernetes", partial(_run, arguments))


if __name__ == "__main__":
    main()
