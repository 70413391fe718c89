"""`python -m infra.local.issuer`: serve until told to stop."""

import argparse
import asyncio
import logging

from infra.local.issuer.people import AUDIENCE
from infra.local.issuer.server import Issuer
from infra.local.lifetime import add_parent_pid, say_ready, told_to_stop


async def main(port: int, parent_pid: int | None) -> None:
    stop = told_to_stop(parent_pid)
    issuer = Issuer()
    url = await issuer.start(port)
    say_ready({"url": url, "issuers": issuer.issuers, "jwksUrl": issuer.jwks_url, "audience": AUDIENCE})
    try:
        await stop.wait()
    finally:
        await issuer.stop()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    parser = argparse.ArgumentParser(prog="python -m infra.local.issuer", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 is a free port")
    add_parent_pid(parser)
    arguments = parser.parse_args()
    asyncio.run(main(arguments.port, arguments.parent_pid))
