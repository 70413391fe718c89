"""A hand-written AMQP client for what the SDK hides: it says exactly what it is told to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from infra.local.service_bus.amqp_types import Described, ULong
from infra.local.service_bus.config import parse
from infra.local.service_bus.encode import encode
from infra.local.service_bus.frames import (
    AMQP_HEADER,
    Attach,
    Begin,
    Open,
    Performative,
    Transfer,
    decode_frame,
    encode_frame,
)
from infra.local.service_bus.journal import Journal
from infra.local.service_bus.server import Server
from tests.infra.sb_fixture import topology


class Wire:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    def send(self, performative: Performative, payload: bytes = b"", channel: int = 0) -> None:
        self._writer.write(encode_frame(channel, performative, payload))

    async def header(self) -> bytes:
        return await self._reader.readexactly(8)

    async def frame(self) -> tuple[Performative | None, bytes]:
        """The next frame's performative, None for an empty frame, and its payload."""
        head = await asyncio.wait_for(self._reader.readexactly(8), 5)
        body = await self._reader.readexactly(int.from_bytes(head[:4]) - 8)
        return decode_frame(body) if body else (None, b"")

    async def expect[T](self, kind: type[T]) -> T:
        performative, _ = await self.frame()
        assert isinstance(performative, kind), performative
        return performative

    async def ended(self) -> bool:
        return await asyncio.wait_for(self._reader.read(1), 5) == b""

    async def begin(self, idle_timeout: int | None = None) -> None:
        self.send(Open(container_id="test", max_frame_size=512, idle_timeout=idle_timeout))
        self.send(Begin(next_outgoing_id=0, incoming_window=100, outgoing_window=100))
        await self.expect(Open)
        if idle_timeout is None:
            await self.expect(Begin)

    async def attach(self, handle: int, receives: bool, address: str = "q") -> Attach:
        source, target = (Described(ULong(code), [address]) for code in (0x28, 0x29))
        count = None if receives else 0
        attach = Attach(
            f"link-{handle}", handle, receives, 0, 1, source, target, initial_delivery_count=count
        )
        self.send(attach)
        return await self.expect(Attach)

    def post(self, number: int, body: bytes, handle: int = 0, **fields: Any) -> None:
        message = encode(Described(ULong(0x75), body))
        self.send(Transfer(handle, number, bytes([number]), 0, **fields), message)


@asynccontextmanager
async def connected(journal: Journal) -> AsyncIterator[tuple[Server, Wire]]:
    server = Server(parse(topology({"q": {}})), journal)
    reader, writer = await asyncio.open_connection("127.0.0.1", await server.start(0))
    client = Wire(reader, writer)
    client.write(AMQP_HEADER)
    assert await client.header() == AMQP_HEADER
    yield server, client
    writer.close()
    await server.stop()
