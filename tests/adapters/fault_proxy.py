"""A faulty network between a storage client and Azurite: requests may be carried out, answered, or not."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Self

from aiohttp import ClientSession, DummyCookieJar, web
from yarl import URL

type Fault = Callable[["Exchange"], Awaitable[web.StreamResponse]]

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class Exchange:
    """One request on its way."""

    def __init__(self, proxy: "FaultProxy", request: web.Request, body: bytes) -> None:
        self.proxy, self.request, self.body = proxy, request, body

    async def forward(self) -> web.Response:
        """Have the server carry it out; its answer."""
        url = URL(self.proxy.target + self.request.raw_path, encoded=True)
        headers = {k: v for k, v in self.request.headers.items() if k.lower() not in _HOP_BY_HOP}
        # Nothing is added on the way: the signature covers the content type.
        sending = self.proxy.session.request(
            self.request.method,
            url,
            headers=headers,
            data=self.body or None,
            skip_auto_headers=("Content-Type", "Accept", "Accept-Encoding", "User-Agent"),
        )
        async with sending as answer:
            kept = {k: v for k, v in answer.headers.items() if k.lower() not in _HOP_BY_HOP}
            return web.Response(status=answer.status, body=await answer.read(), headers=kept)

    def cut(self) -> web.Response:
        """Reset the connection; what is returned reaches nobody."""
        assert self.request.transport is not None
        self.request.transport.abort()
        return web.Response()

    async def hang(self) -> web.Response:
        """Say nothing until the test is over."""
        await self.proxy.over.wait()
        return self.cut()


class FaultProxy:
    """Passes requests on to `target`; the next ones of a method meet what `inject` has lined up."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.over = asyncio.Event()
        self._faults: dict[str, deque[Fault]] = {}
        self._always: dict[str, Fault] = {}

    async def __aenter__(self) -> Self:
        self.session = ClientSession(cookie_jar=DummyCookieJar(), auto_decompress=False)
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.over.set()
        await self._runner.cleanup()
        await self.session.close()

    def inject(self, *faults: Fault, method: str = "POST") -> None:
        self._faults.setdefault(method, deque()).extend(faults)

    def always(self, fault: Fault | None, *methods: str) -> None:
        """Until told otherwise every request of these methods meets the fault."""
        for method in methods:
            if fault is None:
                self._always.pop(method, None)
            else:
                self._always[method] = fault

    @property
    def used_up(self) -> bool:
        """Every fault that was lined up has happened."""
        return not any(self._faults.values())

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        exchange = Exchange(self, request, await request.read())
        faults = self._faults.get(request.method)
        if faults:
            return await faults.popleft()(exchange)
        if always := self._always.get(request.method):
            return await always(exchange)
        return await exchange.forward()


async def passed(exchange: Exchange) -> web.StreamResponse:
    return await exchange.forward()


async def applied_then_503(exchange: Exchange) -> web.StreamResponse:
    await exchange.forward()
    return web.Response(status=503)


async def applied_then_500(exchange: Exchange) -> web.StreamResponse:
    await exchange.forward()
    return web.Response(status=500)


async def applied_then_cut(exchange: Exchange) -> web.StreamResponse:
    await exchange.forward()
    return exchange.cut()


async def applied_then_hung(exchange: Exchange) -> web.StreamResponse:
    await exchange.forward()
    return await exchange.hang()


async def applied_then_half_an_answer(exchange: Exchange) -> web.StreamResponse:
    answer = await exchange.forward()
    assert isinstance(answer.body, bytes)
    half = web.StreamResponse(status=answer.status, headers=answer.headers)
    half.content_length = len(answer.body)
    await half.prepare(exchange.request)
    await half.write(answer.body[: len(answer.body) // 2])
    exchange.cut()
    return half


async def applied_then_a_cropped_answer(exchange: Exchange) -> web.StreamResponse:
    """Complete as HTTP, but the parts of the multipart body are not."""
    answer = await exchange.forward()
    assert isinstance(answer.body, bytes)
    return web.Response(status=answer.status, headers=answer.headers, body=answer.body[:150])


async def applied_then_412(exchange: Exchange) -> web.StreamResponse:
    """Carried out, and tried again by somebody on the way: the second try's refusal, as a 412."""
    await exchange.forward()
    again = await exchange.forward()
    assert isinstance(again.body, bytes) and b"EntityAlreadyExists" in again.body
    body = again.body.replace(b"409 Conflict", b"412 Precondition Failed")
    body = body.replace(b"EntityAlreadyExists", b"UpdateConditionNotSatisfied")
    return web.Response(status=again.status, headers=again.headers, body=body)


async def cut_before(exchange: Exchange) -> web.StreamResponse:
    return exchange.cut()


async def hung_before(exchange: Exchange) -> web.StreamResponse:
    return await exchange.hang()


async def busy_503(exchange: Exchange) -> web.StreamResponse:
    return web.Response(status=503)


async def busy_429(exchange: Exchange) -> web.StreamResponse:
    return web.Response(status=429)
