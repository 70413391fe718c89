"""What a command leaves behind: records, journal row, messages byte for byte, and its nodes in the trace."""

from typing import Any

from domain.catalogue import Catalogue
from domain.kernel.actor import Actor
from domain.kernel.command import fingerprint
from domain.kernel.context import Handler
from domain.kernel.envelope import Envelope, Message, mirrored
from domain.kernel.journal import Journal, Outcome, TraceNode, Transaction
from domain.kernel.proof import ACTOR, INITIATOR, PROOF, proof, proof_key
from domain.kernel.values import Redaction, derived_id, timestamp
from domain.kernel.work import Changes, Fact, Work


class Sealer:
    """Turns a unit of work into its transaction. Pure: the same work gives the same bytes."""

    def __init__(self, catalogue: Catalogue, redaction: Redaction) -> None:
        self._catalogue, self._redaction = catalogue, redaction
        self._proof_key = proof_key(redaction.key)

    def seal(self, handler: Handler, work: Work) -> Transaction:
        """What an accepted command leaves."""
        changes = work.changes()
        facts = changes.facts
        # The command's own aggregate lives in the handler's file; others were touched on its way.
        file = handler.function.__module__
        subject = next((a for a in work.aggregates if type(a).__module__ == file), None)
        reply: dict[str, Any] = {
            "commandId": work.command_id,
            "outcome": "accepted",
            "aggregate": subject
            and {"type": subject.kind, "id": subject.id, "version": subject.aggregate_version},
            "events": [fact.envelope.model_dump(mode="json", by_alias=True) for fact in facts],
        }
        messages = tuple(message for fact in facts for message in self._messages(fact, work, changes))
        journal = _journal(
            handler,
            work,
            changes,
            reply,
            messages,
            pending=bool(changes.records) or not handler.is_observation,
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
    scope = "observation" if handler.is_observation else "command"
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
