"""Commands and observations on the way to their queues, with the proof that the app sent them."""

from datetime import datetime

from domain import sealing
from domain.catalogue import catalogue
from domain.kernel.actor import Actor
from domain.kernel.command import Observation
from domain.kernel.envelope import Envelope, Message
from domain.kernel.values import derived_id
from domain.kernel.work import Partition
from functions.bootstrap import platform


def to_message(command: Envelope, actor: Actor) -> Message:
    """A command or observation on the way to its queue, by a part of the platform."""
    return proven(command, actor, platform().settings.proof_key)


def proven(command: Envelope, actor: Actor, key: bytes) -> Message:
    """The same with the key given."""
    queue = catalogue().handlers[command.event_type].queue
    assert queue is not None, f"{command.event_type} has no queue"
    return sealing.proven(queue, command, actor, key)


def observed(partition: Partition, observation: Observation, moment: datetime, source: object) -> Envelope:
    """An observation's envelope; the same `source` (a hook, a round) seeing the same thing gives the same id.

    The handler joins it to the trace of the aggregate that it changes.
    """
    name, payload = type(observation).__name__, observation.model_dump(mode="json", by_alias=True)
    scope = (partition.tenant_id, partition.project_id)
    id = derived_id("obs", *scope, name, sorted(payload.items()), source)
    return Envelope(
        event_id=id,
        event_type=name,
        tenant_id=partition.tenant_id,
        project_id=partition.project_id,
        trace_id=derived_id("trace", id),
        correlation_id=derived_id("corr", id),
        occurred_at=moment,
        payload=payload,
    )
