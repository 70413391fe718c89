"""Request and answer of the management nodes, on the wire two ordinary messages."""

from dataclasses import dataclass, field
from typing import Any

from infra.local.service_bus import content as section
from infra.local.service_bus.amqp_types import Int, Symbol
from infra.local.service_bus.content import Content, body_value, value_message


@dataclass(frozen=True, slots=True)
class Request:
    operation: str
    message_id: Any
    reply_to: str | None
    body: Any

    @classmethod
    def parse(cls, message: bytes) -> "Request":
        content = Content.parse(message)
        return cls(
            operation=str(content.application.get("operation", "")),
            message_id=content.properties[section.MESSAGE_ID],
            reply_to=content.properties[section.REPLY_TO],
            body=body_value(content.body),
        )


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    description: str
    body: Any = field(default_factory=dict)
    condition: str | None = None
    dashed: bool = False

    def encode(self, request: Request) -> bytes:
        """`$cbs` spells its fields with dashes, the entities' nodes in camel case."""
        status, description, condition = (
            ("status-code", "status-description", "error-condition")
            if self.dashed
            else ("statusCode", "statusDescription", "errorCondition")
        )
        application: dict[str, Any] = {status: Int(self.status), description: self.description}
        if self.condition is not None:
            application[condition] = Symbol(self.condition)
        return value_message(request.message_id, application, self.body)
