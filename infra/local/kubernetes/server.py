"""The HTTP server: authentication around the API, the workloads and the metrics."""

from __future__ import annotations

import asyncio
import hmac
from typing import Any

from aiohttp import web
from yarl import URL

from infra.local.emulation.faults import Rule
from infra.local.emulation.local_control import PREFIX
from infra.local.emulation.server import EmulatorServer
from infra.local.kubernetes import local_control
from infra.local.kubernetes.api import discovery, verbs
from infra.local.kubernetes.api.targets import target_of
from infra.local.kubernetes.cluster import Cluster, Options
from infra.local.kubernetes.control_plane import ControlPlane
from infra.local.kubernetes.errors import REFUSALS, unauthorized
from infra.local.kubernetes.kubeconfig import TOKEN_PATH, decoded
from infra.local.kubernetes.traffic import metrics, workloads

_OPEN = ("/workloads/", "/routes/")


class Server(EmulatorServer):
    maximum_body = 16 * 1024**2
    slow_says_when = False

    def __init__(self, options: Options) -> None:
        self.cluster = Cluster(options)
        self.control_plane = ControlPlane(self.cluster)
        self._streams: set[asyncio.Task[Any]] = set()
        super().__init__(self.cluster, REFUSALS)
        self._runner.app.on_shutdown.append(self._end_watches)

    async def resume(self) -> None:
        self.control_plane.start()

    async def close(self) -> None:
        await self.control_plane.stop()
        self.cluster.close()

    async def _end_watches(self, _: web.Application) -> None:
        for task in self._streams:
            task.cancel()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path.startswith(TOKEN_PATH):
            request = _with_token(request)
        return await super().handle(request)

    def record(self, request: web.Request, status: int) -> None:
        manager = request.query.get("fieldManager")
        self.cluster.requests.record(request.method, request.path, status, manager, verbs.is_dry_run(request))

    async def dispatch(self, request: web.Request, rule: Rule | None) -> web.StreamResponse:
        path = request.path
        if path.startswith(PREFIX):
            return await local_control.answer(self.cluster, self.control_plane, request)
        if path.startswith("/prometheus/"):
            return await metrics.answer(self.cluster, request)
        if path.startswith(_OPEN):
            return workloads.answer(self.cluster, path)
        if not discovery.is_public(path):
            self._authenticate(request)
        found = discovery.answer(path, request.headers.get("Accept", ""))
        if found is not None:
            return found
        task = asyncio.current_task()
        watches = request.query.get("watch") in ("true", "1")
        if watches and task is not None:
            self._streams.add(task)
            task.add_done_callback(self._streams.discard)
        return await verbs.answer(self.cluster, request, target_of(path))

    def _authenticate(self, request: web.Request) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        expected = self.cluster.options.token
        if scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), expected.encode()):
            raise unauthorized()


def _with_token(request: web.Request) -> web.Request:
    """kubectl sends no credentials over plain HTTP, so its kubeconfig has the token in the server's path."""
    token, _, rest = request.rel_url.raw_path.removeprefix(TOKEN_PATH).partition("/")
    headers = {**request.headers, "Authorization": f"Bearer {decoded(token)}"}
    url = URL.build(path=f"/{rest}", query_string=request.rel_url.raw_query_string, encoded=True)
    return request.clone(rel_url=url, headers=headers)
