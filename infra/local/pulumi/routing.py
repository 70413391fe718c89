"""Routes by path template, and what a handler receives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from infra.local.emulation import routing
from infra.local.emulation.routing import Router
from infra.local.emulation.state import Json
from infra.local.pulumi.errors import ApiError, bad_request
from infra.local.pulumi.service import Service


@dataclass(frozen=True)
class Call:
    service: Service
    request: web.Request
    params: dict[str, str]
    body: Any

    @property
    def stack_key(self) -> str:
        return "/".join(self.params[name] for name in ("org", "project", "stack"))

    def object_body(self) -> Json:
        if not isinstance(self.body, dict):
            raise bad_request("the request body must be a JSON object")
        return self.body

    def number(self, name: str, default: int, *, least: int = 0, most: int | None = None) -> int:
        text = self.request.query.get(name)
        if text is None:
            return default
        if not text.isdecimal() or int(text) < least or (most is not None and int(text) > most):
            raise bad_request(f"invalid value {text!r} of {name}")
        return int(text)


type Handler = Callable[[Call], Awaitable[web.Response]]


Route = routing.Route[Handler]


def router(routes: Sequence[Route]) -> Router[Route]:
    return Router(
        routes,
        lambda path: ApiError(404, f"Not Found: nothing at {path}"),
        lambda method: ApiError(405, f"Method Not Allowed: {method}"),
    )
