"""`make demo`: starts the laptop cloud, runs the delivery, shows its trace, proves it, stops everything."""

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

from infra.local.cloud import Cloud
from infra.local.demo.client import Client, Delivery, Unexpected
from infra.local.demo.environments import Environments
from infra.local.demo.promotion import Promotion
from infra.local.demo.release import Fact, Release, Say
from infra.local.demo.scenario import Scenario, verify_clone
from infra.local.demo.second_version import SecondVersion
from infra.local.demo.source import SERVICE, BadSource, files_of
from infra.local.processes import NotStarted

SUBSCRIPTIONS = (
    ("devops.source-control", "observability"),
    ("devops.pipelines", "observability"),
    ("devops.pipelines", "knowledge"),
    ("devops.release", "governance"),
    ("devops.release", "observability"),
    ("devops.infrastructure", "governance"),
)


async def run(source: Path, console: Console) -> None:
    """Raises `NotStarted`, `Unexpected`, `BadSource`."""
    files_of(source)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="delivery-demo-") as folder:
        with console.status("starting Azurite, Service Bus, Azure DevOps and the Functions host"):
            cloud = await Cloud(Path(folder)).__aenter__()
        try:
            console.print(
                f"[dim]{time.monotonic() - started:5.1f} s[/dim] the laptop cloud is up: {cloud.url}"
            )
            await _deliver(cloud, source, Path(folder), console, started)
        finally:
            with console.status("stopping what was started"):
                await cloud.__aexit__()


async def _deliver(cloud: Cloud, source: Path, folder: Path, console: Console, started: float) -> None:
    def say(sentence: str) -> None:
        console.print(f"[dim]{time.monotonic() - started:5.1f} s[/dim] [green]✓[/green] {escape(sentence)}")

    delivery = Delivery("connectsoft", "proj-booking-saas", "module-reservations-api")
    async with aiohttp.ClientSession() as session:
        client = Client(cloud, delivery, session)
        async with client.listening(*SUBSCRIPTIONS):
            with console.status("delivering") as status:
                scenario = Scenario(client, session, source, say)
                provisioned = await scenario.provision()
                await Environments(client, say).prepare(provisioned)
                merged = await scenario.run(provisioned)
                release = Release(client, scenario.report_check, say, status.update)
                facts, build = await release.run(merged)
                if build is not None:
                    facts |= await _promote(client, scenario, merged, build, say, status.update)
                graph = await _whole_trace(client, EXPECTED | facts)
        console.print()
        console.print(_tree(graph))
        sha = merged["payload"]["mergeCommitSha"]
        count = await asyncio.to_thread(
            verify_clone,
            merged["remoteUrl"],
            cloud.azure_devops.ready["pat"],
            sha,
            source,
            folder / "clone",
        )
        say(f"git clone at {sha[:10]} holds all {count} files, byte for byte")


async def _promote(
    client: Client, scenario: Scenario, merged: Fact, build: Fact, say: Say, tell: Say
) -> set[str]:
    """Down the path, and then a version that does not make it; answers the facts of it."""
    promotion = Promotion(client, say, tell)
    version = build["payload"]["buildNumber"]
    first = await promotion.followed(version, "dev")
    if not first["steps"]:
        say(f'the platform itself does not promote it: "{first["reason"]}"')
        return set()
    await promotion.provisioned()
    in_dev = await promotion.completed(version, "dev")
    await promotion.synced("dev", _commit(in_dev))
    good = await promotion.planned_for(build["payload"], "prod", "first", build["eventId"])
    await promotion.completed(version, "test")
    await promotion.completed(version, "staging")
    promoted = await client.fact("DeploymentPromoted")
    await promotion.promote(good, "prod", promoted["eventId"])
    in_prod = await promotion.completed(version, "prod")
    await promotion.synced("prod", _commit(in_prod))
    await promotion.serves("prod", await client.image_digest(version))
    second = SecondVersion(client, promotion, scenario.report_check, say, tell)
    await promotion.synced("staging", await second.run(merged, version))
    await promotion.serves("staging", await client.image_digest(version))
    return PROMOTED


def _commit(promotion: Fact) -> str:
    """The last one of a promotion."""
    sha: str = promotion["steps"][-1]["commitSha"]
    return sha


PROMOTED = {"DeploymentManifestRendered", "InfrastructureProvisioned", "DeploymentPromoted", "GitOpsSynced"}

EXPECTED = {
    "RepositoryProvisioned",
    "BranchCreated",
    "CommitCreated",
    "PullRequestOpened",
    "PullRequestMerged",
}


async def _whole_trace(client: Client, expected: set[str], within: float = 20) -> dict[str, Any]:
    """The trace once every fact is in it: it is indexed off the latency path. Raises `Unexpected`."""
    deadline = time.monotonic() + within
    while True:
        graph: dict[str, Any] = await client.get(f"traces/{client.delivery.trace_id}")
        lacking = expected - {node["type"] for node in graph["nodes"]}
        if not lacking and not graph["missing"]:
            return graph
        if time.monotonic() > deadline:
            raise Unexpected(f"the trace lacks {sorted(lacking)}, and the causes {graph['missing']}")
        await asyncio.sleep(0.1)


def _tree(graph: dict[str, Any]) -> Tree:
    """Causation as a tree: what each command caused, and what followed from that. What followed alone stands
    below its cause without a step to the side, or a delivery would run off the page."""
    correlations = ", ".join(sorted({node["correlationId"] for node in graph["nodes"]}))
    tree = Tree(f"[bold]{graph['traceId']}[/bold] [dim]correlation {correlations}[/dim]")
    nodes = {node["id"]: node for node in graph["nodes"]}
    effects: dict[str, list[str]] = {}
    for edge in graph["edges"]:
        effects.setdefault(edge["from"], []).append(edge["to"])

    def grow(branch: Tree, id: str, follows: str = "") -> None:
        grown = branch.add(follows + _line(nodes[id]))
        found = effects.get(id, [])
        looks = [effect for effect in found if nodes[effect]["scope"] == "observation"]
        idle = [effect for effect in looks if effect not in effects]
        busy = [effect for effect in found if effect not in idle]
        if idle:
            names = ", ".join(sorted({nodes[effect]["type"] for effect in idle}))
            grown.add(f"[dim]{names}: looked {len(idle)} times[/dim]")
        for effect in busy:
            if len(busy) == 1:
                grow(branch, effect, "↳ ")
            else:
                grow(grown, effect)

    for root in graph["roots"]:
        grow(tree, root)
    return tree


def _line(node: dict[str, Any]) -> str:
    style = {"domain": "green", "observation": "dim"}.get(node["scope"], "cyan")
    about = f"{node['occurredAt'][11:].removesuffix('Z')} {node['actor']}"
    text = f"[{style}]{node['type']}[/{style}] [dim]{escape(about)}[/dim]"
    if reason := node.get("reason"):
        text += f" [red]rejected: {escape(reason)}[/red]"
    return text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, default=SERVICE, help="the folder to commit")
    source = parser.parse_args().source.expanduser().resolve()
    logging.basicConfig(level=logging.ERROR)
    console = Console()
    try:
        asyncio.run(run(source, console))
    except (NotStarted, Unexpected, BadSource) as error:
        console.print(f"[red]The demo failed:[/red] {escape(str(error))}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
