"""The HTTP server: authentication around the routes."""

from __future__ import annotations

import base64
import binascii
import hmac

from aiohttp import web

from infra.local.container_registry import (
    blob_routes,
    listing_routes,
    local_control,
    manifest_routes,
    resource_graph,
    upload_routes,
    webhooks,
)
from infra.local.container_registry.errors import REFUSALS, unauthorized
from infra.local.container_registry.registry import Options, Registry
from infra.local.container_registry.routing import Call, Route, router
from infra.local.emulation.faults import Rule
from infra.local.emulation.local_control import PREFIX
from infra.local.emulation.server import RoutedServer

# Uploads before blobs, as "uploads" would pass for a digest.
ROUTES = [
    *local_control.ROUTES,
    *resource_graph.ROUTES,
    *upload_routes.ROUTES,
    *blob_routes.ROUTES,
    *manifest_routes.ROUTES,
    *listing_routes.ROUTES,
]


class Server(RoutedServer[Route]):
    def __init__(self, options: Options) -> None:
        self.registry = Registry(options)
        super().__init__(self.registry, self.registry.requests, router(ROUTES), REFUSALS)

    async def resume(self) -> None:
        webhooks.resume(self.registry)

    async def close(self) -> None:
        await self.registry.close()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        response = await super().handle(request)
        if not request.path.startswith(PREFIX):
            response.headers["Docker-Distribution-Api-Version"] = "registry/2.0"
        return response

    async def dispatch(self, request: web.Request, rule: Rule | None) -> web.StreamResponse:
        if not request.path.startswith(PREFIX):
            self._authenticate(request)
        route, params = self.router.resolve(request.method, request.path)
        return await route.handler(Call(self.registry, request, params))

    def _authenticate(self, request: web.Request) -> None:
        """Basic with user and password; Resource Graph takes any bearer token too."""
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and request.path == resource_graph.PATH and value.strip():
            return
        if scheme.lower() == "basic":
            options = self.registry.options
            expected = f"{options.user}:{options.password}".encode()
            try:
                given = base64.b64decode(value.strip(), validate=True)
            except (binascii.Error, ValueError):
                raise unauthorized() from None
            if hmac.compare_digest(given, expected):
                return
        raise unauthorized()
