"""A service that answers from a script, for what no emulator can be brought to do on demand."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from adapters.azure_devops import AzureDevOps, Credential, PersonalAccessToken
from domain.kernel.work import Partition
from domain.provided import RepositoryHandle

HANDLE = RepositoryHandle(Partition("tenant-a", "shop"), "0d1f")
HEAD = "a" * 40
HOOK_URL = "https://factory.example/{tenantId}/{projectId}"

type Reply = Callable[[web.Request], Awaitable[web.StreamResponse]]


def password(partition: Partition) -> str:
    return f"password of {partition.tenant_id}"


def refs(_: web.Request | None = None, **options: Any) -> web.Response:
    return web.json_response({"value": [{"name": "refs/heads/main", "objectId": HEAD}]}, **options)


def refusal(status: int, type_key: str = "", message: str = "no", **options: Any) -> web.Response:
    return web.json_response({"typeKey": type_key, "message": message}, status=status, **options)


class ScriptedService:
    """Answers each request with the next reply of its script, the last one for ever."""

    def __init__(self) -> None:
        self.script: list[web.Response | Reply] = []
        self.requests: list[web.Request] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        reply = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(reply, web.Response):
            # A response object can be sent once only.
            return web.Response(status=reply.status, headers=reply.headers, body=reply.body)
        return await reply(request)

    @property
    def lines(self) -> list[str]:
        return [f"{request.method} {request.path.rpartition('/_apis/')[2]}" for request in self.requests]

    def adapter(self, credential: Credential | None = None, **options: Any) -> AzureDevOps:
        template = f"{self.url}/{{tenantId}}/{{projectId}}"
        return AzureDevOps(
            template, credential or PersonalAccessToken("secret"), HOOK_URL, password, **options
        )


@pytest.fixture
async def service() -> AsyncIterator[ScriptedService]:
    scripted = ScriptedService()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", scripted.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    scripted.url = "http://{}:{}".format(*runner.addresses[0])
    yield scripted
    await runner.cleanup()
