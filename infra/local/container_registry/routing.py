"""Routes by regular expression, as a repository's name may hold slashes."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from infra.local.container_registry.errors import OciError, unsupported
from infra.local.container_registry.names import checked_repository
from infra.local.container_registry.registry import Registry


@dataclass(frozen=True)
class Call:
    registry: Registry
    request: web.Request
    params: dict[str, str]

    @property
    def repository(self) -> str:
        """Raises NAME_INVALID."""
        return checked_repository(self.params["name"])


type Handler = Callable[[Call], Awaitable[web.StreamResponse]]


class Route:
    """A method and a path template; {name} spans slashes, everything else in braces does not."""

    def __init__(self, method: str, template: str, handler: Handler) -> None:
        self.method = method
        self.template = template
        self.handler = handler
        pattern = re.escape(template).replace(r"\{name\}", "(?P<name>.+)")
        self._pattern = re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", pattern) + "/?")

    def match(self, path: str) -> dict[str, str] | None:
        found = self._pattern.fullmatch(path)
        return found.groupdict() if found else None


class Router:
    def __init__(self, routes: list[Route]) -> None:
        self._routes = routes

    def resolve(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        other_method = False
        for route in self._routes:
            params = route.match(path)
            if params is not None:
                if route.method == method:
                    return route, params
                other_method = True
        if other_method:
            raise unsupported(f"{method} is not supported here")
        raise OciError(404, "NOT_FOUND", f"nothing at {path}")
