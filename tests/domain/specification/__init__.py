"""The specification's tables, as literals: whoever adds a command, an event or a field adds its row here, in
its context's file; `test_catalogue.py` holds the registry to them."""

import enum
from typing import Any

from pydantic import BaseModel

from tests.domain.specification import (
    delivery,
    gitops,
    infrastructure,
    packaging,
    pipelines,
    promotion,
    release,
    source_control,
)

_CONTEXTS = (source_control, pipelines, packaging, release, promotion, infrastructure, gitops, delivery)


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

# Observation, setting, or step of an orchestration -> file of its handler
OBSERVED: dict[str, str] = _all("OBSERVED")
SETTINGS: dict[str, str] = _all("SETTINGS")
STEPS: dict[str, str] = _all("STEPS")

TOPICS: dict[str, set[str]] = _all("TOPICS")

# Integration event -> consumers; an event without a row stays within its platform.
CONSUMERS: dict[str, set[str]] = _all("CONSUMERS")

# Aggregate -> (collection in URLs, the specification's fields, its entities' fields and our own)
AGGREGATES: dict[str, tuple[str, set[str], set[str]]] = _all("AGGREGATES")

# Those that the specification does not have: what the platform needs to know about itself.
OWN: set[str] = {"DeliveryPolicy", "DeliveryLine", "ReleaseLine", "DeploymentTarget", "InfrastructureStack"}

MEMBERS: dict[type[enum.StrEnum], set[str]] = _all("MEMBERS")

# Entity or value object -> (where it is kept: aggregate and field, its fields)
ENTITIES: dict[type[BaseModel], tuple[str, str, set[str]]] = _all("ENTITIES")

# Value object that is a text -> (aggregate, field, a text that is one, one that is not)
VALUES: dict[str, tuple[str, str, str, str]] = _all("VALUES")
