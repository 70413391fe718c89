"""Prints the figures; asserts nothing about time."""

import asyncio
import base64
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from azure.servicebus.aio import ServiceBusClient
from rich.console import Console
from rich.table import Table

from domain.catalogue import catalogue
from functions import bootstrap
from infra.local.bench import bare
from infra.local.bench.load import Figures, load
from infra.local.bench.round_trips import HERE, REDACTION_KEY, Bench, Cost, costs
from infra.local.cloud import SCHEDULES
from infra.local.functions_host.host import FunctionsHost, HostConfig
from infra.local.processes import ROOT, Server
from infra.topology import topology

COUNTS = {1: 100, 16: 800}
# Nobody goes there.
OUTSIDE = {
    "AzureDevOps__feedUrl": "http://127.0.0.1:9/{tenantId}/{projectId}/{feed}",
    "ContainerRegistry__url": "http://127.0.0.1:9",
    "Defender__subscriptions": "bench",
}
# The load comes over a queue as its own principal: no token is ever checked.
IDENTITY = {
    "Identity__issuers": "https://127.0.0.1:9/",
    "Identity__jwksUrl": "https://127.0.0.1:9/",
    "Identity__audiences": "bench",
    "Identity__tenants": "{}",
}
COMMAND, TOPIC = "CreateBranch", "devops.source-control"


def _topology(folder: Path) -> Path:
    """The registry's entities, a subscription of our own on the topic, and the yardstick's two."""
    whole = topology(catalogue())
    namespace = whole["UserConfig"]["Namespaces"][0]
    listening = [{"Name": "bench", "Properties": {}}]
    for topic in namespace["Topics"]:
        if topic["Name"] == TOPIC:
            topic["Subscriptions"] += listening
    namespace["Queues"].append({"Name": bare.QUEUE, "Properties": {}})
    namespace["Topics"].append({"Name": bare.TOPIC, "Properties": {}, "Subscriptions": listening})
    file = folder / "topology.json"
    file.write_text(json.dumps(whole))
    return file


async def main(console: Console) -> None:
    console.print(_imports())
    with tempfile.TemporaryDirectory() as folder:
        async with (
            Server("infra.local.azurite") as azurite,
            Server(
                "infra.local.service_bus",
                *("--config", str(_topology(Path(folder)))),
                *("--journal", str(Path(folder) / "service-bus.db")),
            ) as service_bus,
        ):
            storage, bus = azurite.ready["connectionString"], service_bus.ready["connectionString"]
            measured = Bench(storage, bus)
            console.print(_costs(await costs(measured)))
            async with ServiceBusClient.from_connection_string(bus) as client:
                with console.status("the queue door"):
                    ours = await _platform(measured, client, storage, bus)
                with console.status("the bare-SDK loop"):
                    theirs = await _bare(client, storage)
            await measured.close()
    console.print(_throughput(ours, theirs))


async def _platform(measured: Bench, client: ServiceBusClient, storage: str, bus: str) -> dict[int, Figures]:
    """CreateBranch through its queue, the Functions host and Microsoft's worker in this very process."""
    os.environ |= {
        "PlatformStorage": storage,
        "ServiceBus": bus,
        "AzureDevOps__url": "http://127.0.0.1:9/{tenantId}/{projectId}",
        **OUTSIDE,
        "Webhooks__url": "http://127.0.0.1:9/{tenantId}/{projectId}",
        "Webhooks__secret": "bench",
        "Redaction__key": base64.b64encode(REDACTION_KEY).decode(),
        **IDENTITY,
        **SCHEDULES,
        "ReconcilerSchedule": "0 0 0 1 1 *",  # nobody is outside to be asked
    }
    # The time of what is outside is not ours to measure: it answers from memory.
    bootstrap.platform().__dict__.update(
        {bootstrap.ADAPTERS[kind]: port for kind, port in measured.outside.items()}
    )
    _, repository = await measured.handle("ProvisionRepository", {"name": "load"})

    def body(number: int) -> tuple[str, str]:
        payload: dict[str, object] = {
            "repositoryId": repository["repositoryId"],
            "name": f"load/{number}",
            "fromCommitSha": repository["headCommitSha"],
        }
        envelope = measured.envelope(COMMAND, payload)
        return envelope.event_id, envelope.to_json()

    host = FunctionsHost(HostConfig(app_dir=ROOT))
    await host.start()
    queue = catalogue().handlers[COMMAND].queue
    assert queue is not None
    try:
        async with load(client, queue, TOPIC, body) as made:
            await made.run(16, 160)
            return {concurrency: await made.run(concurrency, count) for concurrency, count in COUNTS.items()}
    finally:
        await host.stop(5)
        await bootstrap.platform().dispatcher.drain()
        await bootstrap.platform().broker.close()
        await bootstrap.platform().store.close()


