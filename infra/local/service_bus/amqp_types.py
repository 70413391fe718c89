"""AMQP 1.0 values that Python's own types cannot tell apart; decoding yields these."""

from typing import Any, NamedTuple


class UByte(int):
    """ubyte, 0x50."""

    __slots__ = ()


class UShort(int):
    """ushort, 0x60."""

    __slots__ = ()


class UInt(int):
    """uint, 0x70 / 0x52 / 0x43."""

    __slots__ = ()


class ULong(int):
    """ulong, 0x80 / 0x53 / 0x44."""

    __slots__ = ()


class Byte(int):
    """byte, 0x51."""

    __slots__ = ()


class Short(int):
    """short, 0x61."""

    __slots__ = ()


class Int(int):
    """int, 0x71 / 0x54."""

    __slots__ = ()


class Long(int):
    """long, 0x81 / 0x55; a plain Python int is encoded as one too."""

    __slots__ = ()


class Timestamp(int):
    """timestamp, 0x83: milliseconds since the Unix epoch."""

    __slots__ = ()


class Float(float):
    """float, 0x72 (32 bits); a plain Python float is a double."""

    __slots__ = ()


class Symbol(str):
    """symbol, 0xa3 / 0xb3; equal to the string of the same text, so maps can be read with either."""

    __slots__ = ()


class Array(list[Any]):
    """array, 0xe0 / 0xf0: values of one type."""


class Described(NamedTuple):
    """A value with a descriptor, normally a ulong code."""

    descriptor: Any
    value: Any


class Opaque(NamedTuple):
    """A fixed-width value passed through undecoded (char and the decimals)."""

    code: int
    data: bytes


class DecodeError(ValueError):
    """Bytes that are not AMQP 1.0."""
