"""What a receiver's outcome does to the message it holds."""

from typing import Any
from uuid import UUID

from infra.local.service_bus.amqp_types import Described
from infra.local.service_bus.entity import Queue
from infra.local.service_bus.errors import ARGUMENT_ERROR, Refused
from infra.local.service_bus.frames import ACCEPTED, REJECTED


def settle(queue: Queue, token: UUID, state: Described) -> Described:
    """Apply the outcome; the state to answer with is the same outcome. Refused when the lock is gone."""
    fields = state.value if isinstance(state.value, list) else []
    match int(state.descriptor):
        case 0x24:
            queue.complete(token)
            return ACCEPTED
        case 0x25:
            queue.dead_letter(token, _dead_letter_properties(fields[0] if fields else None))
            # An error in the answer would tell the SDK that dead-lettering failed.
            return REJECTED
        case 0x26:
            queue.release(token)
        case 0x27:
            _, undeliverable_here, annotations = [*fields, None, None, None][:3]
            give_back = queue.defer if undeliverable_here else queue.abandon
            give_back(token, {str(key): value for key, value in (annotations or {}).items()})
        case code:
            raise Refused(ARGUMENT_ERROR, f"0x{code:02x} is not an outcome")
    return state


def dead_letter_properties(reason: str | None, description: str | None) -> dict[str, Any]:
    properties = {"DeadLetterReason": reason, "DeadLetterErrorDescription": description}
    return {name: value for name, value in properties.items() if value is not None}


def _dead_letter_properties(error: Any) -> dict[str, Any]:
    """From the outcome's error: its info map holds reason, description and whatever the receiver adds."""
    fields = [*(error.value if isinstance(error, Described) else []), None, None, None]
    info = {str(key): value for key, value in (fields[2] or {}).items() if value is not None}
    return {**dead_letter_properties(None, fields[1]), **info}
