"""The HTTP server: authentication, versions, faults and errors around the routes."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from typing import Any

from aiohttp import web

from infra.local.azure_devops import (
    commits,
    evaluations,
    hooks,
    items,
    local_control,
    policies,
    projects,
    pull_request_iterations,
    pull_request_query,
    pull_request_reviewers,
    pull_request_statuses,
    pull_request_threads,
    pull_requests,
    pushes,
    refs,
    repositories,
    smart_http,
)
from infra.local.azure_devops.emulator import Emulator, Options
from infra.local.azure_devops.errors import ApiError, broken, invalid_argument, throttled, unavailable
from infra.local.azure_devops.faults import Rule
from infra.local.azure_devops.identities import LOCAL_SERVICE, authenticate
from infra.local.azure_devops.packaging.routes import ROUTES as PACKAGING_ROUTES
from infra.local.azure_devops.pipelines.definitions import ROUTES as DEFINITION_ROUTES
from infra.local.azure_devops.pipelines.published_templates import PublishedTemplates
from infra.local.azure_devops.pipelines.run_routes import ROUTES as RUN_ROUTES
from infra.local.azure_devops.resume import resume
from infra.local.azure_devops.routing import Answer, Call, Route, Router, check_version

_log = logging.getLogger(__name__)

MAXIMUM_BODY = 512 * 1024 * 1024
# Routes with these in their template take bytes, all others JSON.
_BINARY_BODIES = ("/_git/", "/_packaging/")


_MODULES: tuple[list[Route], ...] = (
    local_control.ROUTES,
    projects.ROUTES,
    repositories.ROUTES,
    refs.ROUTES,
    pushes.ROUTES,
    commits.ROUTES,
    items.ROUTES,
    pull_requests.ROUTES,
    pull_request_iterations.ROUTES,
    pull_request_query.ROUTES,
    pull_request_statuses.ROUTES,
    pull_request_reviewers.ROUTES,
    pull_request_threads.ROUTES,
    policies.ROUTES,
    evaluations.ROUTES,
    hooks.ROUTES,
    smart_http.ROUTES,
    PACKAGING_ROUTES,
    RUN_ROUTES,
    DEFINITION_ROUTES,
)
ROUTES = [route for module in _MODULES for route in module]


class Server:
    """One emulator behind one port of 127.0.0.1."""

    def __init__(self, options: Options) -> None:
        self.emulator = Emulator(options)
        self._router = Router(ROUTES)
        self._templates = PublishedTemplates(self.emulator)
        app = web.Application(client_max_size=MAXIMUM_BODY)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)

    async def start(self, port: int) -> str:
        """Take up what an earlier process left, then listen; returns the base URL."""
        await self._runner.setup()
        listener = socket.create_server(("127.0.0.1", port), backlog=128)
        self.emulator.base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        await resume(self.emulator)
        await web.SockSite(self._runner, listener).start()
        return self.emulator.base_url

    async def stop(self) -> None:
        await self._runner.cleanup()
        await self.emulator.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.path.startswith("/_local/"):
            return await self._answer(request, None)
        rule = self.emulator.faults.for_request(request.method, request.path)
        mode = rule.mode if rule else ""
        if mode == "cut-before":
            # The body is read first: a client that is still sending would see a reset, not a lost answer.
            await request.read()
            return self._cut(request)
        response = await self._answer(request, rule)
        if mode == "cut-after-commit":
            return self._cut(request)
        return response

    def _cut(self, request: web.Request) -> web.StreamResponse:
        """Close the connection with no answer at all."""
        self.emulator.requests.record(request.method, self._template(request), 0)
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)

    def _template(self, request: web.Request) -> str:
        try:
            return self._router.resolve(request.method, request.path)[0].template
        except ApiError:
            return "(none)"

    async def _answer(self, request: web.Request, rule: Rule | None) -> web.StreamResponse:
        mode = rule.mode if rule else ""
        try:
            if rule is not None:
                await self._refuse(rule)
            answer = await self._dispatch(request, rule)
            response = answer if isinstance(answer, web.StreamResponse) else _render(answer)
        except ApiError as error:
            response = _render(Answer(error.status, error.body(), error.headers))
        except Exception:
            _log.exception("%s %s failed", request.method, request.path)
            response = _render(Answer(500, broken().body()))
        if mode == "slow" and rule is not None and not response.prepared:
            response.headers["Retry-After"] = f"{rule.retry_after:g}"
        if mode != "cut-after-commit" and not request.path.startswith("/_local/"):
            self.emulator.requests.record(request.method, self._template(request), response.status)
        return response

    async def _refuse(self, rule: Rule) -> None:
        if rule.mode == "429":
            raise throttled(rule.retry_after)
        if rule.mode == "503":
            raise unavailable()
        if rule.mode == "500":
            raise broken()
        if rule.mode == "slow":
            await asyncio.sleep(rule.delay)

    async def _dispatch(self, request: web.Request, rule: Rule | None) -> Answer | web.StreamResponse:
        options = self.emulator.options
        local = request.path.startswith("/_local/")
        identity = (
            LOCAL_SERVICE
            if local
            else authenticate(request.headers.get("Authorization"), options.pat, options.bearer)
        )
        route, params = self._router.resolve(request.method, request.path)
        call = Call(
            emulator=self.emulator,
            request=request,
            params=params,
            query={name.lower(): value for name, value in request.query.items()},
            identity=identity,
            lag=rule.delay if rule is not None and rule.mode == "lag" else 0.0,
        )
        if route.needs_version:
            check_version(call, preview=route.preview)
        call.raw = await request.read()
        if call.raw and not any(part in route.template for part in _BINARY_BODIES):
            call.body = _json(call.raw)
        if not local and "org" in params:
            await self._templates.ensure(call.org)
        return await route.handler(call)


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError as error:
        raise invalid_argument("The request body is not valid JSON.") from error


def _render(answer: Answer) -> web.Response:
    if isinstance(answer.body, bytes):
        return web.Response(
            status=answer.status,
            body=answer.body,
            headers=answer.headers,
            content_type="application/octet-stream",
        )
    text = "" if answer.body is None else json.dumps(answer.body)
    return web.Response(
        status=answer.status,
        text=text,
        headers=answer.headers,
        content_type="application/json" if text else None,
        charset="utf-8" if text else None,
    )
