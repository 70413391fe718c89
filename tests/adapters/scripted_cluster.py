"""An API server that holds what a test puts there, and lets it stand in the way of any request."""

import copy
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from adapters.entra import FixedAuthorization
from adapters.kubernetes.client import Cluster, KubernetesApi
from domain.kernel.naming import environment_namespace
from domain.kernel.work import Partition
from domain.provided import EnvironmentHandle

type Json = dict[str, Any]
type Fault = Callable[[web.Request, Callable[[], web.Response]], Awaitable[web.StreamResponse]]

ENVIRONMENT = EnvironmentHandle(Partition("acme", "shop"), "staging")
NAMESPACE = environment_namespace(ENVIRONMENT.partition, ENVIRONMENT.environment)


class ScriptedCluster:
    """Objects by path; a list is what lies right below its path. Merge patches are carried out, server-side
    apply answers what `applies` makes of the live object and the wanted one."""

    def __init__(self) -> None:
        self.objects: dict[str, Json] = {}
        self.requests: list[tuple[str, str, dict[str, str], Any]] = []
        self.faults: list[Fault] = []
        self.applies: Callable[[Json, Json], web.Response | Json] = lambda live, wanted: {**live, **wanted}
        self.patched: Callable[[], None] = lambda: None
        """called after each merge patch"""
        self.url = ""
        self._version = 0

    def put(self, path: str, body: Json) -> Json:
        self._version += 1
        metadata = {"name": path.rpartition("/")[2], **body.get("metadata", {})}
        self.objects[path] = {**body, "metadata": {**metadata, "resourceVersion": str(self._version)}}
        return self.objects[path]

    def api(self, **options: Any) -> KubernetesApi:
        cluster = Cluster(self.url, FixedAuthorization("Bearer secret"))
        return KubernetesApi({"*": cluster}, **{"deadline": 2, "call_timeout": 0.5, **options})

    @property
    def lines(self) -> list[str]:
        return [f"{method} {path.rpartition('/')[2]}" for method, path, _, _ in self.requests]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read() or b"null")
        self.requests.append((request.method, request.path, dict(request.query), body))
        if self.faults:
            return await self.faults.pop(0)(request, lambda: self._carry_out(request, body))
        return self._carry_out(request, body)

    def _carry_out(self, request: web.Request, body: Any) -> web.Response:
        found = self.objects.get(request.path)
        if request.method == "GET" and found is None:
            below = [one for path, one in self.objects.items() if path.rpartition("/")[0] == request.path]
            return web.json_response({"items": below}) if below else status(404, "not found")
        if found is None:
            return status(404, "not found")
        if request.method == "GET":
            return web.json_response(found)
        if "apply" in request.headers["Content-Type"]:
            made = self.applies(copy.deepcopy(found), body)
            return made if isinstance(made, web.Response) else web.json_response(made)
        expected = body.get("metadata", {}).get("resourceVersion")
        if expected not in (None, found["metadata"]["resourceVersion"]):
            return status(409, "the object has been modified")
        changed = merged(found, body)
        if changed != found:
            self.put(request.path, changed)
        self.patched()
        return web.json_response(self.objects[request.path])


def merged(found: Any, patch: Any) -> Any:
    """As a JSON merge patch has it."""
    if not isinstance(patch, dict):
        return patch
    kept = dict(found) if isinstance(found, dict) else {}
    for key, value in patch.items():
        if value is None:
            kept.pop(key, None)
        else:
            kept[key] = merged(kept.get(key), value)
    return kept


def status(code: int, message: str, **options: Any) -> web.Response:
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}
    return web.json_response(body, status=code, **options)


def answers(response: web.Response) -> Fault:
    async def fault(request: web.Request, carry_out: Callable[[], web.Response]) -> web.StreamResponse:
        return web.Response(status=response.status, headers=response.headers, body=response.body)

    return fault


async def cut_before(request: web.Request, carry_out: Callable[[], web.Response]) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def cut_after(request: web.Request, carry_out: Callable[[], web.Response]) -> web.StreamResponse:
    carry_out()
    return await cut_before(request, carry_out)


async def applied_then_503(request: web.Request, carry_out: Callable[[], web.Response]) -> web.StreamResponse:
    carry_out()
    return web.Response(status=503)


async def half(request: web.Request, carry_out: Callable[[], web.Response]) -> web.StreamResponse:
    body = carry_out().body
    assert isinstance(body, bytes) and request.transport is not None
    response = web.StreamResponse()
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    request.transport.close()
    return response


async def serve(scripted: ScriptedCluster) -> web.AppRunner:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", scripted.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    scripted.url = "http://{}:{}".format(*runner.addresses[0])
    return runner


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedCluster]:
    made = ScriptedCluster()
    runner = await serve(made)
    yield made
    await runner.cleanup()


@pytest.fixture
async def api(scripted: ScriptedCluster) -> AsyncIterator[KubernetesApi]:
    made = scripted.api()
    yield made
    await made.close()
