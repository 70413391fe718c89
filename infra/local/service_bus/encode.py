"""Encoding of AMQP 1.0 values in their shortest form; the counterpart of decode.py."""

import struct
from collections.abc import Callable
from typing import Any
from uuid import UUID

from infra.local.service_bus.amqp_types import (
    Array,
    Byte,
    Described,
    Float,
    Int,
    Long,
    Opaque,
    Short,
    Symbol,
    Timestamp,
    UByte,
    UInt,
    ULong,
    UShort,
)

type Appender = Callable[[bytearray, Any], None]

# The one width that every value of a type fits, as the elements of an array need.
_WIDE: dict[type, tuple[int, struct.Struct]] = {
    UByte: (0x50, struct.Struct(">B")),
    Byte: (0x51, struct.Struct(">b")),
    UShort: (0x60, struct.Struct(">H")),
    Short: (0x61, struct.Struct(">h")),
    UInt: (0x70, struct.Struct(">I")),
    Int: (0x71, struct.Struct(">i")),
    Float: (0x72, struct.Struct(">f")),
    ULong: (0x80, struct.Struct(">Q")),
    Long: (0x81, struct.Struct(">q")),
    int: (0x81, struct.Struct(">q")),
    float: (0x82, struct.Struct(">d")),
    Timestamp: (0x83, struct.Struct(">q")),
    bool: (0x56, struct.Struct(">B")),
}
_U32 = struct.Struct(">I")


def encode(value: Any) -> bytes:
    """The value with its constructor; TypeError for a type AMQP has no counterpart of."""
    out = bytearray()
    append(out, value)
    return bytes(out)


def append(out: bytearray, value: Any) -> None:
    appender = _APPENDERS.get(type(value))
    if appender is None:
        raise TypeError(f"{type(value).__name__} is not an AMQP type")
    appender(out, value)


def append_compound(out: bytearray, short: int, wide: int, count: int, body: bytes | bytearray) -> None:
    """A list, map or array: constructor, size (which includes the count field), count, body."""
    if len(body) < 255 and count < 256:
        out += bytes((short, len(body) + 1, count))
    else:
        out.append(wide)
        out += _U32.pack(len(body) + 4)
        out += _U32.pack(count)
    out += body


def _null(out: bytearray, value: None) -> None:
    out.append(0x40)


def _boolean(out: bytearray, value: bool) -> None:
    out.append(0x41 if value else 0x42)


def _fixed(kind: type) -> Appender:
    code, packed = _WIDE[kind]
    pack = packed.pack

    def write(out: bytearray, value: Any) -> None:
        out.append(code)
        out += pack(value)

    return write


def _unsigned(kind: type, zero: int, small: int) -> Appender:
    wide = _fixed(kind)

    def write(out: bytearray, value: int) -> None:
        if value == 0:
            out.append(zero)
        elif 0 < value < 256:
            out += bytes((small, value))
        else:
            wide(out, value)

    return write


def _signed(kind: type, small: int) -> Appender:
    wide = _fixed(kind)

    def write(out: bytearray, value: int) -> None:
        if -128 <= value < 128:
            out += bytes((small, value & 0xFF))
        else:
            wide(out, value)

    return write


def _bytes(out: bytearray, value: bytes, short: int = 0xA0) -> None:
    if len(value) < 256:
        out += bytes((short, len(value)))
    else:
        out.append(short + 0x10)
        out += _U32.pack(len(value))
    out += value


def _string(out: bytearray, value: str) -> None:
    _bytes(out, value.encode(), 0xA1)


def _symbol(out: bytearray, value: Symbol) -> None:
    _bytes(out, value.encode("ascii"), 0xA3)


def _uuid(out: bytearray, value: UUID) -> None:
    out.append(0x98)
    out += value.bytes


def _opaque(out: bytearray, value: Opaque) -> None:
    out.append(value.code)
    out += value.data


def _described(out: bytearray, value: Described) -> None:
    out.append(0x00)
    append(out, value.descriptor)
    append(out, value.value)


def _list(out: bytearray, value: list[Any]) -> None:
    if not value:
        out.append(0x45)
        return
    body = bytearray()
    for item in value:
        append(body, item)
    append_compound(out, 0xC0, 0xD0, len(value), body)


def _map(out: bytearray, value: dict[Any, Any]) -> None:
    body = bytearray()
    for key, item in value.items():
        append(body, key)
        append(body, item)
    append_compound(out, 0xC1, 0xD1, 2 * len(value), body)


def _array(out: bytearray, value: Array) -> None:
    if not value:
        append_compound(out, 0xE0, 0xF0, 0, b"\x40")
        return
    kind = type(value[0])
    if any(type(item) is not kind for item in value):
        raise TypeError("the elements of an AMQP array have one type")
    body = bytearray()
    if kind in _WIDE:
        code, packed = _WIDE[kind]
        body.append(code)
        for item in value:
            body += packed.pack(item)
    elif kind is UUID:
        body.append(0x98)
        for item in value:
            body += item.bytes
    elif kind in _VARIABLE:
        code, convert = _VARIABLE[kind]
        body.append(code)
        for item in value:
            raw = convert(item)
            body += _U32.pack(len(raw))
            body += raw
    else:
        raise TypeError(f"an AMQP array of {kind.__name__} is not supported")
    append_compound(out, 0xE0, 0xF0, len(value), body)


_VARIABLE: dict[type, tuple[int, Callable[[Any], bytes]]] = {
    bytes: (0xB0, bytes),
    str: (0xB1, lambda text: text.encode()),
    Symbol: (0xB3, lambda text: text.encode("ascii")),
}

_APPENDERS: dict[type, Appender] = {
    type(None): _null,
    bool: _boolean,
    UByte: _fixed(UByte),
    Byte: _fixed(Byte),
    UShort: _fixed(UShort),
    Short: _fixed(Short),
    UInt: _unsigned(UInt, 0x43, 0x52),
    ULong: _unsigned(ULong, 0x44, 0x53),
    Int: _signed(Int, 0x54),
    Long: _signed(Long, 0x55),
    int: _signed(int, 0x55),
    Float: _fixed(Float),
    float: _fixed(float),
    Timestamp: _fixed(Timestamp),
    UUID: _uuid,
    bytes: _bytes,
    bytearray: _bytes,
    str: _string,
    Symbol: _symbol,
    Opaque: _opaque,
    Described: _described,
    list: _list,
    dict: _map,
    Array: _array,
}
