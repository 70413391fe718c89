"""From a message of the SDK to the body and the trigger metadata that the worker gets from Azure's host."""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.amqp import AmqpMessageBodyType

from infra.local.functions_host.protos import NULL, Collection, TypedData

_NEVER_EXPIRES = "9999-12-31T23:59:59.9999999"


def body_bytes(message: ServiceBusReceivedMessage) -> bytes:
    """The payload: data sections as they are, an AMQP value or sequence as its text or JSON."""
    if message.body_type == AmqpMessageBodyType.DATA:
        return b"".join(message.body)
    body = message.body if message.body_type == AmqpMessageBodyType.VALUE else list(message.body)
    if isinstance(body, bytes):
        return body
    return (body if isinstance(body, str) else json.dumps(_plain(body))).encode()


def to_datum(body: bytes, *, binary: bool) -> TypedData:
    """Text where it is text, unless the binding asked for bytes; null for an empty body."""
    if not body:
        return NULL
    if not binary:
        try:
            return TypedData(string=body.decode())
        except UnicodeDecodeError:
            pass
    return TypedData(bytes=body)


def metadata(message: ServiceBusReceivedMessage) -> dict[str, TypedData]:
    """The keys that Azure sends for one message; what it leaves out is left out here too."""
    return {name: _to_typed(name, value) for name, value in _values(message).items()}


def batch_call(
    messages: Sequence[ServiceBusReceivedMessage], *, binary: bool
) -> tuple[TypedData, dict[str, TypedData]]:
    """The body collection and the `...Array` metadata of a batch."""
    bodies = [body_bytes(message) for message in messages]
    collection = None if binary else _as_text(bodies)
    body = (
        TypedData(collection_string=Collection(string=collection))
        if collection is not None
        else TypedData(collection_bytes=Collection(bytes=bodies))
    )
    rows = [_values(message) for message in messages]
    arrays = {f"{name}Array": TypedData(json=json.dumps([row[name] for row in rows])) for name in rows[0]}
    return body, arrays


def made_up_metadata(function: str) -> dict[str, TypedData]:
    """What a run by hand carries instead of a broker's metadata."""
    now = datetime.now(UTC)
    values: dict[str, Any] = dict.fromkeys(_TEXT_KEYS)
    values |= {"MessageId": f"by-hand-{function}-{now.timestamp()}", "DeliveryCount": 1, "SequenceNumber": 0}
    values |= _times(now, None) | {"ApplicationProperties": {}, "UserProperties": {}}
    return {name: _to_typed(name, value) for name, value in values.items()}


def trace_parent(message: ServiceBusReceivedMessage) -> str:
    """The W3C trace context that the sender left in the application properties, if any."""
    properties = _properties(message)
    return str(properties.get("traceparent") or properties.get("Diagnostic-Id") or "")


_TEXT_KEYS = (
    "MessageId",
    "ContentType",
    "CorrelationId",
    "Subject",
    "Label",
    "To",
    "ReplyTo",
    "SessionId",
    "ReplyToSessionId",
    "PartitionKey",
    "TransactionPartitionKey",
    "LockToken",
    "DeadLetterSource",
)


def _values(message: ServiceBusReceivedMessage) -> dict[str, Any]:
    properties = _properties(message)
    texts = {
        "MessageId": message.message_id,
        "ContentType": message.content_type,
        "CorrelationId": message.correlation_id,
        "Subject": message.subject,
        "Label": message.subject,
        "To": message.to,
        "ReplyTo": message.reply_to,
        "SessionId": message.session_id,
        "ReplyToSessionId": message.reply_to_session_id,
        "PartitionKey": message.partition_key,
        "TransactionPartitionKey": None,
        "LockToken": message.lock_token,
        "DeadLetterSource": message.dead_letter_source,
    }
    return {
        **{name: None if value is None else _text(value) for name, value in texts.items()},
        # The wire counts failed deliveries before this one; Azure's host counts this one too.
        "DeliveryCount": (message.delivery_count or 0) + 1,
        "SequenceNumber": message.sequence_number,
        **_times(message.enqueued_time_utc, message.expires_at_utc),
        "ApplicationProperties": properties,
        "UserProperties": properties,  # mandatory: its presence selects single cardinality
    }


def _times(enqueued: datetime | None, expires: datetime | None) -> dict[str, str | None]:
    """`...Utc` without a zone and the other with one, as Azure sends them."""
    expiry = _naive(expires) or _NEVER_EXPIRES
    return {
        "EnqueuedTimeUtc": _naive(enqueued),
        "ExpiresAtUtc": expiry,
        "EnqueuedTime": None if enqueued is None else f"{_naive(enqueued)}+00:00",
        "ExpiresAt": f"{expiry}+00:00",
    }


def _naive(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None).isoformat()


def _to_typed(name: str, value: Any) -> TypedData:
    if value is None:
        return NULL
    return TypedData(string=value) if name in _TEXT_KEYS else TypedData(json=json.dumps(value))


def _as_text(bodies: Sequence[bytes]) -> list[str] | None:
    try:
        return [body.decode() for body in bodies]
    except UnicodeDecodeError:
        return None


def _properties(message: ServiceBusReceivedMessage) -> dict[str, Any]:
    properties: Mapping[Any, Any] = message.application_properties or {}
    return {_text(name): _plain(value) for name, value in properties.items()}


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _plain(value: Any) -> Any:
    """A value that JSON can hold."""
    match value:
        case bytes():
            try:
                return value.decode()
            except UnicodeDecodeError:
                return base64.b64encode(value).decode()
        case datetime():
            return value.isoformat()
        case UUID():
            return str(value)
        case dict():
            return {_text(name): _plain(each) for name, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case None | bool() | int() | float() | str():
            return value
    return str(value)
