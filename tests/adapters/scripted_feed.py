"""A NuGet feed that answers from scripts, one for each of its routes."""

import hashlib
from collections import deque

from aiohttp import web

from domain.kernel.work import Partition
from tests.adapters.fault_proxy import Exchange
from tests.adapters.scripted_service import Reply, ScriptedService
from tests.packages import nupkg

PARTITION = Partition("tenant-a", "shop")
CONTENT = nupkg("Shop.Orders", "1.2.3")
SHA512 = hashlib.sha512(CONTENT).hexdigest()
PATH = "/{tenantId}/{projectId}/_packaging/{feed}/nuget/v3/index.json"


class ScriptedFeed:
    """The last answer of each route is for ever."""

    def __init__(self, service: ScriptedService) -> None:
        self.service = service
        self.pushed: list[bytes] = []
        resources = {"PackagePublish/2.0.0": "/push/", "PackageBaseAddress/3.0.0": "/flat/"}
        index = [{"@id": service.url + path, "@type": kind} for kind, path in resources.items()]
        self.script: dict[str, deque[web.Response | Reply]] = {}
        self.has("index", web.json_response({"version": "3.0.0", "resources": index}))
        self.has("push", web.Response(status=202))
        self.has("flat", web.Response(body=CONTENT))
        service.script = [self.answer]

    def has(self, route: str, *answers: web.Response | Reply) -> None:
        self.script[route] = deque(answers)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        route = "index" if request.path.endswith("index.json") else request.path.split("/")[1]
        if route == "push":
            self.pushed.append(await request.read())
        answers = self.script[route]
        reply = answers.popleft() if len(answers) > 1 else answers[0]
        if isinstance(reply, web.Response):
            return web.Response(status=reply.status, headers=reply.headers, body=reply.body)
        return await reply(request)

    def lines(self, route: str) -> list[str]:
        return [line for line in self.service.lines if f"/{route}/" in line or line.endswith(route)]


async def half(request: web.Request) -> web.StreamResponse:
    """Says how long it is, and ends before."""
    answer = web.StreamResponse()
    answer.content_length = len(CONTENT)
    await answer.prepare(request)
    await answer.write(CONTENT[: len(CONTENT) // 2])
    assert request.transport is not None
    request.transport.close()
    return answer


async def renamed(exchange: Exchange) -> web.StreamResponse:
    """A feed names its own addresses: they become the proxy's."""
    answer = await exchange.forward()
    if not exchange.request.path.endswith("index.json"):
        return answer
    assert isinstance(answer.body, bytes)
    body = answer.body.replace(exchange.proxy.target.encode(), exchange.proxy.url.encode())
    return web.Response(status=answer.status, headers=answer.headers, body=body)
