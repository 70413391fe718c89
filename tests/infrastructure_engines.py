"""The engines that the contract of `InfrastructureEngine` is held against, each with a world behind it."""

import asyncio
import json
import uuid
from collections.abc import Mapping
from typing import Any, Protocol

import yaml

from adapters.entra import FixedAuthorization
from adapters.infrastructure_engines import InfrastructureEngines
from adapters.memory.infrastructure_engine import MemoryInfrastructureEngine
from adapters.pulumi import PulumiDeployments
from adapters.resource_manager import ResourceManagerDeployments
from domain.kernel.work import Partition
from domain.ports import InfrastructureEngine
from domain.provided import ProvidedInfrastructureRun, ProvidedProgram, StackHandle
from tests.infra.test_pulumi.client import PACE, Programs
from tests.infra.test_pulumi.client import Running as RunningPulumi
from tests.infra.test_resource_manager.client import Running as RunningResourceManager

type Skus = Mapping[str, str]
"""A storage account of each name, of this SKU."""

ORGANIZATIONS = "{tenantId}-{projectId}"


class Site(Protocol):
    """An engine as its other users have it, with one stack that is nobody else's."""

    stack: StackHandle
    elsewhere: StackHandle
    """One of the same name of another tenant."""

    @property
    def port(self) -> InfrastructureEngine: ...

    async def program(self, accounts: Skus, outputs: Mapping[str, str] = {}) -> ProvidedProgram:
        """A commit that declares this."""

    async def drift(self, account: str, sku: str | None) -> None:
        """Somebody changes it by hand; None takes it away."""

    async def fail(self, account: str, message: str) -> None:
        """The provider will refuse the next change of this one."""

    async def lose_answer(self) -> None:
        """The next begin has its effect, but its answer doesn't arrive."""

    async def slow(self) -> None:
        """From now on an update takes its time."""

    async def under_way(self) -> None:
        """The update that was begun has come to its first resource."""

    async def updates(self) -> int:
        """How many of the stack there have been."""

    async def close(self) -> None: ...


async def ended(site: Site, run_id: str) -> ProvidedInfrastructureRun:
    async with asyncio.timeout(20):
        while True:
            found = await site.port.run(site.stack, run_id)
            assert found is not None
            if found.status != "running":
                return found
            await asyncio.sleep(0.01)


def _names(engine: str, name: str) -> tuple[StackHandle, StackHandle]:
    tenants = (Partition(f"tenant{uuid.uuid4().hex[:12]}", "shop") for _ in range(2))
    here, there = (StackHandle(tenant, "dev", engine, name) for tenant in tenants)
    return here, there


class MemorySite(Site):
    def __init__(self) -> None:
        self.stack, self.elsewhere = _names("Pulumi", "shop/dev")
        self.memory = MemoryInfrastructureEngine()

    @property
    def port(self) -> InfrastructureEngine:
        return self.memory

    async def program(self, accounts: Skus, outputs: Mapping[str, str] = {}) -> ProvidedProgram:
        commit = uuid.uuid4().hex + "0" * 8
        self.memory.declare(commit, {name: {"sku": sku} for name, sku in accounts.items()}, outputs)
        return ProvidedProgram("https://git.invalid/shop", commit, "infra")

    async def drift(self, account: str, sku: str | None) -> None:
        self.memory.drift(self.stack, account, None if sku is None else {"sku": sku})

    async def fail(self, account: str, message: str) -> None:
        self.memory.fail_next("update", message, after=1)

    async def lose_answer(self) -> None:
        self.memory.lose_answer("begin")

    async def slow(self) -> None:
        self.memory.holding = True

    async def under_way(self) -> None:
        """It is as soon as it has begun."""

    async def updates(self) -> int:
        return self.memory.effects["update"]

    async def close(self) -> None:
        """There is nothing to let go of."""


