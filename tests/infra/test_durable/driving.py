"""Starts hosts on the Durable app and drives their orchestrations over HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.infra.sample_app.processes import Server, start

APP_DIR = Path(__file__).parents[1] / "durable_app"
MODULE = "infra.local.functions_host"
TERMINAL = ("Completed", "Failed", "Terminated")


def settings(storage: str, hub: str, directory: Path) -> dict[str, str]:
    """What the app needs in its environment."""
    return {"HUB": hub, "DURABLE_STORAGE": storage, "JOURNAL": str(directory / "journal")}


async def start_host(storage: str, hub: str, directory: Path, *arguments: str, **environment: str) -> Server:
    return await start(
        MODULE,
        *("--app-dir", str(APP_DIR), "--function-key", "key", *arguments),
        environment=settings(storage, hub, directory) | environment,
    )


class Driver:
    """Orchestrations of one host, from outside. Paths are of the prefix that asks for no key."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.http = http

    async def post(self, path: str, body: Any = None, **query: str) -> tuple[int, Any]:
        async with self.http.post(f"/durabletask/{path}", json=body, params=query) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else None

    async def get(self, path: str, **query: str) -> tuple[int, Any]:
        async with self.http.get(f"/durabletask/{path}", params=query) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else None

    async def start(self, name: str, given: Any = None, instance_id: str = "") -> str:
        path = f"orchestrators/{name}/{instance_id}".rstrip("/")
        status, answer = await self.post(path, json.dumps(given))
        assert status == 202, answer
        return str(answer["id"])

    async def run(self, name: str, given: Any = None, instance_id: str = "") -> Any:
        """Start it and answer its output, or the reason of its failure."""
        path = f"orchestrators/{name}/{instance_id}".rstrip("/")
        status, answer = await self.post(path, json.dumps(given), timeout="20")
        assert status == 200, answer
        return answer

    async def raise_event(self, instance_id: str, name: str, content: Any = None) -> int:
        path = f"/durabletask/instances/{instance_id}/raiseEvent/{name}"
        as_json = {"Content-Type": "application/json"}
        async with self.http.post(path, data=json.dumps(content), headers=as_json) as answer:
            return answer.status

    async def status(self, instance_id: str, **query: str) -> dict[str, Any]:
        _, answer = await self.get(f"instances/{instance_id}", **query)
        return dict(answer or {})

    async def reaches(
        self, instance_id: str, probe: Callable[[dict[str, Any]], Any], seconds: float = 20
    ) -> dict[str, Any]:
        """The first status of which the probe is true."""
        status: dict[str, Any] = {}
        try:
            async with asyncio.timeout(seconds):
                while True:
                    status = await self.status(instance_id)
                    if status and probe(status):
                        return status
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"within {seconds} s not more than {status}") from None

    async def end(self, instance_id: str) -> dict[str, Any]:
        return await self.reaches(instance_id, lambda status: status["runtimeStatus"] in TERMINAL)

    async def counts(self) -> dict[str, int]:
        async with self.http.get("/admin/host/status") as answer:
            return dict((await answer.json())["durable"])

    async def client(self, operation: str, **arguments: Any) -> tuple[int, Any]:
        """One operation of the SDK's own client, from within a function."""
        async with self.http.post(f"/api/client/{operation}", json=arguments) as answer:
            text = await answer.text()
            try:
                return answer.status, json.loads(text)
            except ValueError:
                return answer.status, text


@asynccontextmanager
async def driving(server: Server) -> AsyncIterator[Driver]:
    async with aiohttp.ClientSession(server.ready["url"]) as http:
        yield Driver(http)
