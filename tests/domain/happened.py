"""What one handled message came to."""

from dataclasses import dataclass

from domain.catalogue import catalogue
from domain.kernel.envelope import Envelope
from domain.kernel.event import Event
from domain.kernel.journal import Journal


@dataclass(frozen=True)
class Happened:
    """Its facts, as events and as the messages that carry them."""

    journal: Journal
    facts: tuple[Event, ...]
    envelopes: tuple[Envelope, ...]

    def only[E: Event](self, kind: type[E]) -> E:
        """The one fact, which must be of this kind."""
        (fact,) = self.facts
        assert isinstance(fact, kind), f"{fact!r} is not {kind.__name__}"
        return fact

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(type(fact).__name__ for fact in self.facts)


def happened_of(journal: Journal) -> Happened:
    envelopes = tuple(Envelope.model_validate(event) for event in journal.outcome.reply["events"])
    facts = tuple(_fact(envelope) for envelope in envelopes)
    return Happened(journal, facts, envelopes)


def _fact(envelope: Envelope) -> Event:
    _, promotion = catalogue().events[envelope.event_type]
    return promotion.event.model_validate(envelope.payload)
