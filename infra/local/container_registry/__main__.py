"""Runs the registry until it is told to stop or its parent is gone."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from infra.local.container_registry.registry import Options
from infra.local.container_registry.server import Server
from infra.local.lifetime import add_parent_pid, serve_over, serve_until_told


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.local.container_registry", description=__doc__)
    parser.add_argument("--data", type=Path, help="directory for images and state (default: temporary)")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--user", default=Options.user)
    parser.add_argument("--password", default=Options.password)
    parser.add_argument("--webhook-url", help="may hold {tenantId} and {projectId}: tenant/project/name")
    parser.add_argument("--webhook-authorization", help="value of the webhook's Authorization header")
    parser.add_argument(
        "--webhook-retry-ms",
        type=float,
        default=Options.webhook_retry_ms,
        help="first wait, doubled each time",
    )
    parser.add_argument("--scan-delay-ms", type=float, default=Options.scan_delay_ms)
    add_parent_pid(parser)
    return parser.parse_args()


async def _run(arguments: argparse.Namespace, data: Path) -> None:
    options = Options(
        data=data,
        user=arguments.user,
        password=arguments.password,
        webhook_url=arguments.webhook_url,
        webhook_authorization=arguments.webhook_authorization,
        webhook_retry_ms=arguments.webhook_retry_ms,
        scan_delay_ms=arguments.scan_delay_ms,
    )
    await serve_until_told(
        Server(options),
        arguments.port,
        arguments.parent_pid,
        user=arguments.user,
        password=arguments.password,
    )


def main() -> None:
    arguments = _arguments()
    serve_over(arguments.data, "container-registry", partial(_run, arguments))


if __name__ == "__main__":
    main()
