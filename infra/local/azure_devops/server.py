"""The HTTP server: authentication, versions and templates around the routes."""

from __future__ import annotations

import json

from aiohttp import web

from infra.local.azure_devops import (
    commits,
    evaluations,
    hooks,
    items,
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
from infra.local.azure_devops.errors import REFUSALS
from infra.local.azure_devops.identities import authenticate
from infra.local.azure_devops.packaging.routes import ROUTES as PACKAGING_ROUTES
from infra.local.azure_devops.pipelines.definitions import ROUTES as DEFINITION_ROUTES
from infra.local.azure_devops.pipelines.published_templates import PublishedTemplates
from infra.local.azure_devops.pipelines.run_routes import ROUTES as RUN_ROUTES
from infra.local.azure_devops.resume import resume
from infra.local.azure_devops.routing import Answer, Call, Route, check_version, router
from infra.local.emulation.faults import Rule
from infra.local.emulation.server import RoutedServer

# Routes with these in their template take bytes, all others JSON.
_BINARY_BODIES = ("/_git/", "/_packaging/")


_MODULES: tuple[list[Route], ...] = (
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


class Server(RoutedServer[Route]):
    maximum_body = 512 * 1024**2

    def __init__(self, options: Options) -> None:
        self.emulator = Emulator(options)
        self._templates = PublishedTemplates(self.emulator)
        super().__init__(self.emulator, self.emulator.requests, router(ROUTES), REFUSALS)

    async def resume(self) -> None:
        await resume(self.emulator)

    async def close(self) -> None:
        await self.emulator.close()

    async def dispatch(self, request: web.Request, rule: Rule | None) -> web.StreamResponse:
        options = self.emulator.options
        identity = authenticate(request.headers.get("Authorization"), options.pat, options.bearer)
        route, params = self.router.resolve(request.method, request.path)
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
            call.body = self.read_json(call.raw)
        if "org" in params:
            await self._templates.ensure(call.org)
        answer = await route.handler(call)
        return answer if isinstance(answer, web.StreamResponse) else _render(answer)


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
