"""The three kinds of link: one the client sends on, one it receives on, and one that carries replies."""

from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import uuid4

from infra.local.service_bus.amqp_types import DecodeError, Symbol, ULong
from infra.local.service_bus.entity import Queue
from infra.local.service_bus.errors import DECODE_ERROR, SIZE_EXCEEDED, Refused
from infra.local.service_bus.frames import ACCEPTED, Attach, Disposition, Flow, Transfer, rejected
from infra.local.service_bus.stored import Stored

if TYPE_CHECKING:
    from infra.local.service_bus.session import Session

MAX_MESSAGE_SIZE = 1_048_576
_CREDIT = 1000


class ReceivingLink:
    """The client sends, we receive. `accept` gets a whole message and its format; it may raise Refused."""

    def __init__(self, session: "Session", handle: int, accept: Callable[[bytes, int], None]) -> None:
        self._session = session
        self._handle = handle
        self._accept = accept
        self._delivery_count = 0
        self._credit = 0
        self._first: Transfer | None = None
        self._parts = bytearray()

    def opened(self, attach: Attach) -> None:
        self._delivery_count = attach.initial_delivery_count or 0
        self._session.send(
            attach._replace(
                role=True,
                initial_delivery_count=None,
                max_message_size=MAX_MESSAGE_SIZE,
                unsettled=None,
                properties={Symbol("com.microsoft:max-message-batch-size"): ULong(MAX_MESSAGE_SIZE)},
            )
        )
        self._grant()

    def close(self) -> None:
        self._parts.clear()

    def receive(self, transfer: Transfer, payload: bytes) -> None:
        if self._first is None:
            self._first = transfer
        # What is over the limit is dropped as it comes, but for the byte that says so.
        self._parts += payload[: MAX_MESSAGE_SIZE + 1 - len(self._parts)]
        if transfer.more:
            return
        first, self._first = self._first, None
        message = bytes(self._parts)
        self._parts.clear()
        self._delivery_count += 1
        self._credit -= 1
        if not transfer.aborted:
            self._answer(first, bool(first.settled or transfer.settled), message)
        if self._credit <= _CREDIT // 2:
            self._grant()

    def _answer(self, first: Transfer, settled: bool, message: bytes) -> None:
        state = ACCEPTED
        try:
            if len(message) > MAX_MESSAGE_SIZE:
                raise Refused(SIZE_EXCEEDED, f"the message is larger than {MAX_MESSAGE_SIZE} bytes")
            self._accept(message, first.message_format or 0)
        except Refused as refused:
            state = rejected(refused.condition, refused.description)
        except DecodeError as problem:
            state = rejected(DECODE_ERROR, str(problem))
        if not settled and first.delivery_id is not None:
            self._session.send(Disposition(True, first.delivery_id, first.delivery_id, True, state))

    def _grant(self) -> None:
        self._credit = _CREDIT
        self._session.send_flow(self._handle, self._delivery_count, self._credit)


class SendingLink:
    """The client receives, we send: a consumer of one queue."""

    def __init__(self, session: "Session", handle: int, queue: Queue, deletes: bool) -> None:
        self.deletes = deletes
        self._session = session
        self._handle = handle
        self._queue = queue
        self._delivery_count = 0
        self._credit = 0

    def opened(self, attach: Attach) -> None:
        self._session.send(
            attach._replace(
                role=False, initial_delivery_count=0, max_message_size=MAX_MESSAGE_SIZE, unsettled=None
            )
        )

    def close(self) -> None:
        self._queue.withdraw(self)

    def flow(self, flow: Flow) -> None:
        self._credit = max(0, (flow.delivery_count or 0) + (flow.link_credit or 0) - self._delivery_count)
        self.resume()
        if flow.drain:
            # What could not be filled is used up, so that the client knows that nothing more comes.
            self._delivery_count += self._credit
            self._credit = 0
            self._queue.withdraw(self)
        if flow.drain or flow.echo:
            self._session.send_flow(self._handle, self._delivery_count, self._credit, bool(flow.drain))

    def resume(self) -> None:
        if self.can_take():
            self._queue.offer(self)

    def can_take(self) -> bool:
        return self._credit > 0 and self._session.has_window()

    def deliver(self, stored: Stored) -> None:
        tag = (stored.token or uuid4()).bytes_le
        self._credit -= 1
        self._delivery_count += 1
        delivery_id = self._session.transfer(self._handle, tag, stored.encode(), settled=self.deletes)
        if stored.token is not None:
            self._session.expect_outcome(delivery_id, self, self._queue, stored.token)


class ReplyLink:
    """Carries a node's answers. The Python SDK never renews such a link's credit, so none is counted."""

    def __init__(self, session: "Session", handle: int, node: str, target: str | None) -> None:
        self.node = node
        self.target = target
        self._session = session
        self._handle = handle

    def opened(self, attach: Attach) -> None:
        self._session.send(attach._replace(role=False, initial_delivery_count=0, unsettled=None))

    def close(self) -> None: ...

    def reply(self, message: bytes) -> None:
        self._session.transfer(self._handle, uuid4().bytes, message, settled=True)
