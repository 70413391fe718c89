"""A queue, a subscription or a dead-letter queue: delivery, locks and the fate of each message."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol
from uuid import UUID, uuid4

from infra.local.service_bus.backlog import Backlog
from infra.local.service_bus.config import QueueConfig
from infra.local.service_bus.content import Content
from infra.local.service_bus.deadlines import Deadlines, now_ms
from infra.local.service_bus.duplicates import SentMessages
from infra.local.service_bus.errors import MESSAGE_NOT_FOUND, NOT_ALLOWED, Refused, lock_lost
from infra.local.service_bus.journal import Journal
from infra.local.service_bus.stored import DEAD_LETTER_SOURCE, State, Stored


class Consumer(Protocol):
    """A receiver's link. `deletes` is receive-and-delete: a delivery is final."""

    deletes: bool

    def can_take(self) -> bool: ...
    def deliver(self, stored: Stored) -> None: ...


class Target(Protocol):
    """Whatever messages can be sent to. `schedule` returns the sequence number that `cancel` takes."""

    def send(self, content: Content) -> None: ...
    def schedule(self, content: Content, due_ms: int) -> int: ...
    def cancel(self, sequence: int) -> None: ...


class Queue:
    """No operation on a message scans the others.

    `dead_letters` is None in a dead-letter queue, where nothing expires and nothing is given up.
    """

    def __init__(
        self,
        path: str,
        config: QueueConfig,
        journal: Journal,
        deadlines: Deadlines,
        dead_letters: "Queue | None",
    ) -> None:
        self.path = path
        self.config = config
        self.dead_letters = dead_letters
        self.forward: Target | None = None
        # What becomes of a message that is sent now or falls due; a topic publishes it instead.
        self.arrive: Callable[[Content], object] = self.add
        self._deadlines = deadlines
        window = config.duplicate_window_ms
        self._sent = SentMessages(path.lower(), window, journal) if window else None
        self._backlog = Backlog(path.lower(), journal)
        self._locked: dict[UUID, Stored] = {}
        self._waiting: OrderedDict[Consumer, None] = OrderedDict()
        for stored in self._backlog:
            self._watch(stored)
            if stored.state is State.ACTIVE:
                self._backlog.make_ready(stored)

    # Sending

    def send(self, content: Content) -> None:
        """A duplicate within the window is accepted and dropped, as Service Bus does."""
        if self._sent is not None and self._sent.already_sent(content.message_id):
            return
        due = content.scheduled_ms
        if due is not None and due > now_ms():
            self._watch(self._backlog.append(content, due_ms=due))
        else:
            self.arrive(content)

    def schedule(self, content: Content, due_ms: int) -> int:
        """As the Target says; 0 for a duplicate, which was dropped."""
        if self._sent is not None and self._sent.already_sent(content.message_id):
            return 0
        stored = self._backlog.append(content, due_ms=due_ms)
        self._watch(stored)
        return stored.sequence

    def cancel(self, sequence: int) -> None:
        stored = self._backlog.find(sequence, State.SCHEDULED)
        if stored is None:
            raise Refused(MESSAGE_NOT_FOUND, f"no scheduled message has the sequence number {sequence}")
        self._backlog.remove(stored)

    def add(self, content: Content, enqueue_sequence: int | None = None, delivery_count: int = 0) -> None:
        if self.forward is not None:
            self.forward.send(content)
            return
        limits = [limit for limit in (content.ttl_ms, self.config.ttl_ms) if limit is not None]
        lives = self.dead_letters is not None and limits
        stored = self._backlog.append(
            content,
            expires_ms=now_ms() + min(limits) if lives else None,
            enqueue_sequence=enqueue_sequence,
            delivery_count=delivery_count,
        )
        self._watch(stored)
        self._make_ready(stored)

    # Receiving

    def offer(self, consumer: Consumer) -> None:
        """The consumer has credit; it stays on offer until it takes no more or is withdrawn."""
        self._waiting[consumer] = None
        self._dispatch()

    def withdraw(self, consumer: Consumer) -> None:
        self._waiting.pop(consumer, None)

    def peek(self, sequence: int, limit: int) -> list[Stored]:
        """Messages in any state from the sequence number on; neither locked nor removed."""
        return self._backlog.browse(sequence, limit)

    def receive_deferred(self, sequences: list[int], delete: bool) -> list[Stored]:
        """All of them or none: Refused when one is not there, not deferred or locked."""
        chosen = []
        for sequence in dict.fromkeys(sequences):
            stored = self._backlog.find(sequence, State.DEFERRED)
            if stored is None or stored.token is not None:
                raise Refused(MESSAGE_NOT_FOUND, f"no deferred message has the sequence number {sequence}")
            chosen.append(stored)
        take = self._backlog.remove if delete else self._lock
        for stored in chosen:
            take(stored)
        return chosen

    # Settling: each raises Refused when the lock is gone

    def complete(self, token: UUID) -> None:
        self._backlog.remove(self._unlock(token))

    def abandon(self, token: UUID, properties: dict[str, Any]) -> None:
        stored = self._unlock(token)
        if properties:
            stored.content = stored.content.with_application(properties)
        self._failed(stored)

    def release(self, token: UUID) -> None:
        """Given back unseen: the delivery does not count."""
        self._give_back(self._unlock(token))

    def defer(self, token: UUID, properties: dict[str, Any]) -> None:
        stored = self._unlock(token)
        if properties:
            stored.content = stored.content.with_application(properties)
        stored.state = State.DEFERRED
        self._backlog.update(stored)

    def dead_letter(self, token: UUID, properties: dict[str, Any]) -> None:
        if self.dead_letters is None:
            raise Refused(NOT_ALLOWED, "a message in a dead-letter queue cannot be dead-lettered again")
        self._bury(self._unlock(token), self.dead_letters, properties)

    def renew(self, token: UUID) -> int:
        """The time, in milliseconds since the epoch, until which the lock is held now."""
        stored = self._locked.get(token)
        if stored is None:
            raise lock_lost()
        stored.locked_until_ms = now_ms() + self.config.lock_ms
        self._deadlines.add(stored.locked_until_ms, self._lock_due, token)
        return stored.locked_until_ms

    # Deadlines

    def _watch(self, stored: Stored) -> None:
        # The heap gets the number, not the message: a completed one must not stay until its time to live.
        if stored.due_ms is not None:
            self._deadlines.add(stored.due_ms, self._schedule_due, stored.sequence)
        elif stored.expires_ms is not None:
            self._deadlines.add(stored.expires_ms, self._ttl_due, stored.sequence)

    def _lock_due(self, token: UUID) -> None:
        stored = self._locked.get(token)
        if stored is not None and stored.locked_until_ms <= now_ms():
            self._failed(self._unlock(token))

    def _ttl_due(self, sequence: int) -> None:
        # A locked message is left to its receiver, a deferred one to whoever asks for it.
        stored = self._backlog.find(sequence, State.ACTIVE)
        if stored is not None and stored.token is None:
            self._expire(stored)

    def _schedule_due(self, sequence: int) -> None:
        stored = self._backlog.find(sequence, State.SCHEDULED)
        if stored is not None:
            self._backlog.remove(stored)
            self.arrive(stored.content)

    # Inside

    def _lock(self, stored: Stored) -> None:
        stored.token = uuid4()
        stored.locked_until_ms = now_ms() + self.config.lock_ms
        self._locked[stored.token] = stored
        self._deadlines.add(stored.locked_until_ms, self._lock_due, stored.token)

    def _unlock(self, token: UUID) -> Stored:
        stored = self._locked.pop(token, None)
        if stored is None:
            raise lock_lost()
        stored.token = None
        return stored

    def _failed(self, stored: Stored) -> None:
        stored.delivery_count += 1
        limit = self.config.max_delivery_count
        if stored.state is State.ACTIVE and self.dead_letters and stored.delivery_count >= limit:
            description = f"Message could not be consumed after {limit} delivery attempts."
            self._bury(stored, self.dead_letters, _reason("MaxDeliveryCountExceeded", description))
            return
        self._backlog.update(stored)
        self._give_back(stored)

    def _give_back(self, stored: Stored) -> None:
        if stored.state is State.DEFERRED:
            return
        if stored.expired(now_ms()):
            self._expire(stored)
        else:
            self._make_ready(stored)

    def _expire(self, stored: Stored) -> None:
        if self.config.dead_letter_on_expiration and self.dead_letters:
            description = "The message expired and was dead lettered."
            self._bury(stored, self.dead_letters, _reason("TTLExpiredException", description))
        else:
            self._backlog.remove(stored)

    def _bury(self, stored: Stored, dead_letters: "Queue", properties: dict[str, Any]) -> None:
        self._backlog.remove(stored)
        content = stored.content.with_application(properties)
        content = content.with_annotation(DEAD_LETTER_SOURCE, self.path)
        dead_letters.add(content, stored.enqueue_sequence, stored.delivery_count)

    def _make_ready(self, stored: Stored) -> None:
        self._backlog.make_ready(stored)
        self._dispatch()

    def _dispatch(self) -> None:
        while self._waiting and self._backlog.has_ready():
            consumer = next(iter(self._waiting))
            if not consumer.can_take():
                del self._waiting[consumer]
                continue
            stored = self._backlog.pop_ready()
            if stored is None:
                return
            if stored.expired(now_ms()):
                self._expire(stored)
                continue
            self._waiting.move_to_end(consumer)
            if consumer.deletes:
                self._backlog.remove(stored)
            else:
                self._lock(stored)
            consumer.deliver(stored)


def _reason(reason: str, description: str) -> dict[str, Any]:
    return {"DeadLetterReason": reason, "DeadLetterErrorDescription": description}