async def _bare(client: ServiceBusClient, storage: str) -> dict[int, Figures]:
    loop = bare.BareLoop(storage)
    await loop.prepare()
    running = asyncio.create_task(loop.run(client))

    def body(number: int) -> tuple[str, str]:
        id = f"cmd-bare-{number}"
        payload = {"repositoryId": "r", "name": f"load/{number}", "fromCommitSha": "0" * 40}
        return id, json.dumps(
            {"eventId": id, "tenantId": HERE.tenant_id, "payload": payload, "pad": "x" * 300}
        )

    try:
        async with load(client, bare.QUEUE, bare.TOPIC, body) as made:
            await made.run(16, 160)
            return {concurrency: await made.run(concurrency, count) for concurrency, count in COUNTS.items()}
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await loop.close()


def _imports() -> Table:
    """Start a fresh interpreter for each, so that nothing is warm."""
    table = Table("import", "ms over an empty interpreter", "of azure.functions alone", title="Cold start")
    empty, worker, app = (
        _seconds(code) for code in ("pass", "import azure.functions", "import function_app")
    )
    table.add_row("azure.functions", f"{(worker - empty) * 1000:.0f}", "1.0")
    table.add_row("function_app", f"{(app - empty) * 1000:.0f}", f"{(app - empty) / (worker - empty):.1f}")
    return table


def _seconds(code: str) -> float:
    settings = {
        "PlatformStorage": "x",
        "ServiceBus": "x",
        "AzureDevOps__url": "{tenantId}{projectId}",
        "Webhooks__url": "{tenantId}{projectId}",
        "Webhooks__secret": "x",
        "Redaction__key": "YmVuY2gtYmVuY2gtYmVuY2gtYmVuY2gtYmVuY2gtYmVuY2gh",
        **OUTSIDE,
        **IDENTITY,
        **SCHEDULES,
    }

    def once() -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env=os.environ | settings)
        return time.perf_counter() - started

    once()
    return statistics.median(once() for _ in range(7))


def _costs(found: list[Cost]) -> Table:
    table = Table(
        "command",
        "reads",
        "transactions",
        "sends",
        "off the path",
        title="Round trips per command",
    )
    for cost in found:
        table.add_row(cost.command, *map(str, (cost.reads, cost.transactions, cost.sends, cost.later)))
    return table


def _throughput(ours: dict[int, Figures], theirs: dict[int, Figures]) -> Table:
    table = Table(
        "concurrency", "", "commands/s", "p50 ms", "p99 ms", title=f"{COMMAND} from its queue to its fact"
    )
    for concurrency in COUNTS:
        mine, bare_loop = ours[concurrency], theirs[concurrency]
        for name, figures in (("platform", mine), ("bare SDKs", bare_loop)):
            values = (figures.per_second, figures.p50, figures.p99)
            table.add_row(str(concurrency), name, *(f"{value:.1f}" for value in values))
        ratios = (
            mine.per_second / bare_loop.per_second,
            mine.p50 / bare_loop.p50,
            mine.p99 / bare_loop.p99,
        )
        table.add_row(str(concurrency), "ratio", *(f"{ratio:.2f}" for ratio in ratios), end_section=True)
    return table


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(main(Console(width=100)))
