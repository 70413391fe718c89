"""How far an environment is from its branch: its status, what was reconciled, and what had drifted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self

from domain.kernel.values import Model, Timestamp
from domain.provided import ProvidedResource

MOST_DRIFTS = 200

_LONGEST_CHANGE = 400


class SyncStatus(StrEnum):
    SYNCED = "Synced"
    OUT_OF_SYNC = "OutOfSync"
    RECONCILING = "Reconciling"
    DEGRADED = "Degraded"


class ReconciledResource(Model):
    """An object that the agent has applied. `namespace` is empty for what has none."""

    api_version: str
    kind: str
    namespace: str
    name: str

    @classmethod
    def of(cls, provided: ProvidedResource) -> Self:
        return cls(
            api_version=provided.api_version,
            kind=provided.kind,
            namespace=provided.namespace,
            name=provided.name,
        )


class DriftRecord(Model):
    """Something that did not run as desired, until it was found right again. `resource` is None where it was
    the applied commit itself."""

    resource: ReconciledResource | None
    change: str
    detected_at: Timestamp
    corrected_at: Timestamp | None = None

    @property
    def is_open(self) -> bool:
        return self.corrected_at is None

    @property
    def name(self) -> str:
        resource = self.resource
        return "the applied commit" if resource is None else f"{resource.kind} {resource.name}"

    @property
    def sentence(self) -> str:
        return self.change if self.resource is None else f"{self.name}: {self.change}"


type Found = Mapping[ReconciledResource | None, str]
"""What has drifted, and how."""


@dataclass(frozen=True)
class Review:
    records: tuple[DriftRecord, ...]
    new: int
    """How many drifts had not been seen before."""
    corrected: tuple[str, ...]
    """The names of what was found right again."""


def reviewed(records: Sequence[DriftRecord], found: Found, at: datetime, *, of_resources: bool) -> Review:
    """The records after a look at all resources, or at the applied commit. A drift that goes on stays one
    drift, however its sentence changes. Of too many, those that were corrected first are forgotten, and what
    has drifted beyond that is not recorded before there is room."""
    left = {resource: change[:_LONGEST_CHANGE] for resource, change in found.items()}
    after: list[DriftRecord] = []
    corrected: list[str] = []
    for record in records:
        if record.is_open and (record.resource is not None) == of_resources:
            change = left.pop(record.resource, None)
            if change is None:
                corrected.append(record.name)
            update = {"corrected_at": at} if change is None else {"change": change}
            record = record.model_copy(update=update)
        after.append(record)
    room = MOST_DRIFTS - sum(record.is_open for record in after)
    new = [
        DriftRecord(resource=resource, change=change, detected_at=at)
        for resource, change in list(left.items())[:room]
    ]
    return Review(tuple(_kept([*after, *new])), len(new), tuple(corrected))


def _kept(records: Sequence[DriftRecord]) -> Iterator[DriftRecord]:
    excess = len(records) - MOST_DRIFTS
    for record in records:
        if excess > 0 and not record.is_open:
            excess -= 1
        else:
            yield record
