"""What a program would change or has changed in a stack, and what makes two such lists the same."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from enum import StrEnum

from domain.devops.delivery.stack_outputs import without_secrets
from domain.kernel.values import Model
from domain.provided import ProvidedChange


class ChangeOperation(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"


class ResourceChange(Model):
    """One resource that changes; `properties` are the names of those that do."""

    urn: str
    type: str
    name: str
    operation: ChangeOperation
    properties: tuple[str, ...] = ()


class ChangeSummary(Model):
    """How many resources a list of changes makes, changes, makes anew and takes away."""

    create: int = 0
    update: int = 0
    replace: int = 0
    delete: int = 0

    @classmethod
    def of(cls, changes: Iterable[ResourceChange]) -> "ChangeSummary":
        found = [one.operation for one in changes]
        return cls(
            create=found.count(ChangeOperation.CREATE),
            update=found.count(ChangeOperation.UPDATE),
            replace=found.count(ChangeOperation.REPLACE),
            delete=found.count(ChangeOperation.DELETE),
        )


class StackOutput(Model):
    """What a program tells of its stack; never a secret."""

    name: str
    value: str


def changes_of(provided: Iterable[ProvidedChange]) -> tuple[ResourceChange, ...]:
    """In an order that is always the same: engines work in parallel."""
    found = (
        ResourceChange(
            urn=one.urn,
            type=one.type,
            name=one.name,
            operation=ChangeOperation(one.operation),
            properties=tuple(sorted(one.properties)),
        )
        for one in provided
        if one.operation != "same"
    )
    return tuple(sorted(found, key=lambda one: (one.urn, one.operation)))


def plan_hash(
    commit_sha: str,
    base_version: int,
    changes: Iterable[ResourceChange],
    drift: Iterable[ResourceChange],
) -> str:
    """SHA-256 of everything that an apply goes by: the program, the state that it was compared with, the
    steps, and what had drifted."""
    steps, drifted = ([one.model_dump(mode="json") for one in found] for found in (changes, drift))
    canonical = json.dumps(
        [commit_sha, base_version, steps, drifted], ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def difference(previewed: Iterable[ResourceChange], done: Iterable[ResourceChange]) -> str:
    """What was done otherwise than previewed, in words; empty where nothing was. Which properties of a
    resource change is only known for sure once it has: that does not count."""
    wanted, found = ({(one.operation, one.name, one.urn) for one in some} for some in (previewed, done))
    parts = [
        *(f"{operation} {name} was not previewed" for operation, name, _ in sorted(found - wanted)),
        *(f"{operation} {name} was not done" for operation, name, _ in sorted(wanted - found)),
    ]
    return _few(parts)


def names(changes: Iterable[ResourceChange]) -> str:
    """Which resources, for a sentence."""
    return _few([f"{one.operation} {one.name}" for one in changes])


def _few(parts: list[str], most: int = 5) -> str:
    more = f" and {len(parts) - most} more" if len(parts) > most else ""
    return ", ".join(parts[:most]) + more


def outputs_of(provided: Mapping[str, str]) -> tuple[StackOutput, ...]:
    return tuple(StackOutput(name=name, value=value) for name, value in without_secrets(provided).items())
