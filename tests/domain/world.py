"""A small scenario language: given facts by commands, when a command, then facts or the sentence of a no.

    world = World()
    repository = (await world.given(ProvisionRepository(name="booking"))).only(RepositoryProvisioned)
    happened = await world.when(CreateBranch(repository_id=repository.repository_id, ...))
    sentence = await world.refused(MergePullRequest(pull_request_id=...))

`given` and `when` call the handler itself and commit what it did; `given` also lets the reactions to its
facts run. `dispatch` and `send` go the way that every door goes, for what is about idempotency.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.memory.blob_store import MemoryBlobStore
from adapters.memory.broker import MemoryBroker
from adapters.memory.container_registry import MemoryContainerRegistry
from adapters.memory.git_provider import MemoryGitProvider
from adapters.memory.gitops_agent import MemoryGitOpsAgent
from adapters.memory.health_probe import MemoryHealthProbe
from adapters.memory.image_scanner import MemoryImageScanner
from adapters.memory.infrastructure_engine import MemoryInfrastructureEngine
from adapters.memory.manifest_renderer import MemoryManifestRenderer
from adapters.memory.metric_source import MemoryMetricSource
from adapters.memory.outside import Outside
from adapters.memory.package_feed import MemoryPackageFeed
from adapters.memory.pipeline_provider import MemoryPipelineProvider
from adapters.memory.store import MemoryStore
from adapters.memory.workloads import MemoryWorkloads
from domain.catalogue import catalogue
from domain.devops.delivery.delivery_policy import DeliveryPolicy
from domain.devops.release.arrangement import branch_of
from domain.devops.source_control.repository import Repository
from domain.dispatch import Dispatcher
from domain.kernel.actor import Actor, service
from domain.kernel.aggregate import Aggregate
from domain.kernel.command import Command, Observation
from domain.kernel.envelope import Envelope, Message
from domain.kernel.errors import Rejected
from domain.kernel.journal import Journal
from domain.kernel.values import Redaction
from domain.kernel.work import Lookup, Partition, Work
from domain.ports import (
    BlobStore,
    Broker,
    ContainerRegistry,
    GitOpsAgent,
    GitProvider,
    HealthProbe,
    ImageScanner,
    InfrastructureEngine,
    ManifestRenderer,
    MetricSource,
    PackageFeed,
    PipelineProvider,
    Store,
    Workloads,
)
from domain.provided import RepositoryHandle
from domain.reactions import following
from domain.sealing import Sealer
from tests.domain.builds import GOOD, Build, finish
from tests.domain.happened import Happened, happened_of
from tests.domain.scenarios import ADA, GRACE, Payload, Reply
from tests.orchestrations import Between, Orchestrations

START = datetime(2026, 6, 11, 18, 22, 5, tzinfo=UTC)
HERE = Partition("connectsoft", "proj-booking-saas")
ACTOR = "ada@connectsoft.example"
PERSONS = {ADA: Actor(ACTOR), GRACE: Actor("grace@connectsoft.example")}
REDACTION = Redaction(key=b"a key of tests")


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.moment = START

    def now(self) -> datetime:
        return self.moment

    def step(self, seconds: float = 1) -> datetime:
        self.moment += timedelta(seconds=seconds)
        return self.moment


class World:
    """One process over memory. `partition` and `actor` say who asks; change them to ask as somebody else."""

    def __init__(self, store: Store | None = None, broker: Broker | None = None) -> None:
        self.clock = Clock()
        self.memory = MemoryStore(self.clock.now)
        self.topics = MemoryBroker()
        self.store: Store = store or self.memory
        self.broker: Broker = broker or self.topics
        self.git = MemoryGitProvider(self.clock.now)
        self.pipelines = MemoryPipelineProvider(self.git, self.clock.now)
        self.blobs, self.feed = MemoryBlobStore(), MemoryPackageFeed(self.clock.now)
        self.registry, self.scanner = MemoryContainerRegistry(), MemoryImageScanner(self.clock.now)
        self.renderer, self.infrastructure = MemoryManifestRenderer(), MemoryInfrastructureEngine()
        self.agent, self.workloads = MemoryGitOpsAgent(self._desired), MemoryWorkloads()
        self.probe, self.metrics = MemoryHealthProbe(), MemoryMetricSource()
        self.partition, self.actor = HERE, PERSONS[ADA]
        self.dispatcher = Dispatcher(
            catalogue(), self.store, self.broker, self.port, REDACTION, self.clock.now
        )
        self._sealer = Sealer(catalogue(), REDACTION)
        self._numbers: Counter[str] = Counter()
        self.orchestrations = Orchestrations(self.dispatcher, self.store, self.clock, self.react)
        self.begun: list[dict[str, Any]] = []

    async def _desired(self, partition: Partition, environment: str) -> str | None:
        """What an environment's agent follows: the head of its branch in the project's GitOps repository."""
        lookup = Lookup(self.store, partition)
        id = (await DeliveryPolicy.of(lookup)).gitops_repository_id
        repository = None if id is None else await lookup.find(Repository, id)
        if repository is None:
            return None
        return await self.git.branch_head(repository.handle, branch_of(environment))

    @property
    def ports(self) -> dict[type, object]:
        return {
            GitProvider: self.git,
            PipelineProvider: self.pipelines,
            BlobStore: self.blobs,
            PackageFeed: self.feed,
            ContainerRegistry: self.registry,
            ImageScanner: self.scanner,
            ManifestRenderer: self.renderer,
            GitOpsAgent: self.agent,
            Workloads: self.workloads,
            HealthProbe: self.probe,
            MetricSource: self.metrics,
            InfrastructureEngine: self.infrastructure,
        }

    def port(self, kind: type) -> object:
        """The adapter for a port's type, as `Dispatcher` asks for it."""
        return self.ports[kind]

    @property
    def effects(self) -> Counter[str]:
        """What all that is outside has been made to do, by kind."""
        return effects_of(self.ports)

    def name(self, stem: str) -> str:
        """A name that nothing in this world has yet."""
        self._numbers[stem] += 1
        return f"{stem}-{self._numbers[stem]}"

    def envelope(self, command: Command | str, payload: Payload | None = None, **changes: Any) -> Envelope:
        """A command as a message: of its own trace and with its own id, unless `changes` say otherwise."""
        name = command if isinstance(command, str) else type(command).__name__
        if isinstance(command, Command):
            payload = command.model_dump(mode="json", by_alias=True)
        fields = {
            "event_id": self.name("cmd"),
            "event_type": name,
            "tenant_id": self.partition.tenant_id,
            "project_id": self.partition.project_id,
            "module_id": "module-reservations-api",
            "trace_id": self.name("trace"),
            "correlation_id": self.name("corr"),
            "causation_id": None,
            "occurred_at": self.clock.now(),
            "payload": payload or {},
        }
        return Envelope.model_validate(fields | changes)

    def work(self, command: Command, envelope: Envelope | None = None) -> Work:
        """A unit of work for calling a handler directly."""
        cause = envelope or self.envelope(command)
        observed = isinstance(command, Observation)
        return Work(cause, self.actor, self.clock.now(), self.store, is_observation=observed)

    async def when(self, command: Command, envelope: Envelope | None = None) -> Happened:
        """Handle, commit, tell what happened. Raises what the handler raises."""
        handler = catalogue().handlers[type(command).__name__]
        work = self.work(command, envelope)
        await handler.function(
            command, work, **{name: self.port(kind) for name, kind in handler.ports.items()}
        )
        transaction = self._sealer.seal(handler, work)
        committed = await self.store.commit(transaction)
        assert not committed.repeated, f"{work.command_id} was handled before"
        return happened_of(transaction.journal)

    async def given(self, command: Command, envelope: Envelope | None = None) -> Happened:
        """As `when`, and then the reactions to its facts, and to theirs."""
        happened = await self.when(command, envelope)
        await self.react(happened.journal)
        return happened

    async def react(self, journal: Journal) -> None:
        """Send what follows from a command's facts, until nothing does; orchestrations wait for `played`."""
        waiting = [journal]
        while waiting:
            journal = waiting.pop(0)
            orders = [self.orchestrations.beginning(message) for message in journal.messages]
            self.begun += [order for order in orders if order is not None]
            actor = service("reactions", _initiator(journal))
            for fact in happened_of(journal).envelopes:
                for envelope in await following(fact, self.store):
                    waiting.append(await self.dispatcher.dispatch(envelope, actor, may_be_repeat=True))

    async def played(self, between: Between | None = None) -> None:
        """Run every orchestration that has begun to its end, with the reactions to what its steps came to.
        `between` is awaited whenever one waits for a timer, which then moves the clock."""
        while self.begun:
            await self.orchestrations.play(self.begun.pop(0), between)

    async def refused(self, command: Command) -> str:
        """The sentence of the domain's no."""
        try:
            await self.when(command)
        except Rejected as no:
            return no.sentence
        raise AssertionError(f"{command!r} was not refused")

    async def send(self, command: str, payload: Payload, *, by: str = ADA, **changes: Any) -> Reply:
        """Dispatch a command by its wire form; its reply, once the reactions have run."""
        envelope = self.envelope(command, payload, **changes)
        journal = await self.dispatcher.dispatch(envelope, PERSONS[by])
        await self.react(journal)
        return journal.outcome.reply

    async def built(self, run_id: int, build: Build = GOOD) -> Payload:
        """The run comes to this build; the payload of its BuildCompleted, once the reactions have run."""
        finish(self, run_id, build)
        envelope = self.envelope("ObserveRun", {"runId": run_id})
        journal = await self.dispatcher.dispatch(envelope, service("azure-devops"))
        await self.react(journal)
        found = happened_of(journal).envelopes
        return next(one.payload for one in found if one.event_type == "BuildCompleted")

    async def connect(self, environment: str) -> None:
        """Every environment has its agent here."""

    async def settled(self, collection: str, id: str) -> Payload:
        """An aggregate as the views show it, once every orchestration is at its end."""
        await self.played()
        found = await self.read(catalogue().aggregates[collection], id)
        return found.shown(self.clock.now())

    async def dispatch(self, envelope: Envelope, *, may_be_repeat: bool = False) -> Journal:
        """Through the door, and then wait for what is off the latency path."""
        journal = await self.dispatcher.dispatch(envelope, self.actor, may_be_repeat=may_be_repeat)
        await self.dispatcher.drain()
        return journal

    async def read[A: Aggregate](self, kind: type[A], id: str) -> A:
        """An aggregate as it is stored now."""
        loaded = await self.store.load(self.partition, kind, id)
        assert loaded is not None, f"{kind.kind} {id} is not stored"
        return loaded.aggregate

    def published(self, scope: str = "domain") -> list[Message]:
        """What the topics got, of one scope."""
        return [one for one in self.topics.published if one.properties.get("cs-scope") == scope]

    def handle(self, external_id: str) -> RepositoryHandle:
        return RepositoryHandle(self.partition, external_id)


def effects_of(ports: Mapping[type, object]) -> Counter[str]:
    """The effects that memory adapters have counted."""
    counted: Counter[str] = Counter()
    for port in ports.values():
        if isinstance(port, Outside):
            counted.update(port.effects)
    return counted


def _initiator(journal: Journal) -> str | None:
    """As the facts' messages name them."""
    found = (message.properties.get("cs-initiator") for message in journal.messages)
    return next((str(one) for one in found if one is not None), None)
