"""The canonical envelope: exactly ten keys on the way out, tolerant on the way in."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from domain.kernel.values import (
    Identifier,
    Model,
    ModuleId,
    ProjectId,
    TenantId,
    Timestamp,
    parse_json,
    validated,
)


class Envelope(Model):
    """One message's body, for events and commands alike (a command's `eventType` is its VerbNoun name)."""

    event_id: Identifier
    event_type: Identifier
    tenant_id: TenantId
    project_id: ProjectId
    module_id: ModuleId | None = None
    trace_id: Identifier
    correlation_id: Identifier
    causation_id: Identifier | None = None
    occurred_at: Timestamp
    payload: dict[str, Any]

    def to_json(self) -> str:
        """The body on the wire. Equal envelopes give equal bytes, whoever writes them and when."""
        wire = self.model_dump(mode="json", by_alias=True)
        return json.dumps(wire, ensure_ascii=False, separators=(",", ":"), allow_nan=False)

    @classmethod
    def parse(cls, body: bytes | str) -> Self:
        """Read a body; unknown keys are ignored. Raises `Invalid`, naming each field at fault."""
        return validated(cls, parse_json(body))


@dataclass(frozen=True)
class Message:
    """A body with its address: what a topic or queue named `destination` is sent, byte for byte."""

    destination: str
    message_id: str
    body: str
    properties: Mapping[str, str | int] = field(default_factory=dict)


def mirrored(envelope: Envelope) -> dict[str, str | int]:
    """The envelope's keys that travel as application properties too, so that filters need not read bodies."""
    properties: dict[str, str | int] = {
        "cs-event-type": envelope.event_type,
        "cs-tenant-id": envelope.tenant_id,
        "cs-trace-id": envelope.trace_id,
        "cs-correlation-id": envelope.correlation_id,
    }
    if envelope.causation_id is not None:
        properties["cs-causation-id"] = envelope.causation_id
    return properties
