"""Which node an attach asks for, and the link that serves it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from infra.local.service_bus import cbs, management
from infra.local.service_bus.amqp_types import Described
from infra.local.service_bus.broker import MANAGEMENT_SUFFIX, Broker, path_of
from infra.local.service_bus.content import BATCH_FORMAT, Content, batch
from infra.local.service_bus.entity import Target
from infra.local.service_bus.errors import NOT_FOUND, Refused
from infra.local.service_bus.frames import Attach
from infra.local.service_bus.links import ReceivingLink, ReplyLink, SendingLink
from infra.local.service_bus.request import Answer, Request

if TYPE_CHECKING:
    from infra.local.service_bus.session import Session

CBS = "$cbs"
_SETTLED = 1


def open_link(session: "Session", attach: Attach) -> ReceivingLink | SendingLink | ReplyLink:
    """Refused when there is no such node or it does not work in that direction."""
    sends = not attach.role
    address = _address(attach.target if sends else attach.source)
    if address is None:
        raise Refused(NOT_FOUND, "the link names no address")
    path = path_of(address)
    if path == CBS or path.endswith(MANAGEMENT_SUFFIX):
        return _node_link(session, attach, path)
    if sends:
        return ReceivingLink(session, attach.handle, _sending_to(session.broker.target(path)))
    deletes = attach.snd_settle_mode == _SETTLED
    return SendingLink(session, attach.handle, session.broker.source(path), deletes)


def _address(terminus: Any) -> str | None:
    """The address of a source or target, which is the first of its fields."""
    fields = terminus.value if isinstance(terminus, Described) else None
    return str(fields[0]) if fields and fields[0] is not None else None


def _sending_to(target: Target) -> Callable[[bytes, int], None]:
    def accept(message: bytes, message_format: int) -> None:
        # All of a batch is parsed before any of it is sent: a malformed one leaves nothing behind.
        encoded = batch(message) if message_format == BATCH_FORMAT else [message]
        for content in [Content.parse(each) for each in encoded]:
            target.send(content)

    return accept


def _node_link(session: "Session", attach: Attach, path: str) -> ReceivingLink | ReplyLink:
    broker = session.broker
    if path != CBS and not broker.exists(path.removesuffix(MANAGEMENT_SUFFIX)):
        raise Refused(NOT_FOUND, f"The messaging entity '{path}' could not be found.")
    if attach.role:
        return ReplyLink(session, attach.handle, path, _address(attach.target))

    def accept(message: bytes, message_format: int) -> None:
        request = Request.parse(message)
        link = session.reply_link(path, request.reply_to)
        answer = _answer(broker, path, request)
        if link is not None:
            link.reply(answer.encode(request))

    return ReceivingLink(session, attach.handle, accept)


def _answer(broker: Broker, path: str, request: Request) -> Answer:
    if path == CBS:
        return cbs.answer(request)
    return management.answer(broker, path.removesuffix(MANAGEMENT_SUFFIX), request)
