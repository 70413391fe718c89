"""Routes matched without regard to case, as in Azure, and what a handler receives."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from infra.local.emulation import routing
from infra.local.emulation.routing import Router
from infra.local.emulation.state import Json
from infra.local.resource_manager.errors import ArmError, invalid_request
from infra.local.resource_manager.service import Service

GROUP = "/subscriptions/{subscription}/resourcegroups/{group}"


@dataclass(frozen=True)
class Call:
    service: Service
    request: web.Request
    params: dict[str, str]
    body: Any

    @property
    def group(self) -> str:
        """The id of the resource group in the path."""
        return f"/subscriptions/{self.params['subscription']}/resourceGroups/{self.params['group']}"

    def object_body(self) -> Json:
        if not isinstance(self.body, dict):
            raise invalid_request("The request body must be a JSON object.")
        return self.body


type Handler = Callable[[Call], Awaitable[web.Response]]


class Route(routing.Route[Handler]):
    flags = re.IGNORECASE


def router(routes: Sequence[Route]) -> Router[Route]:
    return Router(
        routes,
        lambda path: ArmError(404, "NotFound", f"Nothing matches {path}."),
        lambda method: ArmError(405, "MethodNotAllowed", f"The method {method} is not allowed here."),
    )
