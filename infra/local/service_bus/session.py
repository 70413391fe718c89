"""One AMQP session: its links, the delivery ids, and the settling of deliveries."""

import logging
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from infra.local.service_bus.amqp_types import Described, ULong
from infra.local.service_bus.attach import open_link
from infra.local.service_bus.broker import Broker
from infra.local.service_bus.entity import Queue
from infra.local.service_bus.errors import Refused
from infra.local.service_bus.frames import (
    Attach,
    Begin,
    Detach,
    Disposition,
    Flow,
    Performative,
    Transfer,
    error,
    rejected,
)
from infra.local.service_bus.links import ReceivingLink, ReplyLink, SendingLink
from infra.local.service_bus.settlement import settle

if TYPE_CHECKING:
    from infra.local.service_bus.connection import Connection

_log = logging.getLogger(__name__)

_WINDOW = 2**31 - 1
_HANDLE_MAX = 1023
# The Python SDK matches a disposition with what it sent by delivery id alone, whatever the role: ids that
# start far from the client's own can never be mistaken for them.
_FIRST_DELIVERY_ID = 2**30

type Link = ReceivingLink | SendingLink | ReplyLink


class Unsettled(NamedTuple):
    """A delivery that waits for the client's outcome."""

    link: SendingLink
    queue: Queue
    token: UUID


class Session:
    def __init__(self, connection: "Connection", broker: Broker, channel: int, begin: Begin) -> None:
        self._connection = connection
        self._channel = channel
        self._links: dict[int, Link] = {}
        self._unsettled: dict[int, Unsettled] = {}
        self._next_delivery_id = _FIRST_DELIVERY_ID
        self._next_incoming_id = begin.next_outgoing_id
        self._next_outgoing_id = 0
        # The transfer id up to which the client is ready to receive.
        self._outgoing_limit = begin.incoming_window
        self.broker = broker
        reply = Begin(
            remote_channel=channel,
            next_outgoing_id=0,
            incoming_window=_WINDOW,
            outgoing_window=_WINDOW,
            handle_max=_HANDLE_MAX,
        )
        self.send(reply)

    # For the links

    def send(self, performative: Performative, payload: bytes = b"") -> None:
        self._connection.send(self._channel, performative, payload)

    def has_window(self) -> bool:
        return self._next_outgoing_id < self._outgoing_limit

    def send_flow(self, handle: int, delivery_count: int, credit: int, drain: bool = False) -> None:
        self.send(
            Flow(
                next_incoming_id=self._next_incoming_id,
                incoming_window=_WINDOW,
                next_outgoing_id=self._next_outgoing_id,
                outgoing_window=_WINDOW,
                handle=handle,
                delivery_count=delivery_count,
                link_credit=credit,
                drain=drain,
                echo=False,
            )
        )

    def transfer(self, handle: int, tag: bytes, message: bytes, settled: bool) -> int:
        """Send a message in as many frames as the client's frame size asks for; its delivery id."""
        delivery_id = self._next_delivery_id
        self._next_delivery_id = (delivery_id + 1) % 2**32
        room = self._connection.max_frame_size - 64
        first = True
        while first or message:
            part, message = message[:room], message[room:]
            self.send(
                Transfer(
                    handle=handle,
                    delivery_id=delivery_id if first else None,
                    delivery_tag=tag if first else None,
                    message_format=0 if first else None,
                    settled=settled,
                    more=bool(message),
                ),
                part,
            )
            self._next_outgoing_id += 1
            first = False
        return delivery_id

    def expect_outcome(self, delivery_id: int, link: SendingLink, queue: Queue, token: UUID) -> None:
        self._unsettled[delivery_id] = Unsettled(link, queue, token)

    def reply_link(self, node: str, reply_to: str | None) -> ReplyLink | None:
        """Where a request's answer goes: the link with that target, or the one that reads from the node."""
        links = [link for link in self._links.values() if isinstance(link, ReplyLink)]
        for link in links:
            if reply_to and link.target == reply_to:
                return link
        return next((link for link in links if link.node == node), None)

    # The client's frames

    def receive(self, performative: Performative, payload: bytes) -> None:
        match performative:
            case Attach():
                self._attach(performative)
            case Flow():
                self._flow(performative)
            case Transfer():
                self._next_incoming_id += 1
                link = self._links.get(performative.handle)
                if isinstance(link, ReceivingLink):
                    link.receive(performative, payload)
            case Disposition():
                if performative.role:
                    self._settle(performative)
            case Detach():
                self._detach(performative)
            case _:
                _log.warning("ignored %s", type(performative).__name__)

    def end(self) -> None:
        """The locks of what was delivered stay until they expire, as on the real service."""
        for link in self._links.values():
            link.close()
        self._links.clear()
        self._unsettled.clear()

    def _attach(self, attach: Attach) -> None:
        try:
            link = open_link(self, attach)
        except Refused as refused:
            self.send(
                attach._replace(role=not attach.role, source=None, target=None, initial_delivery_count=0)
            )
            self.send(Detach(attach.handle, True, error(refused.condition, refused.description)))
            return
        self._links[attach.handle] = link
        link.opened(attach)

    def _detach(self, detach: Detach) -> None:
        link = self._links.pop(detach.handle, None)
        if link is None:
            return
        link.close()
        if isinstance(link, SendingLink):
            self._unsettled = {key: value for key, value in self._unsettled.items() if value.link is not link}
        self.send(Detach(detach.handle, detach.closed))

    def _flow(self, flow: Flow) -> None:
        had_window = self.has_window()
        self._outgoing_limit = (flow.next_incoming_id or 0) + flow.incoming_window
        if flow.handle is not None:
            link = self._links.get(flow.handle)
            if isinstance(link, SendingLink):
                link.flow(flow)
        if not had_window and self.has_window():
            for link in self._links.values():
                if isinstance(link, SendingLink):
                    link.resume()

    def _settle(self, disposition: Disposition) -> None:
        last = disposition.first if disposition.last is None else disposition.last
        for delivery_id in self._ids(disposition.first, last):
            unsettled = self._unsettled.get(delivery_id)
            if unsettled is None:
                continue
            state = self._outcome(unsettled, disposition.state)
            if state is None:
                continue
            del self._unsettled[delivery_id]
            if not disposition.settled:
                # One disposition for each delivery: a range slows the Python SDK down twentyfold.
                self.send(Disposition(False, delivery_id, delivery_id, True, state))

    def _ids(self, first: int, last: int) -> list[int]:
        if last - first < len(self._unsettled):
            return list(range(first, last + 1))
        return [delivery_id for delivery_id in self._unsettled if first <= delivery_id <= last]

    @staticmethod
    def _outcome(unsettled: Unsettled, state: Any) -> Described | None:
        """The state to answer with, or None for one that settles nothing."""
        if not isinstance(state, Described) or state.descriptor == ULong(0x23):
            return None
        try:
            return settle(unsettled.queue, unsettled.token, state)
        except Refused as refused:
            return rejected(refused.condition, refused.description)
