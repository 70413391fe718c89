"""One message's sections: what the sender wrote is kept as raw bytes, header and annotations are rebuilt."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any
from uuid import uuid4

from infra.local.service_bus.amqp_types import DecodeError, Described, Symbol, Timestamp, UByte, UInt, ULong
from infra.local.service_bus.decode import decode
from infra.local.service_bus.encode import append, encode

HEADER, DELIVERY_ANNOTATIONS, ANNOTATIONS = ULong(0x70), ULong(0x71), ULong(0x72)
PROPERTIES, APPLICATION_PROPERTIES, DATA, VALUE = ULong(0x73), ULong(0x74), ULong(0x75), ULong(0x77)
SCHEDULED_TIME = Symbol("x-opt-scheduled-enqueue-time")
BATCH_FORMAT = 0x80013700

# Positions in the properties list.
MESSAGE_ID, USER_ID, TO, SUBJECT, REPLY_TO, CORRELATION_ID, CONTENT_TYPE = range(7)
GROUP_ID, REPLY_TO_GROUP_ID = 10, 12
_PROPERTY_COUNT = 13
# Every section by its code, and what it holds.
_SECTIONS: dict[int, Any] = {
    **dict.fromkeys((HEADER, PROPERTIES), list),
    **dict.fromkeys((DELIVERY_ANNOTATIONS, ANNOTATIONS, APPLICATION_PROPERTIES, 0x78), dict),
    **dict.fromkeys((DATA, 0x76, VALUE), object),
}


class Content:
    """Immutable and shared by the subscriptions of a topic; `with_*` return a changed copy."""

    def __init__(
        self,
        header: list[Any],
        annotations: dict[Any, Any],
        properties: list[Any],
        application: bytes,
        body: bytes,
    ) -> None:
        self.header = header
        self.annotations = annotations
        self.properties = properties
        self._application = application
        self.body = body
        # Encoded once: a message is delivered, peeked and journaled from the same bytes.
        self._tail = encode(Described(PROPERTIES, properties)) + application + body

    @classmethod
    def parse(cls, raw: bytes) -> "Content":
        """Split an encoded message; DecodeError when it is malformed. A missing message-id is assigned."""
        header: list[Any] = []
        annotations: dict[Any, Any] = {}
        properties: list[Any] = []
        application, position = b"", 0
        while position < len(raw):
            section, end = decode(raw, position)
            if not isinstance(section, Described) or section.descriptor not in _SECTIONS:
                raise DecodeError(f"no message section at byte {position}")
            value = section.value
            if not isinstance(value, _SECTIONS[section.descriptor]):
                raise DecodeError(f"a message section of the wrong type at byte {position}")
            if section.descriptor == HEADER:
                header = value
            elif section.descriptor == ANNOTATIONS:
                annotations = value
            elif section.descriptor == PROPERTIES:
                properties = value
            elif section.descriptor == APPLICATION_PROPERTIES:
                application = raw[position:end]
            elif section.descriptor != DELIVERY_ANNOTATIONS:
                break
            position = end
        properties = properties + [None] * (_PROPERTY_COUNT - len(properties))
        if properties[MESSAGE_ID] is None:
            properties[MESSAGE_ID] = uuid4().hex
        return cls(header, annotations, properties, application, raw[position:])

    @cached_property
    def application(self) -> dict[str, Any]:
        """The application properties, decoded on first use: most messages never need them here."""
        if not self._application:
            return {}
        section, _ = decode(self._application, 0)
        properties: dict[str, Any] = section.value
        return properties

    @property
    def message_id(self) -> str:
        return str(self.properties[MESSAGE_ID])

    @property
    def ttl_ms(self) -> int | None:
        ttl: int | None = self.header[2] if len(self.header) > 2 else None
        return ttl

    @property
    def scheduled_ms(self) -> int | None:
        due = self.annotations.get(SCHEDULED_TIME)
        return int(due) if isinstance(due, Timestamp) else None

    def with_application(self, extra: dict[str, Any]) -> "Content":
        merged = {**self.application, **extra}
        return self.replaced(self.properties, merged)

    def replaced(self, properties: list[Any], application: dict[str, Any]) -> "Content":
        section = encode(Described(APPLICATION_PROPERTIES, application)) if application else b""
        return Content(self.header, self.annotations, properties, section, self.body)

    def with_annotation(self, name: str, value: Any) -> "Content":
        merged = {**self.annotations, Symbol(name): value}
        return Content(self.header, merged, self.properties, self._application, self.body)

    def encode(self, delivery_count: int = 0, annotations: dict[Any, Any] | None = None) -> bytes:
        """The whole message with the broker's delivery count and annotations added to the sender's."""
        durable, priority, ttl, first_acquirer = (self.header + [None] * 4)[:4]
        header = [bool(durable), UByte(priority or 0), ttl, bool(first_acquirer), UInt(delivery_count)]
        out = bytearray()
        append(out, Described(HEADER, header))
        merged = {**self.annotations, **annotations} if annotations else self.annotations
        if merged:
            append(out, Described(ANNOTATIONS, merged))
        return bytes(out) + self._tail


def batch(raw: bytes) -> Iterator[bytes]:
    """The encoded messages in a batch envelope: one in each of its data sections."""
    position = 0
    while position < len(raw):
        section, position = decode(raw, position)
        if isinstance(section, Described) and section.descriptor == DATA:
            yield section.value


def body_value(raw: bytes) -> Any:
    """The value of an encoded message's amqp-value body, or None."""
    position = 0
    while position < len(raw):
        section, position = decode(raw, position)
        if isinstance(section, Described) and section.descriptor == VALUE:
            return section.value
    return None


def value_message(correlation_id: Any, application: dict[str, Any], value: Any) -> bytes:
    """A reply of a management node: the request's id with its AMQP type, a status and a value."""
    out = bytearray()
    properties = [None] * 5 + [correlation_id]
    append(out, Described(PROPERTIES, properties))
    append(out, Described(APPLICATION_PROPERTIES, application))
    append(out, Described(VALUE, value))
    return bytes(out)
