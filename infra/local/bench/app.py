"""The app in this very process: the Functions host and Microsoft's worker over real storage and broker, and
everything else outside in memory, with what it asks of storage and broker counted per command."""

import base64
import json
import os
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import override

import aiohttp

from adapters.service_bus import ServiceBus
from adapters.table_storage import TableStorageStore
from domain.catalogue import catalogue
from domain.dispatch import Dispatcher
from domain.kernel.actor import Actor
from domain.kernel.envelope import Envelope, Message
from domain.kernel.journal import Journal
from domain.kernel.values import Redaction
from domain.ports import Store
from functions import bootstrap
from infra.local.bench.round_trips import REDACTION_KEY, Bench
from infra.local.cloud import SCHEDULES
from infra.local.functions_host.host import FunctionsHost, HostConfig, Ready
from infra.local.processes import ROOT

# Nobody goes where these lead, and whoever comes over a queue as the platform itself shows no token.
SETTINGS = {
    "AzureDevOps__url": "http://127.0.0.1:9/{tenantId}/{projectId}",
    "AzureDevOps__feedUrl": "http://127.0.0.1:9/{tenantId}/{projectId}/{feed}",
    "ContainerRegistry__url": "http://127.0.0.1:9",
    "Defender__subscriptions": "bench",
    "Kubernetes__clusters": json.dumps({"*": {"url": "http://127.0.0.1:9", "token": "bench"}}),
    "Pulumi__token": "bench",
    "Pulumi__organization": "{tenantId}-{projectId}",
    "Webhooks__url": "http://127.0.0.1:9/{tenantId}/{projectId}",
    "Webhooks__secret": "bench",
    "Redaction__key": base64.b64encode(REDACTION_KEY).decode(),
    "Identity__issuers": "https://127.0.0.1:9/",
    "Identity__jwksUrl": "https://127.0.0.1:9/",
    "Identity__audiences": "bench",
    "Identity__tenants": "{}",
    **SCHEDULES,
    "ReconcilerSchedule": "0 0 0 1 1 *",  # nobody is outside to be asked
}

_doing: ContextVar[tuple[str, bool]] = ContextVar("doing", default=("", False))
"""The command at hand, and whether it is off the latency path."""


class Traffic:
    """Of each command: how often it was handled, for how many ms, and its requests by kind: reads,
    transactions, sends, later. What no command was at hand for goes to the command ''."""

    def __init__(self) -> None:
        self.milliseconds: defaultdict[str, list[float]] = defaultdict(list)
        self.requests: Counter[tuple[str, str]] = Counter()

    def clear(self) -> None:
        self.milliseconds.clear()
        self.requests.clear()

    def on_request(self, method: str, _url: str) -> None:
        self.note("reads" if method == "GET" else "transactions")

    def note(self, kind: str, count: int = 1) -> None:
        command, is_later = _doing.get()
        self.requests[command, "later" if is_later else kind] += count


class _TimedDispatcher(Dispatcher):
    traffic: Traffic

    @override
    async def dispatch(self, envelope: Envelope, actor: Actor, *, may_be_repeat: bool = False) -> Journal:
        # Each invocation has its context to itself: what comes after the command is of it, too.
        _doing.set((envelope.event_type, False))
        started = time.perf_counter()
        try:
            return await super().dispatch(envelope, actor, may_be_repeat=may_be_repeat)
        finally:
            self.traffic.milliseconds[envelope.event_type].append((time.perf_counter() - started) * 1000)

    @override
    async def _settle(self, journal: Journal) -> None:
        _doing.set((journal.outcome.command, True))
        await super()._settle(journal)


class _CountedServiceBus(ServiceBus):
    traffic: Traffic

    @override
    async def publish(self, messages: Sequence[Message]) -> None:
        self.traffic.note("sends", len({message.destination for message in messages}))
        await super().publish(messages)


class App:
    """The app while it runs."""

    def __init__(self, traffic: Traffic, store: Store, ready: Ready) -> None:
        self.traffic, self.store, self._ready = traffic, store, ready

    async def durable(self) -> Counter[str]:
        """What the orchestrations have come to since the start, by the host's own account."""
        headers = {"x-functions-key": self._ready.keys.master}
        status = f"{self._ready.url}/admin/host/status"
        async with aiohttp.ClientSession() as session, session.get(status, headers=headers) as answer:
            return Counter((await answer.json())["durable"])


@asynccontextmanager
async def running(measured: Bench, storage: str, bus: str) -> AsyncIterator[App]:
    """Once in a process. What is outside is `measured`'s: its time is not ours to measure."""
    os.environ |= {**SETTINGS, "AzureWebJobsStorage": storage, "PlatformStorage": storage, "ServiceBus": bus}
    platform, traffic = bootstrap.platform(), Traffic()
    adapters: dict[str, object] = {bootstrap.ADAPTERS[kind]: port for kind, port in measured.outside.items()}
    store, broker = TableStorageStore(storage, on_request=traffic.on_request), _CountedServiceBus(bus)
    broker.traffic = traffic
    dispatcher = _TimedDispatcher(
        catalogue(), store, broker, platform.port, Redaction(REDACTION_KEY), bootstrap.now
    )
    dispatcher.traffic = traffic
    platform.__dict__.update(adapters | {"store": store, "broker": broker, "dispatcher": dispatcher})
    host = FunctionsHost(HostConfig(app_dir=ROOT))
    ready = await host.start()
    try:
        yield App(traffic, store, ready)
    finally:
        await host.stop(5)
        await dispatcher.drain()
        await broker.close()
        await store.close()
