"""An entity's $management node: peek, locks, deferred and scheduled messages."""

from collections.abc import Callable
from typing import Any

from infra.local.service_bus.amqp_types import Array, DecodeError, Long, Timestamp
from infra.local.service_bus.broker import Broker
from infra.local.service_bus.content import Content
from infra.local.service_bus.entity import Queue
from infra.local.service_bus.errors import (
    ARGUMENT_ERROR,
    LOCK_LOST,
    MESSAGE_NOT_FOUND,
    NOT_FOUND,
    NOT_IMPLEMENTED,
    Refused,
)
from infra.local.service_bus.request import Answer, Request
from infra.local.service_bus.settlement import dead_letter_properties
from infra.local.service_bus.stored import Stored

_STATUS = {LOCK_LOST: 410, MESSAGE_NOT_FOUND: 404, NOT_FOUND: 404, NOT_IMPLEMENTED: 501, ARGUMENT_ERROR: 400}
_PREFIX = "com.microsoft:"


def answer(broker: Broker, path: str, request: Request) -> Answer:
    operation = _OPERATIONS.get(request.operation.removeprefix(_PREFIX))
    try:
        if operation is None:
            raise Refused(NOT_IMPLEMENTED, f"the operation {request.operation!r} is not supported")
        return operation(broker, path, request.body or {})
    except Refused as refused:
        return Answer(_STATUS.get(refused.condition, 400), refused.description, condition=refused.condition)
    except (KeyError, TypeError, ValueError, DecodeError) as error:
        description = f"malformed request {request.operation!r}: {error!r}"
        return Answer(400, description, condition=ARGUMENT_ERROR)


def _ok(body: dict[str, Any] | None = None) -> Answer:
    return Answer(200, "OK", body or {})


def _peek(broker: Broker, path: str, body: dict[str, Any]) -> Answer:
    found = broker.source(path).peek(int(body["from-sequence-number"]), int(body["message-count"]))
    if not found:
        return Answer(204, "No Content")
    return _ok({"messages": [{"message": stored.encode()} for stored in found]})


def _renew_lock(broker: Broker, path: str, body: dict[str, Any]) -> Answer:
    queue = broker.source(path)
    expirations = Array(Timestamp(queue.renew(token)) for token in body["lock-tokens"])
    return _ok({"expirations": expirations})


def _receive_by_sequence_number(broker: Broker, path: str, body: dict[str, Any]) -> Answer:
    numbers = [int(number) for number in body["sequence-numbers"]]
    chosen = broker.source(path).receive_deferred(numbers, delete=int(body["receiver-settle-mode"]) == 0)
    return _ok({"messages": [_received(stored) for stored in chosen]})


def _received(stored: Stored) -> dict[str, Any]:
    entry: dict[str, Any] = {"message": stored.encode()}
    if stored.token is not None:
        entry["lock-token"] = stored.token
    return entry


def _update_disposition(broker: Broker, path: str, body: dict[str, Any]) -> Answer:
    queue = broker.source(path)
    extra = {str(key): value for key, value in (body.get("properties-to-modify") or {}).items()}
    reason = dead_letter_properties(body.get("deadletter-reason"), body.get("deadletter-description"))
    dispositions: dict[str, Callable[[Queue, Any], None]] = {
        "completed": lambda queue, token: queue.complete(token),
        "abandoned": lambda queue, token: queue.abandon(token, extra),
        "defered": lambda queue, token: queue.defer(token, extra),
        "suspended": lambda queue, token: queue.dead_letter(token, {**extra, **reason}),
    }
    settle = dispositions[str(body["disposition-status"])]
    for token in body["lock-tokens"]:
        settle(queue, token)
    return _ok()


def _schedule(broker: Broker, path: str, body: dict[str, Any]) -> Answer:
    target = broker.target(path)
    contents = [Content.parse(entry["message"]) for entry in body["messages"]]
    due = [content.scheduled_ms for content in contents]
    if None in due:
        raise Refused(ARGUMENT_ERROR, "a message to schedule needs x-opt-scheduled-enqueue-time")
    numbers = Array(
        Long(target.schedule(content, when)) for content, when in zip(contents, due, strict=True) if when
    )
    return _ok({"sequence-numbers": numbers})


def _cancel_scheduled(broker: Broker, path: str, body: dict[str, Any]) -> Answer:
    target = broker.target(path)
    for number in body["sequence-numbers"]:
        target.cancel(int(number))
    return _ok()


_OPERATIONS: dict[str, Callable[[Broker, str, dict[str, Any]], Answer]] = {
    "peek-message": _peek,
    "renew-lock": _renew_lock,
    "receive-by-sequence-number": _receive_by_sequence_number,
    "update-disposition": _update_disposition,
    "schedule-message": _schedule,
    "cancel-scheduled-message": _cancel_scheduled,
}
