"""The emulator's wire behaviour where the SDK cannot show it: frames written and read by hand."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from typing import Any

import pytest

from infra.local.service_bus.amqp_types import Array, Described, Symbol, Timestamp, ULong
from infra.local.service_bus.decode import decode
from infra.local.service_bus.encode import encode
from infra.local.service_bus.frames import (
    SASL_FRAME,
    SASL_HEADER,
    Begin,
    Close,
    Detach,
    Disposition,
    End,
    Flow,
    SaslInit,
    SaslMechanisms,
    SaslOutcome,
    Transfer,
    encode_frame,
)
from infra.local.service_bus.journal import NoJournal, Row
from tests.infra.sb_wire import Wire, connected

_ACCEPTED = Described(ULong(0x24), [])


class BrokenJournal(NoJournal):
    """Fails once there is something to keep, as a full disk does."""

    def __init__(self) -> None:
        self._dirty = False

    def insert(self, entity: str, row: Row) -> None:
        self._dirty = True

    def commit(self) -> None:
        if self._dirty:
            raise sqlite3.OperationalError("database or disk is full")


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with connected(NoJournal()) as (_, client):
        yield client


async def test_what_cannot_be_journaled_is_not_acknowledged() -> None:
    async with connected(BrokenJournal()) as (server, client):
        await client.begin()
        await client.attach(0, receives=False)
        await client.expect(Flow)
        client.post(0, b"lost")
        await asyncio.wait_for(server.failed.wait(), 5)
        await server.stop()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await client.frame()


async def test_sasl_offers_both_mechanisms_and_takes_any_token(wire: Wire) -> None:
    wire.write(SASL_HEADER)
    assert await wire.header() == SASL_HEADER
    assert (await wire.expect(SaslMechanisms)).mechanisms == Array([Symbol("ANONYMOUS"), Symbol("MSSBCBS")])
    wire.write(encode_frame(0, SaslInit("ANONYMOUS"), kind=SASL_FRAME))
    assert (await wire.expect(SaslOutcome)).code == 0


async def test_an_idle_client_gets_empty_frames_at_half_its_idle_time_out(wire: Wire) -> None:
    started = asyncio.get_running_loop().time()
    await wire.begin(idle_timeout=200)
    frames = [(await wire.frame())[0] for _ in range(4)]
    assert frames.count(None) >= 3
    assert asyncio.get_running_loop().time() - started < 2


async def test_bytes_that_are_no_frame_close_the_connection_with_an_error(wire: Wire) -> None:
    await wire.begin()
    wire.write(b"\x00\x00\x00\x0c\x02\x00\x00\x00oops")
    close = await wire.expect(Close)
    assert close.error.value[0] == "amqp:decode-error"
    assert await wire.ended()


async def test_a_frame_larger_than_the_limit_closes_the_connection(wire: Wire) -> None:
    wire.write(b"\x7f\x00\x00\x00\x02\x00\x00\x00")
    await wire.expect(Close)
    assert await wire.ended()


async def test_another_protocol_is_answered_with_our_header_and_closed(wire: Wire) -> None:
    wire.write(b"AMQP\x00\x00\x09\x01")
    assert await wire.header() == SASL_HEADER
    assert await wire.ended()


async def test_frames_on_an_ended_channel_are_ignored(wire: Wire) -> None:
    await wire.begin()
    await wire.attach(0, receives=True)
    wire.send(End())
    wire.send(Detach(0, True))
    await wire.expect(End)
    wire.send(Begin(next_outgoing_id=0, incoming_window=1, outgoing_window=1), channel=5)
    assert (await wire.expect(Begin)).remote_channel == 5


async def test_a_link_to_nowhere_is_attached_without_termini_and_detached(wire: Wire) -> None:
    await wire.begin()
    attach = await wire.attach(0, receives=True, address="nowhere")
    assert (attach.source, attach.target) == (None, None)
    detach = await wire.expect(Detach)
    assert detach.closed
    assert detach.error.value[0] == "amqp:not-found"
    assert len(detach.error.value) == 3


async def _receiver_with(wire: Wire, *bodies: bytes) -> None:
    """A sender on handle 0 that has sent the bodies, and a receiver on handle 1 without credit."""
    await wire.begin()
    await wire.attach(0, receives=False)
    assert ((await wire.expect(Flow)).link_credit or 0) > 0
    for number, body in enumerate(bodies):
        wire.post(number, body)
        assert (await wire.expect(Disposition)).state == _ACCEPTED
    assert (await wire.attach(1, receives=True)).initial_delivery_count == 0


def _credit(credit: int, **fields: Any) -> Flow:
    return Flow(0, 100, 0, 100, handle=1, delivery_count=0, link_credit=credit, **fields)


async def test_draining_delivers_what_is_there_and_uses_up_the_rest_of_the_credit(wire: Wire) -> None:
    await _receiver_with(wire, b"only")
    wire.send(_credit(5, drain=True))
    await wire.expect(Transfer)
    flow = await wire.expect(Flow)
    assert (flow.handle, flow.delivery_count, flow.link_credit, flow.drain) == (1, 5, 0, True)


async def test_no_more_is_delivered_than_there_is_credit(wire: Wire) -> None:
    await _receiver_with(wire, b"a", b"b", b"c")
    wire.send(_credit(2))
    await wire.expect(Transfer)
    await wire.expect(Transfer)
    wire.send(_credit(2, echo=True))
    assert (await wire.expect(Flow)).link_credit == 0
    wire.send(_credit(3))
    await wire.expect(Transfer)


async def test_no_more_is_delivered_than_the_session_window_holds(wire: Wire) -> None:
    await _receiver_with(wire, b"a", b"b")
    wire.send(_credit(2)._replace(incoming_window=1))
    await wire.expect(Transfer)
    wire.send(_credit(2, echo=True)._replace(next_incoming_id=1, incoming_window=0))
    assert (await wire.expect(Flow)).link_credit == 1
    wire.send(Flow(next_incoming_id=1, incoming_window=1))
    await wire.expect(Transfer)


async def test_a_range_of_settlements_is_answered_one_by_one(wire: Wire) -> None:
    await _receiver_with(wire, b"a", b"b", b"c")
    wire.send(_credit(3))
    ids = [(await wire.expect(Transfer)).delivery_id for _ in range(3)]
    # Far from the client's own ids: the Python SDK tells the two directions apart by number alone.
    assert ids[0] is not None
    assert ids[0] > 2**20
    wire.send(Disposition(True, ids[0], ids[2], False, _ACCEPTED))
    answers = [await wire.expect(Disposition) for _ in range(3)]
    assert [(each.first, each.last) for each in answers] == [(number, number) for number in ids]
    assert all(each.settled and not each.role and each.state == _ACCEPTED for each in answers)


async def test_a_large_message_comes_and_goes_in_several_frames(wire: Wire) -> None:
    await wire.begin()
    await wire.attach(0, receives=False)
    await wire.expect(Flow)
    message = encode(Described(ULong(0x75), b"0123456789" * 200))
    wire.send(Transfer(0, 0, b"\x00", 0, more=True), message[:1500])
    wire.send(Transfer(0, more=False), message[1500:])
    await wire.expect(Disposition)
    await wire.attach(1, receives=True)
    wire.send(_credit(1))
    received = b""
    transfers: list[Transfer] = []
    while not transfers or transfers[-1].more:
        performative, payload = await wire.frame()
        assert isinstance(performative, Transfer)
        assert len(payload) <= 512
        transfers.append(performative)
        received += payload
    assert received.endswith(message)
    assert [transfer.delivery_id is not None for transfer in transfers] == [True] + [False] * (
        len(transfers) - 1
    )
    assert transfers[0].delivery_tag is not None
    assert len(transfers[0].delivery_tag) == 16


async def test_a_malformed_message_is_rejected_and_the_link_stays(wire: Wire) -> None:
    await wire.begin()
    await wire.attach(0, receives=False)
    await wire.expect(Flow)
    wire.send(Transfer(0, 0, b"\x00", 0), b"\x00\x53\x74\x45")
    disposition = await wire.expect(Disposition)
    assert disposition.state.value[0].value[0] == "amqp:decode-error"
    wire.post(1, b"fine")
    assert (await wire.expect(Disposition)).state == _ACCEPTED


async def test_a_management_answer_repeats_the_type_of_the_request_id(wire: Wire) -> None:
    await wire.begin()
    await wire.attach(0, receives=False, address="q/$management")
    await wire.expect(Flow)
    await wire.attach(1, receives=True, address="q/$management")
    sections = [
        Described(ULong(0x73), [ULong(77)]),
        Described(ULong(0x74), {"operation": "com.microsoft:unheard-of", "sent": Timestamp(1)}),
        Described(ULong(0x77), {}),
    ]
    wire.send(Transfer(0, 0, b"\x00", 0), b"".join(encode(section) for section in sections))
    frames = [await wire.frame(), await wire.frame()]
    (answer,) = [payload for performative, payload in frames if isinstance(performative, Transfer)]
    properties, end = decode(answer, 0)
    assert type(properties.value[5]) is ULong
    assert properties.value[5] == 77
    application, _ = decode(answer, end)
    assert application.value["statusCode"] == 501
    assert application.value["errorCondition"] == "amqp:not-implemented"
