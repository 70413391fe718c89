"""The AMQP types and frames: what is encoded decodes to the same value of the same type."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from infra.local.service_bus.content import BATCH_FORMAT, MESSAGE_ID, Content, batch
from infra.local.service_bus.decode import decode
from infra.local.service_bus.encode import encode
from infra.local.service_bus.frames import Attach, Disposition, Transfer, decode_frame, encode_frame, rejected

_INTEGERS: list[tuple[Any, int, int]] = [
    (UByte, 0, 2**8 - 1),
    (UShort, 0, 2**16 - 1),
    (UInt, 0, 2**32 - 1),
    (ULong, 0, 2**64 - 1),
    (Byte, -(2**7), 2**7 - 1),
    (Short, -(2**15), 2**15 - 1),
    (Int, -(2**31), 2**31 - 1),
    (Long, -(2**63), 2**63 - 1),
    (Timestamp, -(2**63), 2**63 - 1),
]
_INTEGER_VALUES = [st.integers(low, high).map(kind) for kind, low, high in _INTEGERS]
_TEXT = st.text(max_size=300)
_SYMBOLS = st.text(st.characters(codec="ascii"), max_size=300).map(Symbol)
_HASHABLE = st.one_of(*_INTEGER_VALUES, _TEXT, _SYMBOLS, st.uuids(), st.binary(max_size=300))
_SCALARS = st.one_of(
    _HASHABLE,
    st.none(),
    st.booleans(),
    st.floats(allow_nan=False),
    st.floats(allow_nan=False, width=32).map(Float),
    st.binary(min_size=16, max_size=16).map(lambda data: Opaque(0x94, data)),
)
_ARRAYS = st.one_of(
    *(st.lists(values, max_size=5).map(Array) for values in (*_INTEGER_VALUES, _TEXT, _SYMBOLS, st.uuids())),
    st.lists(st.booleans(), max_size=5).map(Array),
)
_VALUES = st.recursive(
    st.one_of(_SCALARS, _ARRAYS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=6),
        st.dictionaries(_HASHABLE, inner, max_size=6),
        st.builds(Described, st.integers(0, 2**64 - 1).map(ULong), inner),
    ),
    max_leaves=12,
)


def _same(first: Any, second: Any) -> bool:
    """Equal, and of the same AMQP type all the way down."""
    if type(first) is not type(second):
        return False
    if isinstance(first, dict):
        pairs = zip(first.items(), second.items(), strict=True)
        return len(first) == len(second) and all(_same(list(a), list(b)) for a, b in pairs)
    if isinstance(first, (list, tuple)):
        return len(first) == len(second) and all(map(_same, first, second))
    return bool(first == second)


@given(_VALUES)
def test_every_value_survives_the_wire_with_its_type(value: Any) -> None:
    data = encode(value)
    decoded, end = decode(data, 0)
    assert _same(decoded, value)
    assert end == len(data)


@given(_VALUES, st.data())
def test_a_value_cut_short_is_refused_and_never_misread(value: Any, data: st.DataObject) -> None:
    whole = encode(value)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(DecodeError):
        decode(whole[:cut], 0)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_decode_or_raise_decode_error(data: bytes) -> None:
    try:
        decode(data, 0)
    except DecodeError:
        return


@given(st.integers(0, 2**32 - 1), st.binary(min_size=16, max_size=16), st.booleans(), st.binary(max_size=500))
def test_a_transfer_frame_keeps_its_payload(number: int, tag: bytes, more: bool, payload: bytes) -> None:
    transfer = Transfer(handle=3, delivery_id=number, delivery_tag=tag, settled=False, more=more)
    frame = encode_frame(7, transfer, payload)
    assert int.from_bytes(frame[:4]) == len(frame)
    assert frame[6:8] == b"\x00\x07"
    assert decode_frame(frame[8:]) == (transfer, payload)


def test_every_field_is_on_the_wire_even_when_it_is_null() -> None:
    described, _ = decode(encode_frame(0, Attach(name="link"))[8:], 0)
    assert len(described.value) == 14


def test_a_rejection_carries_all_three_fields_of_its_error() -> None:
    frame = encode_frame(0, Disposition(True, 1, 1, True, rejected("amqp:not-found", "no")))
    disposition, _ = decode_frame(frame[8:])
    assert isinstance(disposition, Disposition)
    assert disposition.state.value[0].value == ["amqp:not-found", "no", None]


def test_fields_that_a_peer_leaves_out_take_their_defaults() -> None:
    body = encode(Described(ULong(0x15), [True, UInt(9)]))
    assert decode_frame(body) == (Disposition(role=True, first=9), b"")


def _message(*sections: tuple[int, Any]) -> bytes:
    return b"".join(encode(Described(ULong(code), value)) for code, value in sections)


def test_what_the_sender_wrote_is_passed_on_untouched() -> None:
    properties = (0x73, [ULong(7), None, "to", "label"])
    application = (0x74, {"count": Int(3), "ratio": Float(0.5)})
    body = (0x75, b"\x00binary")
    content = Content.parse(_message((0x72, {Symbol("x-opt-mine"): UByte(1)}), properties, application, body))
    again = Content.parse(content.encode(delivery_count=4, annotations={Symbol("x-opt-ours"): Long(2)}))
    assert _same(again.application, application[1])
    assert _same(again.properties[MESSAGE_ID], ULong(7))
    assert _same(again.annotations, {Symbol("x-opt-mine"): UByte(1), Symbol("x-opt-ours"): Long(2)})
    assert again.body == _message(body)
    assert again.header[4] == 4


def test_a_message_without_an_id_is_given_one() -> None:
    first, second = Content.parse(_message((0x75, b"a"))), Content.parse(_message((0x75, b"a")))
    assert first.properties[MESSAGE_ID]
    assert first.properties[MESSAGE_ID] != second.properties[MESSAGE_ID]


def test_a_batch_is_its_data_sections() -> None:
    inner = [_message((0x75, text)) for text in (b"one", b"two")]
    assert list(batch(_message(*((0x75, each) for each in inner)))) == inner
    assert BATCH_FORMAT == 0x80013700


@pytest.mark.parametrize("data", [b"", b"\x40", encode("text"), encode(Described(ULong(0x99), []))])
def test_a_frame_without_a_known_performative_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_frame(data)
