"""The HTTP server: authentication, faults and errors around the routes.

Real, under the names of Pulumi Cloud's REST API: everything below /api: stacks with tags and export,
deployment settings, deployments with their queue, logs and cancellation, updates with engine events,
drift runs and drift status. Engine events, property diffs, unknown values in a preview, a replacement's
three steps and the shape of the exported state are the engine's. An update refreshes first when the
operation is remediate-drift, when Pulumi.yaml says `options: refresh: always`, or when the environment
says PULUMI_OPTION_REFRESH=true; PULUMI_OPTION_EXPECT_NO_CHANGES=true fails what would change something.

A plan can't be handed from a preview to an update: the real REST API has no room for one either. What
there is to compare: the commit (a preview's and an update's `info.environment["git.head"]`), the stack's
`version`, and the steps of the preview's events, which are the same for the same program and state.
A preview counts as no version of the stack, so its own `version` is 0.

Local, and different from the service: everything below /_local. Programs are Pulumi YAML only, without
functions and encrypted configuration. Resources live in this server's own world and are made by one
provider that knows a few Azure types; a state holds no provider resources. Steps are done one after
another. An operation writes state, real resource and event in one transaction, so that a killed server
goes on where it stood; a canceled deployment gives its stack back. The Accept header is not asked for.
"""

from __future__ import annotations

import hmac

from aiohttp import web

from infra.local.emulation.faults import Rule
from infra.local.emulation.local_control import PREFIX
from infra.local.emulation.server import RoutedServer
from infra.local.pulumi import deployment_routes, local_control, queue, stack_routes, update_routes
from infra.local.pulumi.errors import REFUSALS, unauthorized
from infra.local.pulumi.routing import Call, Route, router
from infra.local.pulumi.service import Options, Service

ROUTES = [
    *local_control.ROUTES,
    *deployment_routes.ROUTES,
    *update_routes.ROUTES,
    *stack_routes.ROUTES,
]


class Server(RoutedServer[Route]):
    def __init__(self, options: Options) -> None:
        self.service = Service(options)
        super().__init__(self.service, self.service.requests, router(ROUTES), REFUSALS)

    async def resume(self) -> None:
        queue.resume(self.service)

    async def close(self) -> None:
        await self.service.close()

    async def dispatch(self, request: web.Request, rule: Rule | None) -> web.StreamResponse:
        raw = await request.read()
        if not request.path.startswith(PREFIX):
            self._authenticate(request)
        route, params = self.router.resolve(request.method, request.path)
        return await route.handler(Call(self.service, request, params, self.read_json(raw)))

    def _authenticate(self, request: web.Request) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        expected = self.service.options.token.encode()
        if scheme.lower() != "token" or not hmac.compare_digest(token.strip().encode(), expected):
            raise unauthorized()
