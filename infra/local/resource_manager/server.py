"""The HTTP server: authentication, faults and errors around the routes.

Real, under Resource Manager's names: resource groups, deployments with their operations, what-if with its
202 and Location, versions of template specs. Any bearer token is taken. Local: everything below /_local;
templates without copy loops, nested deployments and linked files, and with the functions that Bicep writes
most; resources of any type are kept as declared, a few types get the properties that Azure computes. A
what-if tells differences path by path where Azure nests those of arrays. A killed server goes on where it
stood.
"""

from __future__ import annotations

from aiohttp import web

from infra.local.emulation.faults import Rule
from infra.local.emulation.local_control import PREFIX
from infra.local.emulation.server import RoutedServer
from infra.local.resource_manager import deployment_routes, group_routes, local_control, running
from infra.local.resource_manager.errors import REFUSALS, ArmError, unauthorized
from infra.local.resource_manager.routing import Call, Route, router
from infra.local.resource_manager.service import Options, Service

ROUTES = [
    *local_control.ROUTES,
    *deployment_routes.ROUTES,
    *group_routes.ROUTES,
]


class Server(RoutedServer[Route]):
    def __init__(self, options: Options) -> None:
        self.service = Service(options)
        super().__init__(self.service, self.service.requests, router(ROUTES), REFUSALS)

    async def resume(self) -> None:
        running.resume(self.service)

    async def close(self) -> None:
        await self.service.close()

    async def dispatch(self, request: web.Request, rule: Rule | None) -> web.StreamResponse:
        raw = await request.read()
        if not request.path.startswith(PREFIX):
            _check(request)
        route, params = self.router.resolve(request.method, request.path)
        return await route.handler(Call(self.service, request, params, self.read_json(raw)))


def _check(request: web.Request) -> None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise unauthorized()
    if not request.query.get("api-version"):
        raise ArmError(400, "MissingApiVersionParameter", "The api-version query parameter is required.")
