"""A scripted service of pipelines: each route has its own replies."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from adapters.azure_devops import AzureDevOpsPipelines
from tests.adapters.scripted_service import HANDLE, HEAD, ScriptedService

HERE = HANDLE.partition
BUILD: dict[str, Any] = {
    "id": 7,
    "status": "inProgress",
    "definition": {"id": 3},
    "sourceBranch": "refs/heads/main",
    "sourceVersion": HEAD,
    "queueTime": "2026-01-01T00:00:00Z",
    "templateParameters": {"csOperationId": "cmd-1"},
}

type Answers = Callable[[web.Request], Awaitable[web.StreamResponse]]


def listing(*values: Any) -> web.Response:
    return web.json_response({"value": list(values), "count": len(values)})


def routed(routes: dict[str, list[Any]]) -> Answers:
    """Each `METHOD path` (its end) answers with the next of its replies, with the last one for ever."""

    async def answer(request: web.Request) -> web.StreamResponse:
        route = f"{request.method} {request.path.rpartition('/_apis/')[2]}"
        replies = routes[route]
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        if isinstance(reply, web.Response):
            return web.Response(status=reply.status, headers=reply.headers, body=reply.body)
        found: web.StreamResponse = await reply(request)
        return found

    return answer


async def half(request: web.Request) -> web.StreamResponse:
    """The first half of what was announced, then the end of the connection."""
    response = web.StreamResponse(headers={"Content-Type": "application/octet-stream"})
    response.content_length = 8
    await response.prepare(request)
    await response.write(b"half")
    assert request.transport is not None
    request.transport.abort()
    return response


def whole(body: bytes, content_type: str = "application/octet-stream") -> web.Response:
    return web.Response(body=body, content_type=content_type)


@pytest.fixture
async def pipelines(service: ScriptedService) -> AsyncIterator[AzureDevOpsPipelines]:
    git = service.adapter(deadline=5)
    results = f"{service.url}/tests/{{tenantId}}/{{projectId}}"
    yield AzureDevOpsPipelines(git.projects, test_results_url_template=results)
    await git.close()


def record(kind: str, id: str, parent: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "id": id, "parentId": parent, "identifier": id, "state": "pending", **fields}
