"""Prints the figures; asserts nothing about time."""

import asyncio
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
from infra.local.bench import bare
from infra.local.bench.app import SETTINGS, running
from infra.local.bench.load import Figures, load
from infra.local.bench.promotion import TOPIC as RELEASES
from infra.local.bench.promotion import latency_table, promotions, way_table
from infra.local.bench.releases import Releases
from infra.local.bench.round_trips import HERE, Bench, Cost, costs
from infra.local.processes import ROOT, Server
from infra.topology import topology

COUNTS = {1: 100, 16: 800}
COMMAND, TOPIC = "CreateBranch", "devops.source-control"


def _topology(folder: Path) -> Path:
    """The registry's entities, a subscription of our own on the topics, and the yardstick's two."""
    whole = topology(catalogue())
    namespace = whole["UserConfig"]["Namespaces"][0]
    listening = [{"Name": "bench", "Properties": {}}]
    for topic in namespace["Topics"]:
        if topic["Name"] in (TOPIC, RELEASES):
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
            releases = Releases(measured)
            await releases.prepare()
            async with ServiceBusClient.from_connection_string(bus) as client:
                async with running(measured, storage, bus) as app:
                    with console.status("the queue door"):
                        ours = await _platform(measured, client)
                    with console.status("promotions"):
                        promoted = await promotions(measured, releases, app, client, storage)
                with console.status("the bare-SDK loop"):
                    theirs = await _bare(client, storage)
            await measured.close()
    console.print(_throughput(ours, theirs))
    console.print(latency_table(promoted, theirs[1].p50))
    console.print(way_table(promoted))


async def _platform(measured: Bench, client: ServiceBusClient) -> dict[int, Figures]:
    """CreateBranch through its queue."""
    _, repository = await measured.handle("ProvisionRepository", {"name": "load"})

    def body(number: int) -> tuple[str, str]:
        payload: dict[str, object] = {
            "repositoryId": repository["repositoryId"],
            "name": f"load/{number}",
            "fromCommitSha": repository["headCommitSha"],
        }
        envelope = measured.envelope(COMMAND, payload)
        return envelope.event_id, envelope.to_json()

    queue = catalogue().handlers[COMMAND].queue
    assert queue is not None
    async with load(client, queue, TOPIC, body) as made:
        await made.run(16, 160)
        return {concurrency: await made.run(concurrency, count) for concurrency, count in COUNTS.items()}


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
    settings = {"PlatformStorage": "x", "ServiceBus": "x", **SETTINGS}

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
