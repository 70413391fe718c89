"""Runs the service until it is told to stop or its parent is gone."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from infra.local.lifetime import add_parent_pid, serve_over, serve_until_told
from infra.local.pulumi.server import Server
from infra.local.pulumi.service import Options


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.local.pulumi", description=__doc__)
    parser.add_argument("--state", type=Path, help="directory for all state (default: temporary)")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--token", default=Options.token)
    parser.add_argument("--git-username", help="for programs whose request and settings bring no credentials")
    parser.add_argument("--git-password")
    parser.add_argument(
        "--pace", type=float, default=Options.pace, help="seconds that the change of one resource takes"
    )
    add_parent_pid(parser)
    return parser.parse_args()


async def _run(arguments: argparse.Namespace, state: Path) -> None:
    options = Options(
        state=state,
        token=arguments.token,
        git_username=arguments.git_username,
        git_password=arguments.git_password,
        pace=arguments.pace,
    )
    await serve_until_told(Server(options), arguments.port, arguments.parent_pid, token=arguments.token)


def main() -> None:
    arguments = _arguments()
    serve_over(arguments.state, "pulumi", partial(_run, arguments))


if __name__ == "__main__":
    main()
