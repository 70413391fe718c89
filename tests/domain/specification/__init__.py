"""The specification's tables, as literals: whoever adds a command, an event or a field adds its row here, in
its context's file; `test_catalogue.py` holds the registry to them."""

import enum
from typing import Any

from pydantic import BaseModel

from tests.domain.specification import delivery, packaging, pipelines, release, source_control

_CONTEXTS = (source_control, pipelines, packaging, release, delivery)


def _all(table: str) -> dict[Any, Any]:
    """One table of every context that has it."""
    merged: dict[Any, Any] = {}
    for context in _CONTEXTS:
        rows = getattr(context, table, {})
        assert merged.keys().isdisjoint(rows), f"{table}: two rows of one name"
        merged |= rows
    return merged


AUDIT = {"tenantId", "projectId", "createdAt", "createdBy", "updatedAt", "updatedBy"}

# Command -> (target aggregate, result event, queue, file of the handler)
COMMANDS: dict[str, tuple[str, str, str, str]] = _all("COMMANDS")

# Observation, or setting -> file of its handler
OBSERVED: dict[str, str] = _all("OBSERVED")
SETTINGS: dict[str, str] = _all("SETTINGS")

TOPICS: dict[str, set[str]] = _all("TOPICS")

# Integration event -> consumers; an event without a row stays within its platform.
CONSUMERS: dict[str, set[str]] = _all("CONSUMERS")

# Aggregate -> (collection in URLs, the specification's fields, its entities' fields and our own)
AGGREGATES: dict[str, tuple[str, set[str], set[str]]] = _all("AGGREGATES")

# Those that the specification does not have: what the platform needs to know about itself.
OWN: set[str] = {"DeliveryPolicy", "ReleaseLine"}

MEMBERS: dict[type[enum.StrEnum], set[str]] = _all("MEMBERS")

# Entity or value object -> (where it is kept: aggregate and field, its fields)
ENTITIES: dict[type[BaseModel], tuple[str, str, set[str]]] = _all("ENTITIES")
