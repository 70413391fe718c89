"""The HTTP server: authentication, faults and errors around the routes."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import logging
import socket

from aiohttp import web

from infra.local.azure_devops.faults import Rule
from infra.local.container_registry import (
    blob_routes,
    listing_routes,
    local_control,
    manifest_routes,
    resource_graph,
    upload_routes,
    webhooks,
)
from infra.local.container_registry.errors import OciError, broken, throttled, unauthorized, unavailable
from infra.local.container_registry.registry import Options, Registry
from infra.local.container_registry.routing import Call, Router

_log = logging.getLogger(__name__)

# Uploads before blobs, as "uploads" would pass for a digest.
ROUTES = [
    *local_control.ROUTES,
    *resource_graph.ROUTES,
    *upload_routes.ROUTES,
    *blob_routes.ROUTES,
    *manifest_routes.ROUTES,
    *listing_routes.ROUTES,
]


class Server:
    """One registry behind one port of 127.0.0.1."""

    def __init__(self, options: Options) -> None:
        self.registry = Registry(options)
        self._router = Router(ROUTES)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)

    async def start(self, port: int) -> str:
        """Take up what an earlier process left, then listen; returns the base URL."""
        await self._runner.setup()
        listener = socket.create_server(("127.0.0.1", port), backlog=128)
        self.registry.base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        webhooks.resume(self.registry)
        await web.SockSite(self._runner, listener).start()
        return self.registry.base_url

    async def stop(self) -> None:
        await self._runner.cleanup()
        await self.registry.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        local = request.path.startswith("/_local/")
        rule = None if local else self.registry.faults.for_request(request.method, request.path)
        mode = rule.mode if rule else ""
        if mode == "cut-before":
            # The body is read first: a client that is still sending would see a reset, not a lost answer.
            async for _ in request.content.iter_any():
                pass
            return self._cut(request)
        response = await self._answer(request, rule)
        if mode == "cut-after-commit":
            return self._cut(request)
        if not local:
            self._count(request, response.status)
            response.headers["Docker-Distribution-Api-Version"] = "registry/2.0"
        return response

    def _cut(self, request: web.Request) -> web.StreamResponse:
        """Close the connection with no answer at all."""
        self._count(request, 0)
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)

    def _count(self, request: web.Request, status: int) -> None:
        try:
            template = self._router.resolve(request.method, request.path)[0].template
        except OciError:
            template = "(none)"
        self.registry.requests.record(request.method, template, status)

    async def _answer(self, request: web.Request, rule: Rule | None) -> web.StreamResponse:
        try:
            if rule is not None:
                await _refuse(rule)
            if not request.path.startswith("/_local/"):
                self._authenticate(request)
            route, params = self._router.resolve(request.method, request.path)
            response = await route.handler(Call(self.registry, request, params))
        except OciError as error:
            response = web.json_response(error.body(), status=error.status, headers=error.headers)
        except web.HTTPException:
            raise
        except Exception:
            _log.exception("%s %s failed", request.method, request.path)
            response = web.json_response(broken().body(), status=500)
        if rule is not None and rule.mode == "slow":
            response.headers["Retry-After"] = f"{rule.retry_after:g}"
        return response

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


async def _refuse(rule: Rule) -> None:
    if rule.mode == "429":
        raise throttled(rule.retry_after)
    if rule.mode == "503":
        raise unavailable(rule.retry_after)
    if rule.mode == "500":
        raise broken()
    if rule.mode == "slow":
        await asyncio.sleep(rule.delay)
