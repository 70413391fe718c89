"""What a command leaves behind: records, journal row, messages byte for byte, and its nodes in the trace."""

from collections.abc import Sequence
from typing import Any

from domain.catalogue import Catalogue
from domain.kernel.actor import Actor, service
from domain.kernel.aggregate import Aggregate
from domain.kernel.command import fingerprint
from domain.kernel.context import OBSERVATIONS, RUN_ORCHESTRATION, Handler
from domain.kernel.envelope import Envelope, Message, mirrored
from domain.kernel.journal import Journal, Outcome, TraceNode, Transaction
from domain.kernel.proof import ACTOR, INITIATOR, PROOF, proof, proof_key
from domain.kernel.values import Redaction, derived_id, timestamp
from domain.kernel.work import Changes, Fact, Work

# Who acts in the steps of an orchestration.
ORCHESTRATOR = "orchestrator"


class Sealer:
    """Turns a unit of work into its transaction. Pure: the same work gives the same bytes."""

    def __init__(self, catalogue: Catalogue, redaction: Redaction) -> None:
        self._catalogue, self._redaction = catalogue, redaction
        self._proof_key = proof_key(redaction.key)

    def seal(self, handler: Handler, work: Work) -> Transaction:
        """What an accepted command leaves."""
        changes = work.changes()
        facts = changes.facts
        subject = _subject(handler, work.aggregates)
        reply: dict[str, Any] = {
            "commandId": work.command_id,
            "outcome": "accepted",
            "aggregate": subject
            and {"type": subject.kind, "id": subject.id, "version": subject.aggregate_version},
            "events": [fact.envelope.model_dump(mode="json", by_alias=True) for fact in facts],
        }
        messages = (
            *(message for fact in facts for message in self._messages(fact, work, changes)),
            *(self._beginning(aggregate, changes) for aggregate in changes.orchestrations),
        )
        journal = _journal(
            handler,
            work,
            changes,
            reply,
            messages,
            pending=_is_pending(handler, changes),
        )
        return Transaction(journal, changes.records)

    def seal_rejection(self, handler: Handler, work: Work, sentence: str) -> Transaction:
        """What a rejected command leaves: the sentence, and nothing else."""
        reply: dict[str, Any] = {
            "commandId": work.command_id,
            "outcome": "rejected",
            "reason": sentence,
            "aggregate": None,
            "events": [],
        }
        # Pending, though it has no messages: a refused command has its node in the trace too.
        return Transaction(
            _journal(handler, work, Changes(work.envelope, None, (), ()), reply, (), pending=True), ()
        )

    def _beginning(self, aggregate: Aggregate, changes: Changes) -> Message:
        """What begins the orchestration of an aggregate: in the outbox with the facts, so that no crash
        between the commit and the beginning leaves it undone."""
        cause, actor = changes.cause, service(ORCHESTRATOR, changes.initiator)
        envelope = cause.model_copy(
            update={
                "event_id": derived_id("run", cause.event_id, aggregate.id),
                "event_type": RUN_ORCHESTRATION,
                "causation_id": cause.event_id,
                "payload": {"orchestration": aggregate.kind, "id": aggregate.id},
            }
        )
        return proven(OBSERVATIONS, envelope, actor, self._proof_key)

    def _messages(self, fact: Fact, work: Work, changes: Changes) -> list[Message]:
        """The domain message and, where the event is promoted, its redacted integration copy."""
        context, promotion = self._catalogue.events[fact.envelope.event_type]
        about: dict[str, str | int] = {
            "cs-event-version": fact.event.event_version,
            "cs-aggregate-type": fact.aggregate.kind,
            "cs-aggregate-id": fact.aggregate.id,
            "cs-aggregate-version": fact.position,
        }
        envelope, body = fact.envelope, fact.envelope.to_json()
        actor = Actor(work.actor.name, initiator=changes.initiator)
        properties = mirrored(envelope) | about | {"cs-scope": "domain", ACTOR: actor.name}
        if actor.initiator is not None:
            properties[INITIATOR] = actor.initiator
        properties[PROOF] = proof(self._proof_key, envelope.event_id, actor, body.encode())
        messages = [Message(context.topic, envelope.event_id, body, properties)]
        if promotion.consumers:
            copy = envelope.model_copy(
                update={
                    "event_id": integration_id(envelope.event_id),
                    "causation_id": envelope.event_id,
                    "payload": self._redaction.payload(fact.event, envelope.tenant_id),
                }
            )
            # Who acted is personal: the copy that crosses the platform's boundary does not say.
            crossing = mirrored(copy) | about | {"cs-scope": "integration"}
            messages.append(Message(context.topic, copy.event_id, copy.to_json(), crossing))
        return messages


def _subject(handler: Handler, met: Sequence[Aggregate]) -> Aggregate | None:
    """The command's own aggregate lives in the handler's file; others were touched on its way. A setting may
    have a file of its own: what it has met first is what it is about."""
    file = handler.function.__module__
    own = (one for one in met if type(one).__module__ == file)
    return next(own, met[0] if met and handler.is_setting else None)


def _is_pending(handler: Handler, changes: Changes) -> bool:
    """Whether there is something to publish or to index: the steps of an orchestration have their place in
    the trace only where facts follow from them, or it would be full of looks."""
    if handler.is_step:
        return bool(changes.facts or changes.orchestrations)
    return bool(changes.records) or not handler.is_observation


def proven(queue: str, command: Envelope, actor: Actor, key: bytes) -> Message:
    """What a part of the platform sends to a queue, with the proof that it did."""
    assert actor.is_service, f"{actor.name} is not a part of the platform"
    body = command.to_json()
    properties = mirrored(command) | {
        ACTOR: actor.name,
        PROOF: proof(key, command.event_id, actor, body.encode()),
    }
    if actor.initiator is not None:
        properties[INITIATOR] = actor.initiator
    return Message(queue, command.event_id, body, properties)


def integration_id(event_id: str) -> str:
    """The id of a domain event's integration copy."""
    return derived_id("evt", event_id, "integration")


def _journal(
    handler: Handler,
    work: Work,
    changes: Changes,
    reply: dict[str, Any],
    messages: tuple[Message, ...],
    *,
    pending: bool,
) -> Journal:
    command = work.envelope
    verdict: dict[str, Any] = {key: reply[key] for key in reply if key in ("outcome", "reason")}
    verdict["handledAt"] = timestamp(work.now)
    scope = "observation" if handler.is_observation else "step" if handler.is_step else "command"
    trace = [_node(changes.cause, scope, work.actor.name, verdict)]
    for fact in changes.facts:
        about = {
            "aggregateType": fact.aggregate.kind,
            "aggregateId": fact.aggregate.id,
            "aggregateVersion": fact.position,
            "payload": fact.envelope.payload,
        }
        trace.append(_node(fact.envelope, "domain", work.actor.name, about))
    outcome = Outcome(
        command_id=work.command_id,
        command=command.event_type,
        fingerprint=fingerprint(command.event_type, command.payload),
        rejection=reply.get("reason"),
        reply=reply,
    )
    return Journal(work.partition, outcome, messages, tuple(trace), pending)


def _node(envelope: Envelope, scope: str, actor: str, details: dict[str, Any]) -> TraceNode:
    return TraceNode(
        id=envelope.event_id,
        type=envelope.event_type,
        scope=scope,
        tenant_id=envelope.tenant_id,
        project_id=envelope.project_id,
        trace_id=envelope.trace_id,
        correlation_id=envelope.correlation_id,
        causation_id=envelope.causation_id,
        occurred_at=timestamp(envelope.occurred_at),
        actor=actor,
        details=details,
    )
