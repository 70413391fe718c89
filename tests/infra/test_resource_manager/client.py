"""What the tests share: the service as a process, a resource group of it, and a template."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

ROOT = Path(__file__).parents[3]
PACE = 0.01
VERSION = "2024-03-01"
SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"

type Json = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def code(self) -> str:
        return str(self.body["error"]["code"])


class Running:
    """One process of the service; keeps its port and its state through `restart`."""

    def __init__(self, state: Path, options: tuple[str, ...]) -> None:
        self.state = state
        self.url = ""
        self._options = options
        self._port = 0
        self._process: asyncio.subprocess.Process | None = None
        self.session = aiohttp.ClientSession()

    @classmethod
    async def start(cls, state: Path, *options: str) -> Running:
        running = cls(state, options)
        await running._start()
        return running

    async def _start(self) -> None:
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "infra.local.resource_manager", "--state", str(self.state)),
            *("--port", str(self._port), "--parent-pid", str(os.getpid()), *self._options),
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
        )
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
        assert line.startswith("READY "), f"the service did not start: {line!r}"
        self.url = json.loads(line.removeprefix("READY "))["url"]
        self._port = int(self.url.rpartition(":")[2])

    async def stop(self) -> int:
        await self.session.close()
        assert self._process is not None
        self._process.terminate()
        return await asyncio.wait_for(self._process.wait(), 10)

    async def restart(self) -> None:
        """As after a crash: killed, and started again over the same state."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()
        await self._start()

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = "any",
        version: str | None = VERSION,
    ) -> Reply:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = path if path.startswith("http") else self.url + path
        if version and "api-version" not in url:
            url += f"?api-version={version}"
        async with self.session.request(method, url, json=body, headers=headers) as response:
            raw = await response.read()
            return Reply(response.status, json.loads(raw) if raw else None, response.headers)

    async def group(self) -> Group:
        group = Group(self, f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-{uuid.uuid4().hex[:8]}")
        made = await group.call("PUT", "", {"location": "westeurope"})
        assert made.status == 201, made.body
        return group


@dataclass
class Group:
    server: Running
    id: str

    async def call(self, method: str, path: str, body: Any = None) -> Reply:
        return await self.server.call(method, self.id + path, body)

    async def local(self, path: str, body: Any) -> Any:
        prefix = "/_local" if path.startswith("/failures") else f"/_local{self.id}"
        reply = await self.server.call("POST", prefix + path, body, version=None)
        assert reply.status < 300, reply.body
        return reply.body

    async def put(self, name: str, document: Json, mode: str = "Incremental", **parameters: Any) -> Reply:
        return await self.deployment("PUT", name, body(document, mode, **parameters))

    async def deployment(self, method: str, name: str, content: Any = None) -> Reply:
        return await self.call(method, f"/providers/Microsoft.Resources/deployments/{name}", content)

    async def ended(self, name: str) -> Json:
        async with asyncio.timeout(10):
            while True:
                found: Json = (await self.deployment("GET", name)).body["properties"]
                if found["provisioningState"] not in ("Accepted", "Running"):
                    return found
                await asyncio.sleep(0.01)

    async def deploy(self, name: str, document: Json, mode: str = "Incremental", **parameters: Any) -> Json:
        reply = await self.put(name, document, mode, **parameters)
        assert reply.status in (200, 201), reply.body
        return await self.ended(name)

    async def what_if(self, document: Json, mode: str = "Incremental", **parameters: Any) -> Json:
        """Through the Location, as a client has to go."""
        reply = await self.deployment("POST", "preview/whatIf", body(document, mode, **parameters))
        seen = []
        while reply.status == 202:
            seen.append(202)
            reply = await self.server.call("GET", reply.headers["Location"])
        assert seen
        result: Json = reply.body
        return result

    async def changes(self, document: Json, mode: str = "Incremental", **parameters: Any) -> dict[str, str]:
        """Kind of change by the resource's name."""
        result = await self.what_if(document, mode, **parameters)
        found = result["properties"]["changes"]
        return {change["resourceId"].rpartition("/")[2]: change["changeType"] for change in found}

    async def until_made(self, name: str) -> None:
        async with asyncio.timeout(10):
            while True:
                if name in await self.names():
                    return
                await asyncio.sleep(0.01)

    async def names(self) -> list[str]:
        return sorted(r["name"] for r in (await self.call("GET", "/resources")).body["value"])


def body(document: Json, mode: str, **parameters: Any) -> Json:
    given = {name: {"value": value} for name, value in parameters.items()}
    source = {"templateLink": document} if "id" in document else {"template": document}
    return {"properties": {"mode": mode, **source, "parameters": given}}


def template(sku: str = "Standard_LRS", *, plan: bool = True) -> Json:
    """As Bicep compiles it: a storage account, and a site that depends on it."""
    account: Json = {
        "type": "Microsoft.Storage/storageAccounts",
        "apiVersion": "2023-05-01",
        "name": "[parameters('account')]",
        "location": "[resourceGroup().location]",
        "sku": {"name": sku},
        "properties": {"minimumTlsVersion": "[variables('tls')]"},
    }
    site: Json = {
        "type": "Microsoft.Web/sites",
        "apiVersion": "2023-12-01",
        "name": "[format('{0}-web', parameters('account'))]",
        "condition": plan,
        "dependsOn": ["[resourceId('Microsoft.Storage/storageAccounts', parameters('account'))]"],
        "properties": {
            "blob": "[reference(resourceId('Microsoft.Storage/storageAccounts', parameters('account'))"
            ", '2023-05-01').primaryEndpoints.blob]"
        },
    }
    return {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "parameters": {
            "account": {"type": "string"},
            "secret": {"type": "securestring", "defaultValue": "[uniqueString(resourceGroup().id)]"},
        },
        "variables": {"tls": "TLS1_2"},
        "resources": [site, account],
        "outputs": {
            "blob": {
                "type": "string",
                "value": "[reference(resourceId('Microsoft.Storage/storageAccounts', parameters('account')))"
                ".primaryEndpoints.blob]",
            }
        },
    }
