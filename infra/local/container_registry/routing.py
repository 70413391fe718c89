"""Routes by path template, as a repository's name may hold slashes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from aiohttp import web

from infra.local.container_registry.errors import OciError, unsupported
from infra.local.container_registry.names import checked_repository
from infra.local.container_registry.registry import Registry
from infra.local.emulation import routing
from infra.local.emulation.routing import Router


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


class Route(routing.Route[Handler]):
    """{name} spans slashes, everything else in braces does not."""

    @classmethod
    def expression(cls, template: str) -> str:
        return super().expression(template).replace("(?P<name>[^/]+)", "(?P<name>.+)")


def router(routes: Sequence[Route]) -> Router[Route]:
    return Router(
        routes,
        lambda path: OciError(404, "NOT_FOUND", f"nothing at {path}"),
        lambda method: unsupported(f"{method} is not supported here"),
    )
