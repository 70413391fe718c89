"""Runs the emulator until it is told to stop or its parent is gone."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from infra.local.azure_devops.emulator import Options
from infra.local.azure_devops.server import Server
from infra.local.lifetime import add_parent_pid, serve_over, serve_until_told


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
    parser.add_argument("--agents", type=int, default=2, help="how many jobs of pipelines run at once")
    parser.add_argument(
        "--run-latency-ms", type=float, default=20.0, help="how long a run of a pipeline waits in the queue"
    )
    parser.add_argument(
        "--agent-environment",
        action="append",
        default=[],
        type=_assignment,
        metavar="NAME=VALUE",
        help="environment of every job (repeatable); logs show *** for the value",
    )
    parser.add_argument("--templates", type=Path, help="folder with the published pipeline templates")
    add_parent_pid(parser)
    return parser.parse_args()


def _assignment(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise argparse.ArgumentTypeError(f"not NAME=VALUE: {text!r}")
    return name, value


async def _run(arguments: argparse.Namespace, data: Path) -> None:
    options = Options(
        data=data,
        pat=arguments.pat,
        bearer=arguments.bearer,
        hook_time_scale=arguments.hook_time_scale,
        latency_ms=arguments.latency_ms,
        refuse_pull_request_statuses=arguments.refuse_pull_request_statuses,
        agents=arguments.agents,
        templates=arguments.templates,
        run_latency_ms=arguments.run_latency_ms,
        agent_environment=dict(arguments.agent_environment),
    )
    await serve_until_told(Server(options), arguments.port, arguments.parent_pid, pat=arguments.pat)


def main() -> None:
    arguments = _arguments()
    serve_over(arguments.data, "azure-devops", partial(_run, arguments))


if __name__ == "__main__":
    main()
