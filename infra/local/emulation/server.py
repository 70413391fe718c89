"""The HTTP server around an emulator's routes: faults, counted requests, refusals and errors."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Protocol

from aiohttp import web

from infra.local.emulation import local_control
from infra.local.emulation.faults import Faults, InvalidRule, Rule
from infra.local.emulation.local_control import PREFIX, Log
from infra.local.emulation.refusal import Refusal, Refusals
from infra.local.emulation.request_log import RequestLog
from infra.local.emulation.routing import Route, Router


class Emulated(Protocol):
    """What a server needs of the parts that its requests share."""

    faults: Faults
    base_url: str

    @property
    def requests(self) -> Log: ...


class EmulatorServer(ABC):
    """One emulator behind one port of 127.0.0.1."""

    maximum_body: ClassVar[int] = 1024**2
    """bytes"""
    slow_says_when: ClassVar[bool] = True
    """Whether an answer that is slow on demand has a Retry-After."""

    def __init__(self, emulated: Emulated, refusals: Refusals) -> None:
        self._emulated, self._refusals = emulated, refusals
        self._log = logging.getLogger(type(self).__module__)
        app = web.Application(client_max_size=self.maximum_body)
        app.router.add_route("*", "/{path:.*}", self.handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)

    @abstractmethod
    async def resume(self) -> None:
        """Take up what an earlier process left."""

    @abstractmethod
    async def close(self) -> None: ...

    @abstractmethod
    async def dispatch(self, request: web.Request, rule: Rule | None) -> web.StreamResponse:
        """Answer what is the service's, or of /_local/ the emulator's own. Raises Refusal."""

    @abstractmethod
    def record(self, request: web.Request, status: int) -> None:
        """Count a request; status 0 stands for a connection cut without an answer."""

    async def start(self, port: int) -> str:
        """Take up what an earlier process left, then listen; returns the base URL."""
        await self._runner.setup()
        listener = socket.create_server(("127.0.0.1", port), backlog=128)
        self._emulated.base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        await self.resume()
        await web.SockSite(self._runner, listener).start()
        return self._emulated.base_url

    async def stop(self) -> None:
        await self._runner.cleanup()
        await self.close()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path.startswith(PREFIX):
            return await self._answer(request, None)
        rule = self._emulated.faults.for_request(request.method, request.path)
        mode = rule.mode if rule else ""
        if mode == "cut-before":
            # The body is read first: a client that is still sending would see a reset, not a lost answer.
            async for _ in request.content.iter_any():
                pass
            return self._cut(request)
        response = await self._answer(request, rule)
        if mode == "cut-after-commit":
            return self._cut(request)
        self.record(request, response.status)
        return response

    def _cut(self, request: web.Request) -> web.StreamResponse:
        """Close the connection with no answer at all."""
        self.record(request, 0)
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)

    async def _answer(self, request: web.Request, rule: Rule | None) -> web.StreamResponse:
        try:
            if rule is not None:
                await self._refuse(rule)
            response = await self._local(request)
            if response is None:
                response = await self.dispatch(request, rule)
        except Refusal as refusal:
            response = _refused(refusal)
        except web.HTTPException:
            raise
        except Exception:
            self._log.exception("%s %s failed", request.method, request.path)
            response = _refused(self._refusals.broken())
        if rule is not None and rule.mode == "slow" and self.slow_says_when and not response.prepared:
            response.headers["Retry-After"] = f"{rule.retry_after:g}"
        return response

    async def _local(self, request: web.Request) -> web.StreamResponse | None:
        if not request.path.startswith(PREFIX):
            return None
        try:
            return await local_control.answer(request, self._emulated.faults, self._emulated.requests)
        except InvalidRule as error:
            raise self._refusals.invalid(str(error)) from error

    async def _refuse(self, rule: Rule) -> None:
        match rule.mode:
            case "429":
                raise self._refusals.throttled(rule.retry_after)
            case "503":
                raise self._refusals.unavailable(rule.retry_after)
            case "500":
                raise self._refusals.broken()
            case "slow":
                await asyncio.sleep(rule.delay)

    def read_json(self, raw: bytes) -> Any:
        """None for no body at all."""
        try:
            return json.loads(raw) if raw else None
        except ValueError as error:
            raise self._refusals.invalid("The request body is not valid JSON.") from error


class RoutedServer[R: Route[Any]](EmulatorServer):
    """Counts by route how often each was called."""

    def __init__(
        self, emulated: Emulated, requests: RequestLog, router: Router[R], refusals: Refusals
    ) -> None:
        super().__init__(emulated, refusals)
        self.router, self._counted = router, requests

    def record(self, request: web.Request, status: int) -> None:
        self._counted.record(request.method, self.router.template_of(request.method, request.path), status)


def _refused(refusal: Refusal) -> web.StreamResponse:
    return web.json_response(refusal.body(), status=refusal.status, headers=refusal.headers)
