"""One command's unit of work: what the handler reads and adds, for the edge to commit in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.kernel.actor import Actor
from domain.kernel.aggregate import Aggregate, Lineage, UniqueKey
from domain.kernel.envelope import Envelope
from domain.kernel.errors import NotFound
from domain.kernel.event import Event
from domain.kernel.values import derived_id


@dataclass(frozen=True)
class Partition:
    """What one transaction can span: one project of one tenant."""

    tenant_id: str
    project_id: str


@dataclass(frozen=True)
class Loaded[A: Aggregate]:
    """An aggregate as stored; `etag` guards its update."""

    aggregate: A
    etag: str


TENANT_WIDE = "tenant-wide"
"""The reserved project whose settings hold for every project of the tenant."""


class Reader(Protocol):
    """The part of the store that handlers read through `Work`."""

    async def load[A: Aggregate](self, partition: Partition, kind: type[A], id: str) -> Loaded[A] | None:
        """One point read; None where it does not exist in this partition."""

    async def lookup(self, partition: Partition, key: UniqueKey) -> str | None:
        """The id of the aggregate that holds the name."""


@dataclass(frozen=True)
class Lookup:
    """Reads aggregates of one project straight from the store, for who only looks."""

    reader: Reader
    partition: Partition

    async def find[A: Aggregate](self, kind: type[A], id: str) -> A | None:
        loaded = await self.reader.load(self.partition, kind, id)
        return loaded.aggregate if loaded is not None else None

    @property
    def tenant_wide(self) -> "Lookup":
        """What holds for every project of the tenant."""
        return Lookup(self.reader, Partition(self.partition.tenant_id, TENANT_WIDE))


@dataclass(frozen=True)
class Record:
    """One aggregate to write: created where `etag` is None, else updated only if it still has that etag."""

    kind: str
    id: str
    version: int
    schema_version: int
    state: str
    etag: str | None
    unique_keys: tuple[UniqueKey, ...] = ()


@dataclass(frozen=True)
class Fact:
    """A recorded event with its place: whose it is, the how-manieth of that aggregate, and its envelope."""

    aggregate: Aggregate
    event: Event
    position: int
    envelope: Envelope


@dataclass(frozen=True)
class Changes:
    """What a unit of work comes to. `cause` is the handled message, in the trace that it belongs to;
    `initiator` is the person whose deed it all follows from; `orchestrations` are begun after the commit."""

    cause: Envelope
    initiator: str | None
    records: tuple[Record, ...]
    facts: tuple[Fact, ...]
    orchestrations: tuple[Aggregate, ...] = ()


class _Entry:
    """An aggregate in the unit of work, with what it was when read (None: it is new)."""

    def __init__(self, aggregate: Aggregate, etag: str | None) -> None:
        self.aggregate, self.etag = aggregate, etag
        self._as_read = aggregate.state() if etag is not None else None
        self._claimed = aggregate.unique_keys() if etag is not None else ()

    @property
    def changed(self) -> bool:
        return bool(self.aggregate.recorded) or self.aggregate.state() != self._as_read

    def record(self) -> Record:
        aggregate = self.aggregate
        return Record(
            kind=aggregate.kind,
            id=aggregate.id,
            version=aggregate.aggregate_version,
            schema_version=aggregate.schema_version,
            state=aggregate.state(),
            etag=self.etag,
            unique_keys=tuple(key for key in aggregate.unique_keys() if key not in self._claimed),
        )


class Work:
    """What a handler sees of the world: who asks and when, aggregates by id, and where new ones go."""

    def __init__(
        self,
        envelope: Envelope,
        actor: Actor,
        now: datetime,
        reader: Reader,
        *,
        is_observation: bool = False,
    ) -> None:
        self.envelope, self.actor, self.now = envelope, actor, now
        self.is_observation = is_observation
        self.partition = Partition(envelope.tenant_id, envelope.project_id)
        self._reader = reader
        self._entries: dict[tuple[str, str], _Entry] = {}
        self._followed: Lineage | None = None
        self._orchestrated: list[Aggregate] = []
        self._ids = 0

    @property
    def command_id(self) -> str:
        """The operation id that calls to the outside carry, so that a repeat finds its own effect."""
        return self.envelope.event_id

    def new_id(self, kind: type[Aggregate]) -> str:
        """The next new aggregate's id: derived, so that a re-execution of the command repeats it."""
        self._ids += 1
        scope = self.partition
        return derived_id(kind.id_prefix, scope.tenant_id, scope.project_id, self.command_id, self._ids)

    async def find[A: Aggregate](self, kind: type[A], id: str) -> A | None:
        """The aggregate, read once per command; None where it does not exist."""
        entry = self._entries.get((kind.kind, id))
        if entry is None:
            loaded = await self._reader.load(self.partition, kind, id)
            if loaded is None:
                return None
            entry = self._entries[kind.kind, id] = _Entry(loaded.aggregate, loaded.etag)
        assert isinstance(entry.aggregate, kind)
        return entry.aggregate

    async def get[A: Aggregate](self, kind: type[A], id: str) -> A:
        """The aggregate. Raises `NotFound`, also for another tenant's."""
        aggregate = await self.find(kind, id)
        if aggregate is None:
            raise NotFound(kind.kind, id)
        return aggregate

    @property
    def aggregates(self) -> Sequence[Aggregate]:
        """Everything that the handler has met so far, in that order."""
        return [entry.aggregate for entry in self._entries.values()]

    async def holder(self, key: UniqueKey) -> str | None:
        """The id of the aggregate that holds a unique name, if any."""
        return await self._reader.lookup(self.partition, key)

    def add(self, aggregate: Aggregate) -> None:
        """Put a new aggregate in; the shared fields are filled in here."""
        aggregate.tenant_id, aggregate.project_id = self.partition.tenant_id, self.partition.project_id
        aggregate.created_at = aggregate.updated_at = self.now
        aggregate.created_by = aggregate.updated_by = self.actor.name
        self._entries[aggregate.kind, aggregate.id] = _Entry(aggregate, None)

    @property
    def tenant_wide(self) -> Lookup:
        """What holds for every project of the tenant; only to be looked at."""
        return Lookup(self._reader, self.partition).tenant_wide

    def orchestrate(self, aggregate: Aggregate) -> None:
        """Once this is committed, an orchestration named after the aggregate's kind takes it on, once."""
        self._orchestrated.append(aggregate)

    def join(self, aggregate: Aggregate) -> None:
        """What is observed of the aggregate later follows from this command."""
        cause = self.envelope
        aggregate.lineage = Lineage(
            event_id=cause.event_id,
            trace_id=cause.trace_id,
            correlation_id=cause.correlation_id,
            module_id=cause.module_id,
            initiator=self.actor.behind,
        )

    def follow(self, aggregate: Aggregate, *, initiator: str | None) -> None:
        """What is observed follows from this aggregate's last fact, though it is not changed itself, and is
        the deed of `initiator`."""
        if aggregate.lineage is not None:
            self._followed = aggregate.lineage.model_copy(update={"initiator": initiator})

    def changes(self) -> Changes:
        """What the transaction must write, in the order in which the handler met it. Call it once."""
        entries = [entry for entry in self._entries.values() if entry.changed]
        origin = self._origin(entries)
        cause = self._cause(origin)
        initiator = self.actor.behind or (origin.initiator if origin else None)
        facts: list[Fact] = []
        records: list[Record] = []
        for entry in entries:
            aggregate = entry.aggregate
            aggregate.updated_at, aggregate.updated_by = self.now, self.actor.name
            first = aggregate.aggregate_version - len(aggregate.recorded) + 1
            for position, event in enumerate(aggregate.recorded, start=first):
                envelope = _envelope(cause, event, self.now, index=len(facts))
                facts.append(Fact(aggregate, event, position, envelope))
                aggregate.lineage = Lineage(
                    event_id=envelope.event_id,
                    trace_id=envelope.trace_id,
                    correlation_id=envelope.correlation_id,
                    module_id=envelope.module_id,
                    initiator=initiator,
                )
            records.append(entry.record())
        return Changes(cause, initiator, tuple(records), tuple(facts), tuple(self._orchestrated))

    def _origin(self, entries: list[_Entry]) -> Lineage | None:
        """What the outside did to an aggregate follows from that aggregate's last fact."""
        if not self.is_observation or self.envelope.causation_id is not None:
            return None
        lineages = (entry.aggregate.lineage for entry in entries)
        return next((lineage for lineage in (*lineages, self._followed) if lineage), None)

    def _cause(self, origin: Lineage | None) -> Envelope:
        """The message that the facts follow from, in the trace of its origin."""
        if origin is None:
            return self.envelope
        return self.envelope.model_copy(
            update={
                "trace_id": origin.trace_id,
                "correlation_id": origin.correlation_id,
                "causation_id": origin.event_id,
                "module_id": self.envelope.module_id or origin.module_id,
            }
        )


def _envelope(cause: Envelope, event: Event, now: datetime, index: int) -> Envelope:
    name = type(event).__name__
    return Envelope(
        event_id=derived_id("evt", cause.tenant_id, cause.project_id, cause.event_id, name, index),
        event_type=name,
        tenant_id=cause.tenant_id,
        project_id=cause.project_id,
        # A fact that knows whose it is says so, whatever the message that it follows from says.
        module_id=getattr(event, "module_id", None) or cause.module_id,
        trace_id=cause.trace_id,
        correlation_id=cause.correlation_id,
        causation_id=cause.event_id,
        occurred_at=now,
        payload=event.model_dump(mode="json", by_alias=True),
    )
