"""From the event to the effect: how long the platform itself takes from an approved release to a promoted
one, when rollouts are complete at the first look and gates pass; and where that time goes."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from azure.servicebus.aio import ServiceBusClient
from rich.table import Table

from domain.catalogue import catalogue
from domain.devops.release.environment_promotion import EnvironmentPromotion
from infra.local.bench.app import App
from infra.local.bench.load import Figures, Load, listening
from infra.local.bench.releases import Releases
from infra.local.bench.round_trips import APPROVER, HERE, Bench
from infra.local.functions_host.durable.events import Event, Kind, from_text
from infra.local.functions_host.durable.replay import histories

TOPIC = "devops.release"
COUNTS = {1: 60, 8: 64}
WARM = 16
HUB = "Delivery"

# The way of one promotion, in its order; what else its facts lead to goes on beside it.
APPROVED, ASKED = "ApproveRelease", "PromoteDeployment"
BESIDE = ("ProvisionInfrastructure", "SyncGitOps")


@dataclass(frozen=True)
class Leg:
    """A part of the way, per promotion: `milliseconds` until the next one begins, `command` ms of them in the
    command itself; None where that is not on the way, or not counted."""

    name: str
    milliseconds: float | None
    command: float | None
    requests: Mapping[str, float]


@dataclass(frozen=True)
class Promotions:
    """`by_concurrency`: from sending the approval to receiving DeploymentPromoted; the others of concurrency
    1: the legs of the way, and what the orchestration came to per promotion."""

    by_concurrency: Mapping[int, Figures]
    legs: Sequence[Leg]
    durable: Mapping[str, float]


class _Approvals:
    """Approves releases one after another, each worker those of a module of its own."""

    def __init__(self, measured: Bench) -> None:
        self._measured = measured
        self._releases: dict[int, list[str]] = {}
        self.asked: dict[str, float] = {}
        self.approved: dict[str, float] = {}
        self.arrived: dict[str, float] = {}

    async def prepare(self, releases: Releases, concurrency: int, count: int) -> None:
        for worker in range(concurrency):
            module = f"module-bench-{worker}"
            self._releases[worker] = [await releases.one(module) for _ in range(count // concurrency)]

    def order(self, worker: int) -> tuple[str, Callable[[], Awaitable[None]]]:
        release_id = self._releases[worker].pop(0)

        async def approve() -> None:
            self.asked[release_id] = time.time()
            await self._measured.handle(APPROVED, {"releaseId": release_id}, APPROVER)
            self.approved[release_id] = time.time()

        return release_id, approve

    def known_by(self, fact: Mapping[str, Any]) -> str | None:
        if fact["eventType"] != "DeploymentPromoted":
            return None
        release_id = str(fact["payload"]["releaseId"])
        self.arrived.setdefault(release_id, time.time())
        return release_id


async def promotions(
    measured: Bench, releases: Releases, app: App, client: ServiceBusClient, storage: str
) -> Promotions:
    approvals = _Approvals(measured)

    async def run(load: Load, concurrency: int, count: int) -> Figures:
        await approvals.prepare(releases, concurrency, count)
        return await load.run(concurrency, count)

    figures: dict[int, Figures] = {}
    async with listening(client, TOPIC, approvals.order, approvals.known_by) as load:
        await run(load, 8, WARM)
        await run(load, 1, WARM // 4)
        await approvals.prepare(releases, 1, COUNTS[1])
        approvals.arrived.clear()
        app.traffic.clear()
        before = await app.durable()
        figures[1] = await load.run(1, COUNTS[1])
        counted = await app.durable() - before
        durable = {name: number / COUNTS[1] for name, number in counted.items()}
        legs = await _legs(approvals, app, storage)
        figures[8] = await run(load, 8, COUNTS[8])
    return Promotions(figures, legs, durable)


async def _legs(approvals: _Approvals, app: App, storage: str) -> list[Leg]:
    """Of every promotion of the run, from its stored history and the counts of the app."""
    timed: dict[str, list[float]] = {}
    for promotion in await _all(app):
        if promotion.release_id not in approvals.arrived:
            continue
        (history,) = await histories(storage, HUB, promotion.promotion_id)
        ways = _split(history, approvals.arrived[promotion.release_id])
        approved = approvals.approved[promotion.release_id]
        ways[APPROVED] = approved - approvals.asked[promotion.release_id]
        ways[ASKED] = _moment(history[0]) - approved
        for name, seconds in ways.items():
            timed.setdefault(name, []).append(seconds * 1000)
    steps = [name for name in timed if name in {handler.name for handler in catalogue().steps}]
    return [_leg(name, timed.get(name), app) for name in (APPROVED, ASKED, *steps, *BESIDE, "")]


def _leg(name: str, timed: Sequence[float] | None, app: App) -> Leg:
    taken = app.traffic.milliseconds.get(name)
    kinds = ("reads", "transactions", "sends", "later")
    per_promotion = {kind: app.traffic.requests[name, kind] / COUNTS[1] for kind in kinds}
    return Leg(name, median(timed) if timed else None, median(taken) if taken else None, per_promotion)


async def _all(app: App) -> Sequence[EnvironmentPromotion]:
    found: list[EnvironmentPromotion] = []
    after: str | None = None
    while True:
        page = await app.store.page(HERE, EnvironmentPromotion, 100, after)
        found += [loaded.aggregate for loaded in page.items]
        after = page.next
        if after is None:
            return found


def _split(history: Sequence[Event], arrived: float) -> dict[str, float]:
    """Seconds by step: from the turn that asks for it to the turn that its answer begins; of the last one,
    to the arrival of its fact."""
    begun: list[tuple[str, float]] = []
    turn = 0.0
    for event in history:
        if event["EventType"] == Kind.TURN_STARTED:
            turn = _moment(event)
        elif event["EventType"] == Kind.TASK_SCHEDULED:
            begun.append((str(event["Name"]), turn))
    ends = [moment for _, moment in begun[1:]] + [arrived]
    names = {handler.function.__name__: handler.name for handler in catalogue().steps}
    found: dict[str, float] = {}
    for (name, start), end in zip(begun, ends, strict=True):
        found[names[name]] = found.get(names[name], 0.0) + end - start
    return found


def _moment(event: Event) -> float:
    return from_text(event["Timestamp"]).timestamp()


def latency_table(found: Promotions, round_ms: float) -> Table:
    """`round_ms`: of one round of the bare SDKs, to compare with."""
    table = Table(
        "concurrency",
        "promotions/s",
        "p50 ms",
        "p95 ms",
        f"p50 in rounds of the bare SDKs ({round_ms:.1f} ms)",
        title="ApproveRelease sent to DeploymentPromoted received",
    )
    for concurrency, figures in found.by_concurrency.items():
        values = (figures.per_second, figures.p50, figures.p95, figures.p50 / round_ms)
        table.add_row(str(concurrency), *(f"{value:.1f}" for value in values))
    return table


def way_table(found: Promotions) -> Table:
    durable = found.durable
    table = Table(
        "on its way",
        "ms",
        "in the command",
        "reads",
        "transactions",
        "sends",
        "off the path",
        title="Where a promotion's time goes (medians, concurrency 1)",
        caption=f"orchestration: {durable['activities']:.1f} steps in {durable['turns']:.1f} turns,"
        f" {durable['storageRequests']:.1f} storage requests of the laptop's engine",
    )
    for leg in found.legs:
        counts = [f"{leg.requests[kind]:.1f}" for kind in ("reads", "transactions", "sends", "later")]
        if leg.name == APPROVED:
            counts = ["", "", "", ""]  # of the sender's process, and above
        times = ["" if value is None else f"{value:.1f}" for value in (leg.milliseconds, leg.command)]
        name = leg.name or "reactions, and beginning"
        table.add_row(f"{name} (beside it)" if leg.name in BESIDE else name, *times, *counts)
    return table
