"""A web hook receiver whose answers the test decides."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.infra.test_azure_devops.client import ORG, Json, Repository

# A status to answer with; 0 cuts the connection instead.
type Decide = Callable[[Json], int]


@dataclass(frozen=True)
class Received:
    body: Json
    headers: dict[str, str]
    at: float


class Receiver:
    def __init__(self) -> None:
        self.arrived: asyncio.Queue[Received] = asyncio.Queue()
        self.decide: Decide = lambda body: 200
        self.url = ""
        app = web.Application()
        app.router.add_post("/{path:.*}", self._take)
        self._runner = web.AppRunner(app, access_log=None)

    async def start(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.json()
        status = self.decide(body)
        self.arrived.put_nowait(Received(body, dict(request.headers), time.monotonic()))
        if status == 0:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=status or 200)

    async def next(self) -> Received:
        return await asyncio.wait_for(self.arrived.get(), 10)

    async def take(self, count: int) -> list[Received]:
        return [await self.next() for _ in range(count)]


def subscription_body(
    repository: Repository, receiver: Receiver, event_type: str = "git.push", **changes: Any
) -> Json:
    return {
        "publisherId": "tfs",
        "eventType": event_type,
        "resourceVersion": "1.0",
        "consumerId": "webHooks",
        "consumerActionId": "httpRequest",
        "publisherInputs": {
            "projectId": repository.project.id,
            "repository": repository.id,
            **changes.pop("publisher", {}),
        },
        "consumerInputs": {
            "url": f"{receiver.url}/hooks",
            "basicAuthUsername": "hook",
            "basicAuthPassword": "secret",
            **changes.pop("consumer", {}),
        },
        **changes,
    }


async def subscribe(
    repository: Repository, receiver: Receiver, event_type: str = "git.push", **changes: Any
) -> Json:
    body = subscription_body(repository, receiver, event_type, **changes)
    made = await repository.server.call("POST", f"/{ORG}/_apis/hooks/subscriptions", body)
    assert made.status == 200, made
    subscription: Json = made.body
    return subscription


async def subscription_status(repository: Repository, subscription: Json) -> str:
    found = await repository.server.call("GET", f"/{ORG}/_apis/hooks/subscriptions/{subscription['id']}")
    return str(found.body["status"])


async def deliveries(repository: Repository, subscription: Json) -> list[str]:
    """The status of every notification of the subscription."""
    found = await repository.server.local("GET", "deliveries")
    return [d["status"] for d in found["value"] if d["subscriptionId"] == subscription["id"]]
