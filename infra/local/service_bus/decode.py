"""Decoding of AMQP 1.0 values; the counterpart of encode.py."""

import struct
from collections.abc import Callable
from typing import Any
from uuid import UUID

from infra.local.service_bus.amqp_types import (
    Array,
    Byte,
    DecodeError,
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

type Decoder = Callable[[bytes, int], tuple[Any, int]]

_U32 = struct.Struct(">I")
# An element of an array may take no bytes at all (null, true), so its count is not bounded by its size.
_MAX_COUNT = 65_536


def decode(data: bytes, position: int) -> tuple[Any, int]:
    """The value at the position and the position after it; DecodeError when there is none."""
    try:
        return _decode(data, position)
    except (IndexError, struct.error, UnicodeDecodeError, RecursionError, TypeError) as error:
        raise DecodeError(f"malformed AMQP value at byte {position}: {error}") from error


def _decode(data: bytes, position: int) -> tuple[Any, int]:
    return _DECODERS[data[position]](data, position + 1)


def _unknown(data: bytes, position: int) -> tuple[Any, int]:
    raise DecodeError(f"unknown AMQP constructor 0x{data[position - 1]:02x} at byte {position - 1}")


def _constant(value: Any) -> Decoder:
    return lambda _data, position: (value, position)


def _number(convert: Callable[[Any], Any], layout: str) -> Decoder:
    packed = struct.Struct(layout)
    width = packed.size
    unpack = packed.unpack_from
    return lambda data, position: (convert(unpack(data, position)[0]), position + width)


def _take(data: bytes, start: int, size: int) -> tuple[bytes, int]:
    end = start + size
    if end > len(data):
        raise DecodeError(f"value of {size} bytes at byte {start} is cut short")
    return data[start:end], end


def _opaque(code: int, width: int) -> Decoder:
    def read(data: bytes, position: int) -> tuple[Any, int]:
        raw, end = _take(data, position, width)
        return Opaque(code, raw), end

    return read


def _uuid(data: bytes, position: int) -> tuple[Any, int]:
    raw, end = _take(data, position, 16)
    return UUID(bytes=raw), end


def _variable(convert: Callable[[bytes], Any], wide: bool) -> Decoder:
    def read_short(data: bytes, position: int) -> tuple[Any, int]:
        raw, end = _take(data, position + 1, data[position])
        return convert(raw), end

    def read_long(data: bytes, position: int) -> tuple[Any, int]:
        raw, end = _take(data, position + 4, _U32.unpack_from(data, position)[0])
        return convert(raw), end

    return read_long if wide else read_short


def _extent(data: bytes, position: int, wide: bool) -> tuple[int, int, int]:
    """Element count, start of the elements and end of a list, map or array."""
    if wide:
        size, count = _U32.unpack_from(data, position)[0], _U32.unpack_from(data, position + 4)[0]
        start, end = position + 8, position + 4 + size
    else:
        size, count = data[position], data[position + 1]
        start, end = position + 2, position + 1 + size
    if end > len(data) or start > end or count > _MAX_COUNT:
        raise DecodeError(f"compound value at byte {position} claims {size} bytes and {count} elements")
    return count, start, end


def _list(wide: bool) -> Decoder:
    def read(data: bytes, position: int) -> tuple[Any, int]:
        count, position, end = _extent(data, position, wide)
        values = []
        for _ in range(count):
            value, position = _DECODERS[data[position]](data, position + 1)
            values.append(value)
        return values, end

    return read


def _map(wide: bool) -> Decoder:
    def read(data: bytes, position: int) -> tuple[Any, int]:
        count, position, end = _extent(data, position, wide)
        if count % 2:
            raise DecodeError(f"map at byte {position} has a key without a value")
        values: dict[Any, Any] = {}
        for _ in range(count // 2):
            key, position = _decode(data, position)
            values[key], position = _decode(data, position)
        return values, end

    return read


def _array(wide: bool) -> Decoder:
    def read(data: bytes, position: int) -> tuple[Any, int]:
        count, position, end = _extent(data, position, wide)
        values = Array()
        if count == 0:
            return values, end
        code = data[position]
        position += 1
        descriptor = None
        if code == 0x00:
            descriptor, position = _decode(data, position)
            code = data[position]
            position += 1
        element = _DECODERS[code]
        for _ in range(count):
            value, position = element(data, position)
            values.append(value if descriptor is None else Described(descriptor, value))
        return values, end

    return read


def _described(data: bytes, position: int) -> tuple[Any, int]:
    descriptor, position = _decode(data, position)
    value, position = _decode(data, position)
    return Described(descriptor, value), position


def _utf8(raw: bytes) -> str:
    return raw.decode()


def _symbol(raw: bytes) -> Symbol:
    return Symbol(raw.decode("ascii"))


_KNOWN: dict[int, Decoder] = {
    0x00: _described,
    0x40: _constant(None),
    0x41: _constant(True),
    0x42: _constant(False),
    0x43: _constant(UInt(0)),
    0x44: _constant(ULong(0)),
    0x45: lambda _data, position: ([], position),
    0x50: _number(UByte, ">B"),
    0x51: _number(Byte, ">b"),
    0x52: _number(UInt, ">B"),
    0x53: _number(ULong, ">B"),
    0x54: _number(Int, ">b"),
    0x55: _number(Long, ">b"),
    0x56: _number(bool, ">B"),
    0x60: _number(UShort, ">H"),
    0x61: _number(Short, ">h"),
    0x70: _number(UInt, ">I"),
    0x71: _number(Int, ">i"),
    0x72: _number(Float, ">f"),
    0x73: _opaque(0x73, 4),
    0x74: _opaque(0x74, 4),
    0x80: _number(ULong, ">Q"),
    0x81: _number(Long, ">q"),
    0x82: _number(float, ">d"),
    0x83: _number(Timestamp, ">q"),
    0x84: _opaque(0x84, 8),
    0x94: _opaque(0x94, 16),
    0x98: _uuid,
    0xA0: _variable(bytes, wide=False),
    0xA1: _variable(_utf8, wide=False),
    0xA3: _variable(_symbol, wide=False),
    0xB0: _variable(bytes, wide=True),
    0xB1: _variable(_utf8, wide=True),
    0xB3: _variable(_symbol, wide=True),
    0xC0: _list(wide=False),
    0xC1: _map(wide=False),
    0xD0: _list(wide=True),
    0xD1: _map(wide=True),
    0xE0: _array(wide=False),
    0xF0: _array(wide=True),
}
_DECODERS: list[Decoder] = [_KNOWN.get(code, _unknown) for code in range(256)]
