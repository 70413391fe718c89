"""Aggregates: the consistency boundary. They decide and record; they never fetch or commit."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Self

from pydantic import ConfigDict, PrivateAttr

from domain.kernel.errors import Rejected
from domain.kernel.event import Event
from domain.kernel.values import Model, Timestamp

_UNSET = datetime.fromtimestamp(0, UTC)

type State = dict[str, Any]


class Lineage(Model):
    """The last fact of an aggregate and its trace: what an observation of the aggregate goes on from."""

    event_id: str
    trace_id: str
    correlation_id: str
    module_id: str | None = None
    initiator: str | None = None
    """The person whose deed the fact follows from."""


@dataclass(frozen=True)
class UniqueKey:
    """A name that only one aggregate of a project may hold; `sentence` is said to the second one."""

    kind: str
    parts: tuple[str, ...]
    sentence: str


class Aggregate(Model):
    """Shared by all: tenant, project and audit fields (which `Work` fills in), recorded facts.

    `aggregate_version` counts the facts that the aggregate has recorded, so that a consumer who follows it
    finds no gap; what guards against lost updates is the store's own etag.
    """

    model_config = ConfigDict(frozen=False)

    schema_version: ClassVar[int] = 1
    # One step per older schema version, oldest first: state as stored -> state one version on.
    upcasts: ClassVar[tuple[Callable[[State], State], ...]] = ()
    # Field -> the sentence that a change of it is refused with.
    immutable: ClassVar[Mapping[str, str]] = {}
    # Set by `Context.aggregate`.
    kind: ClassVar[str]
    id_field: ClassVar[str]
    id_prefix: ClassVar[str]
    collection: ClassVar[str]

    tenant_id: str = ""
    project_id: str = ""
    created_at: Timestamp = _UNSET
    created_by: str = ""
    updated_at: Timestamp = _UNSET
    updated_by: str = ""
    lineage: Lineage | None = None

    _version: int = PrivateAttr(default=0)
    _recorded: list[Event] = PrivateAttr(default_factory=list)

    @property
    def id(self) -> str:
        value: str = getattr(self, self.id_field)
        return value

    @property
    def aggregate_version(self) -> int:
        """How many facts this aggregate has recorded."""
        return self._version

    @property
    def recorded(self) -> tuple[Event, ...]:
        """Facts recorded since the aggregate was read."""
        return tuple(self._recorded)

    def record(self, event: Event) -> None:
        self._version += 1
        self._recorded.append(event)

    def unique_keys(self) -> tuple[UniqueKey, ...]:
        """Names that no other aggregate of the project may hold; claimed when the aggregate is created."""
        return ()

    def __setattr__(self, name: str, value: object) -> None:
        if name in self.immutable and getattr(self, name) not in (None, value):
            raise Rejected(self.immutable[name])
        super().__setattr__(name, value)

    def state(self) -> str:
        """The stored form: JSON, as on the wire."""
        return self.model_dump_json(by_alias=True)

    def shown(self, now: datetime) -> State:
        """What views show at a moment: the stored form, unless time alone has made it another."""
        state: State = json.loads(self.state())
        return state

    @classmethod
    def restore(cls, state: str, schema_version: int, version: int) -> Self:
        """Read a stored state, upcast from an older schema where needed: the one place that does it."""
        if schema_version > cls.schema_version:
            raise ValueError(
                f"{cls.kind} was stored with schema version {schema_version}; this build knows"
                f" {cls.schema_version}: deploy the newer build"
            )
        value: State = json.loads(state)
        for upcast in cls.upcasts[schema_version - 1 :]:
            value = upcast(value)
        aggregate = cls.model_validate(value)
        aggregate._version = version
        return aggregate
