"""AMQP 1.0 performatives and their frames; every frame carries the full field list, as the SDKs index it."""

import struct
from typing import Any, NamedTuple

from infra.local.service_bus.amqp_types import DecodeError, Described, Symbol, UByte, UInt, ULong, UShort
from infra.local.service_bus.decode import decode
from infra.local.service_bus.encode import append, append_compound

AMQP_HEADER = b"AMQP\x00\x01\x00\x00"
SASL_HEADER = b"AMQP\x03\x01\x00\x00"
EMPTY_FRAME = b"\x00\x00\x00\x08\x02\x00\x00\x00"
AMQP_FRAME, SASL_FRAME = 0, 1
MIN_FRAME_SIZE = 512

_HEADER = struct.Struct(">IBBH")


class Open(NamedTuple):
    container_id: str = ""
    hostname: str | None = None
    max_frame_size: int | None = None
    channel_max: int | None = None
    idle_timeout: int | None = None
    outgoing_locales: Any = None
    incoming_locales: Any = None
    offered_capabilities: Any = None
    desired_capabilities: Any = None
    properties: Any = None


class Begin(NamedTuple):
    remote_channel: int | None = None
    next_outgoing_id: int = 0
    incoming_window: int = 0
    outgoing_window: int = 0
    handle_max: int | None = None
    offered_capabilities: Any = None
    desired_capabilities: Any = None
    properties: Any = None


class Attach(NamedTuple):
    name: str = ""
    handle: int = 0
    role: bool = False
    snd_settle_mode: int | None = None
    rcv_settle_mode: int | None = None
    source: Any = None
    target: Any = None
    unsettled: Any = None
    incomplete_unsettled: bool | None = None
    initial_delivery_count: int | None = None
    max_message_size: int | None = None
    offered_capabilities: Any = None
    desired_capabilities: Any = None
    properties: Any = None


class Flow(NamedTuple):
    next_incoming_id: int | None = None
    incoming_window: int = 0
    next_outgoing_id: int = 0
    outgoing_window: int = 0
    handle: int | None = None
    delivery_count: int | None = None
    link_credit: int | None = None
    available: int | None = None
    drain: bool | None = None
    echo: bool | None = None
    properties: Any = None


class Transfer(NamedTuple):
    handle: int = 0
    delivery_id: int | None = None
    delivery_tag: bytes | None = None
    message_format: int | None = None
    settled: bool | None = None
    more: bool | None = None
    rcv_settle_mode: int | None = None
    state: Any = None
    resume: bool | None = None
    aborted: bool | None = None
    batchable: bool | None = None


class Disposition(NamedTuple):
    role: bool = False
    first: int = 0
    last: int | None = None
    settled: bool | None = None
    state: Any = None
    batchable: bool | None = None


class Detach(NamedTuple):
    handle: int = 0
    closed: bool | None = None
    error: Any = None


class End(NamedTuple):
    error: Any = None


class Close(NamedTuple):
    error: Any = None


class SaslMechanisms(NamedTuple):
    mechanisms: Any = None


class SaslInit(NamedTuple):
    mechanism: str = ""
    initial_response: bytes | None = None
    hostname: str | None = None


class SaslOutcome(NamedTuple):
    code: int = 0
    additional_data: bytes | None = None


type Performative = (
    Open
    | Begin
    | Attach
    | Flow
    | Transfer
    | Disposition
    | Detach
    | End
    | Close
    | SaslMechanisms
    | SaslInit
    | SaslOutcome
)

# Descriptor code, class, and the AMQP type each field is sent as; None sends the value as it is.
_TABLE: list[tuple[int, Any, tuple[Any, ...]]] = [
    (0x10, Open, (None, None, UInt, UShort, UInt, None, None, None, None, None)),
    (0x11, Begin, (UShort, UInt, UInt, UInt, UInt, None, None, None)),
    (0x12, Attach, (None, UInt, None, UByte, UByte, *(None,) * 4, UInt, ULong, None, None, None)),
    (0x13, Flow, (UInt, UInt, UInt, UInt, UInt, UInt, UInt, UInt, None, None, None)),
    (0x14, Transfer, (UInt, UInt, None, UInt, None, None, UByte, None, None, None, None)),
    (0x15, Disposition, (None, UInt, UInt, None, None, None)),
    (0x16, Detach, (UInt, None, None)),
    (0x17, End, (None,)),
    (0x18, Close, (None,)),
    (0x40, SaslMechanisms, (None,)),
    (0x41, SaslInit, (Symbol, None, None)),
    (0x44, SaslOutcome, (UByte, None)),
]
_BY_CODE: dict[int, Any] = {code: kind for code, kind, _ in _TABLE}
_BY_CLASS: dict[Any, tuple[int, tuple[Any, ...]]] = {kind: (code, types) for code, kind, types in _TABLE}


def encode_frame(
    channel: int, performative: Performative, payload: bytes = b"", kind: int = AMQP_FRAME
) -> bytes:
    code, types = _BY_CLASS[type(performative)]
    fields = bytearray()
    for value, convert in zip(performative, types, strict=True):
        append(fields, value if convert is None or value is None else convert(value))
    out = bytearray(8)
    out += bytes((0x00, 0x53, code))
    append_compound(out, 0xC0, 0xD0, len(types), fields)
    _HEADER.pack_into(out, 0, len(out) + len(payload), 2, kind, channel)
    out += payload
    return bytes(out)


def decode_frame(body: bytes) -> tuple[Performative, bytes]:
    """The performative in a frame's body and the payload behind it; DecodeError when there is none."""
    described, end = decode(body, 0)
    kind = _BY_CODE.get(described.descriptor) if isinstance(described, Described) else None
    if kind is None or not isinstance(described.value, list):
        raise DecodeError("a frame's body starts with a performative")
    fields = described.value[: len(kind._fields)]
    # A null stands for the field's default, as a field left out does.
    defaults: dict[str, Any] = kind._field_defaults
    values = [
        defaults[name] if value is None else value for name, value in zip(kind._fields, fields, strict=False)
    ]
    return kind(*values), body[end:]


def error(condition: str, description: str) -> Described:
    """An AMQP error. All three fields are sent: the Python SDK indexes the third and hangs without it."""
    return Described(ULong(0x1D), [Symbol(condition), description, None])


ACCEPTED = Described(ULong(0x24), [])
REJECTED = Described(ULong(0x25), [None])


def rejected(condition: str, description: str) -> Described:
    return Described(ULong(0x25), [error(condition, description)])
