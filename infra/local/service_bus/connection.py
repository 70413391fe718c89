"""One client's TCP connection: protocol headers, SASL, framing, idle frames, and its sessions."""

import asyncio
import logging
import socket
from typing import TYPE_CHECKING

from infra.local.service_bus.amqp_types import Array, DecodeError, Symbol
from infra.local.service_bus.errors import DECODE_ERROR
from infra.local.service_bus.frames import (
    AMQP_HEADER,
    EMPTY_FRAME,
    MIN_FRAME_SIZE,
    SASL_FRAME,
    SASL_HEADER,
    Begin,
    Close,
    End,
    Open,
    Performative,
    SaslInit,
    SaslMechanisms,
    SaslOutcome,
    decode_frame,
    encode_frame,
    error,
)
from infra.local.service_bus.session import Session

if TYPE_CHECKING:
    from infra.local.service_bus.server import Server

_log = logging.getLogger(__name__)

MAX_FRAME_SIZE = 65_536
_IDLE_TIMEOUT_MS = 240_000
_MECHANISMS = Array([Symbol("ANONYMOUS"), Symbol("MSSBCBS")])
_HEADERS = (AMQP_HEADER, SASL_HEADER)


class Connection(asyncio.Protocol):
    def __init__(self, server: "Server") -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._in = bytearray()
        self._out = bytearray()
        self._sessions: dict[int, Session] = {}
        self._keep_alive: asyncio.TimerHandle | None = None
        self._closing = False
        self.max_frame_size = MIN_FRAME_SIZE

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._server.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.closed(self)
        if self._keep_alive is not None:
            self._keep_alive.cancel()
        for session in self._sessions.values():
            session.end()
        self._sessions.clear()

    def data_received(self, data: bytes) -> None:
        self._in += data
        try:
            self._consume()
        except DecodeError as problem:
            _log.warning("closing a connection: %s", problem)
            self._close(DECODE_ERROR, str(problem))
        except Exception as problem:
            _log.exception("closing a connection: its input could not be handled")
            self._close("amqp:internal-error", str(problem))

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def flush(self) -> None:
        """The server calls this when the journal has committed."""
        if self._transport is None or not self._out:
            return
        self._transport.write(bytes(self._out))
        self._out.clear()
        if self._closing:
            self._transport.close()

    # Output

    def send(self, channel: int, performative: Performative, payload: bytes = b"") -> None:
        self._write(encode_frame(channel, performative, payload))

    def _write(self, data: bytes) -> None:
        self._out += data
        self._server.flush_soon(self)

    def _close(self, condition: str, description: str) -> None:
        self.send(0, Close(error(condition, description)))
        self._closing = True

    def _send_empty_frames(self, every_seconds: float) -> None:
        self._write(EMPTY_FRAME)
        loop = asyncio.get_running_loop()
        self._keep_alive = loop.call_later(every_seconds, self._send_empty_frames, every_seconds)

    # Input

    def _consume(self) -> None:
        data, position = bytes(self._in), 0
        while len(data) - position >= 8 and not self._closing:
            if data.startswith(b"AMQP", position):
                self._header(data[position : position + 8])
                position += 8
                continue
            size = int.from_bytes(data[position : position + 4])
            offset = data[position + 4] * 4
            if not 8 <= offset <= size <= MAX_FRAME_SIZE:
                raise DecodeError(f"a frame of {size} bytes with its body at {offset}")
            if len(data) - position < size:
                break
            frame = data[position : position + size]
            position += size
            if size > offset:
                performative, payload = decode_frame(frame[offset:])
                self._frame(int.from_bytes(frame[6:8]), performative, payload)
        del self._in[:position]

    def _header(self, header: bytes) -> None:
        if header not in _HEADERS:
            # The specification's answer to an unknown protocol is the header of a known one, then close.
            self._write(SASL_HEADER)
            self._closing = True
            return
        self._write(header)
        if header == SASL_HEADER:
            self._write(encode_frame(0, SaslMechanisms(_MECHANISMS), kind=SASL_FRAME))

    def _frame(self, channel: int, performative: Performative, payload: bytes) -> None:
        match performative:
            case SaslInit():
                # Who may do what is not the emulator's business: every mechanism and every token is welcome.
                self._write(encode_frame(0, SaslOutcome(0), kind=SASL_FRAME))
            case Open():
                self._open(performative)
            case Begin():
                self._sessions[channel] = Session(self, self._server.broker, channel, performative)
            case End():
                if session := self._sessions.pop(channel, None):
                    session.end()
                    self.send(channel, End())
            case Close():
                self.send(0, Close())
                self._closing = True
            case _:
                # The SDKs still detach links on a channel that they have just ended.
                if session := self._sessions.get(channel):
                    session.receive(performative, payload)

    def _open(self, performative: Open) -> None:
        asked = performative.max_frame_size or MAX_FRAME_SIZE
        self.max_frame_size = max(MIN_FRAME_SIZE, min(asked, MAX_FRAME_SIZE))
        self.send(
            0,
            Open(
                container_id="service-bus-emulator",
                max_frame_size=MAX_FRAME_SIZE,
                channel_max=65_535,
                idle_timeout=_IDLE_TIMEOUT_MS,
            ),
        )
        if performative.idle_timeout:
            self._send_empty_frames(performative.idle_timeout / 2000)