class PulumiSite(Site):
    def __init__(self, server: RunningPulumi, programs: Programs) -> None:
        self.stack, self.elsewhere = _names("Pulumi", "shop/dev")
        self._server, self._programs = server, programs
        token = FixedAuthorization(f"token {server.token}")
        self.adapter = PulumiDeployments(token, ORGANIZATIONS, url=server.url)

    @property
    def port(self) -> InfrastructureEngine:
        return InfrastructureEngines(self.adapter, MemoryInfrastructureEngine())

    @property
    def key(self) -> str:
        return f"{self.stack.partition.tenant_id}-{self.stack.partition.project_id}/{self.stack.name}"

    async def program(self, accounts: Skus, outputs: Mapping[str, str] = {}) -> ProvidedProgram:
        kind, group = "azure-native:storage:StorageAccount", {"resourceGroupName": "rg"}
        resources = {
            name: {"type": kind, "properties": {**group, "accountName": name, "sku": {"name": sku}}}
            for name, sku in accounts.items()
        }
        document = {"name": "shop", "runtime": "yaml", "resources": resources, "outputs": dict(outputs)}
        commit = await self._programs.commit(yaml.safe_dump(document, sort_keys=False))
        return ProvidedProgram(str(self._programs.path), commit, "infra")

    async def drift(self, account: str, sku: str | None) -> None:
        change: Any = {"delete": True} if sku is None else {"properties": {"sku": {"name": sku}}}
        await self.local("POST", "drift", {"resource": account, **change})

    async def fail(self, account: str, message: str) -> None:
        await self.local("POST", "failures", {"resource": account, "message": message})

    async def local(self, method: str, path: str, body: Any = None) -> Any:
        reply = await self._server.call(method, f"/_local/stacks/{self.key}/{path}", body, None)
        assert reply.status < 300, reply.body
        return reply.body

    async def lose_answer(self) -> None:
        match = {"method": "POST", "pathRegex": "/deployments$"}
        rules = [{"match": match, "mode": "cut-after-commit", "times": 1}]
        assert (await self._server.call("POST", "/_local/faults", rules, None)).status == 200

    async def slow(self) -> None:
        await self._server.call("PUT", "/_local/pace", {"seconds": 60}, None)

    async def under_way(self) -> None:
        async with asyncio.timeout(20):
            while not (await self._server.call("GET", f"/api/stacks/{self.key}")).body["activeUpdate"]:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def updates(self) -> int:
        reply = await self._server.call("GET", f"/api/stacks/{self.key}/deployments?pageSize=100")
        return sum(one["pulumiOperation"] == "update" for one in reply.body["deployments"])

    async def close(self) -> None:
        await self.adapter.close()
        for control in ("faults", "failures"):
            await self._server.call("DELETE", f"/_local/{control}", None, None)
        await self._server.call("PUT", "/_local/pace", {"seconds": PACE}, None)


class ResourceManagerSite(Site):
    def __init__(self, server: RunningResourceManager) -> None:
        self.stack, self.elsewhere = _names("Bicep", "rg-shop")
        self._server, self._seen = server, set[str]()
        self._subscriptions = {
            f"{one.partition.tenant_id}/{one.partition.project_id}": str(uuid.uuid4())
            for one in (self.stack, self.elsewhere)
        }
        self.adapter = ResourceManagerDeployments(
            FixedAuthorization("Bearer local"), self._subscriptions, management_url=server.url
        )

    @property
    def port(self) -> InfrastructureEngine:
        return InfrastructureEngines(MemoryInfrastructureEngine(), self.adapter)

    def _group(self, stack: StackHandle) -> str:
        project = f"{stack.partition.tenant_id}/{stack.partition.project_id}"
        return f"/subscriptions/{self._subscriptions[project]}/resourceGroups/{stack.name}"

    async def prepare(self) -> None:
        """Stacks from before are there."""
        for stack in (self.stack, self.elsewhere):
            reply = await self._server.call("PUT", self._group(stack), {"location": "westeurope"})
            assert reply.status == 201, reply.body

    async def program(self, accounts: Skus, outputs: Mapping[str, str] = {}) -> ProvidedProgram:
        resources = [
            {
                "type": "Microsoft.Storage/storageAccounts",
                "apiVersion": "2023-05-01",
                "name": name,
                "location": "westeurope",
                "sku": {"name": sku},
                "properties": {},
            }
            for name, sku in accounts.items()
        ]
        template = {
            "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
            "contentVersion": "1.0.0.0",
            "resources": resources,
            "outputs": {name: {"type": "string", "value": value} for name, value in outputs.items()},
        }
        return ProvidedProgram("https://git.invalid/shop", "0" * 40, "infra", json.dumps(template).encode())

    async def drift(self, account: str, sku: str | None) -> None:
        change: Any = {"delete": True} if sku is None else {"change": {"sku": {"name": sku}}}
        await self.local(f"{self._group(self.stack)}/drift", {"resource": account, **change})

    async def fail(self, account: str, message: str) -> None:
        await self.local("/failures", {"resource": account, "message": message})

    async def local(self, path: str, body: Any, method: str = "POST") -> None:
        reply = await self._server.call(method, f"/_local{path}", body, version=None)
        assert reply.status < 300, reply.body

    async def lose_answer(self) -> None:
        match = {"method": "PUT", "pathRegex": "/deployments/"}
        await self.local("/faults", [{"match": match, "mode": "cut-after-commit", "times": 1}])

    async def slow(self) -> None:
        await self.local("/pace", {"seconds": 60}, "PUT")

    async def under_way(self) -> None:
        """As soon as it has begun."""

    async def updates(self) -> int:
        path = f"{self._group(self.stack)}/providers/Microsoft.Resources/deployments"
        found = (await self._server.call("GET", path)).body["value"]
        # One that was done anew has the same name.
        self._seen |= {one["properties"]["correlationId"] for one in found}
        return len(self._seen)

    async def close(self) -> None:
        await self.adapter.close()
        for control in ("/faults", "/failures"):
            await self.local(control, None, "DELETE")
        await self.local("/pace", {"seconds": PACE}, "PUT")
