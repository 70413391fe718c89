"""The laptop cloud as the suites use it: one more subscription a topic, which takes whatever is published."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from infra import topology
from infra.local.cloud import Cloud
from infra.local.processes import Server

AUDIT = "audit"
"""The subscription without a rule: facts that no consumer is promised are seen here as well."""

LOCK = "PT3S"
"""So long a killed host's messages stay away; Azure's shortest is five seconds."""

# Timers fire when a test says so, or soon enough not to be waited for.
SETTINGS = {"OutboxSchedule": "*/2 * * * * *", "ReconcilerSchedule": "0 0 0 1 1 *"}
# Pipelines run for real, with next to nothing in them.
TEMPLATES = Path(__file__).with_name("templates")
AZURE_DEVOPS = ("--latency-ms", "20", "--hook-time-scale", "0.1", "--templates", str(TEMPLATES))


def topics() -> list[dict[str, Any]]:
    """The topics of the registry, as the topology describes them."""
    described: list[dict[str, Any]] = json.loads(topology.rendered())["UserConfig"]["Namespaces"][0]["Topics"]
    return described


class AuditedCloud(Cloud):
    """`Cloud`, with the audit subscription and short locks."""

    def __init__(self, data: Path, settings: Mapping[str, str] | None = None) -> None:
        super().__init__(data, settings={**SETTINGS, **(settings or {})}, azure_devops_options=AZURE_DEVOPS)

    def _broker(self) -> Server:
        described = json.loads(topology.rendered())
        (namespace,) = described["UserConfig"]["Namespaces"]
        for topic in namespace["Topics"]:
            topic["Subscriptions"].append({"Name": AUDIT, "Properties": {}, "Rules": []})
            for subscription in topic["Subscriptions"]:
                subscription["Properties"]["LockDuration"] = LOCK
        for queue in namespace["Queues"]:
            queue["Properties"]["LockDuration"] = LOCK
        file = self.data / "audited-topology.json"
        file.write_text(json.dumps(described))
        server = super()._broker()
        server.arguments = tuple(
            str(file) if value == str(topology.FILE) else value for value in server.arguments
        )
        assert str(file) in server.arguments
        return server

    @asynccontextmanager
    async def without_broker(self) -> AsyncIterator[None]:
        """The broker is killed during the block, and back after it whatever the block comes to."""
        await self.stop_broker()
        try:
            yield
        finally:
            await self.start_broker()

    async def crash_host(self) -> None:
        """SIGKILL and a new process. The others find a host again, even if the test is ended meanwhile."""
        await self.kill_host()
        await asyncio.shield(self.start_host())
