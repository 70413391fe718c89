"""What tests ask of every emulator, outside its service's API: faults and counted requests."""

from __future__ import annotations

import json
from typing import Any, Protocol

from aiohttp import web

from infra.local.emulation.faults import Faults, InvalidRule

PREFIX = "/_local/"


class Log(Protocol):
    """The requests so far."""

    def clear(self) -> None: ...

    def render(self) -> dict[str, Any]: ...


async def answer(request: web.Request, faults: Faults, requests: Log) -> web.Response | None:
    """None for what is the emulator's own; raises InvalidRule."""
    match request.method, request.path.removeprefix(PREFIX):
        case "POST", "faults":
            try:
                faults.add(json.loads(await request.read()))
            except ValueError as error:
                raise InvalidRule("the body is not valid JSON") from error
            return web.json_response(faults.render())
        case "GET", "faults":
            return web.json_response(faults.render())
        case "GET", "requests":
            return web.json_response(requests.render())
        case "DELETE", "faults":
            faults.clear()
        case "DELETE", "requests":
            requests.clear()
        case _:
            return None
    return web.Response(status=204)
