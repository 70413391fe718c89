"""The messages of one entity, by sequence number and in order, and their journaling."""

import heapq
from bisect import bisect_left
from collections.abc import Iterator

from infra.local.service_bus.content import Content
from infra.local.service_bus.deadlines import now_ms
from infra.local.service_bus.journal import Journal
from infra.local.service_bus.stored import State, Stored


class Backlog:
    """Removal leaves stale numbers in the heap and in the order; they are skipped and dropped in passing."""

    def __init__(self, entity: str, journal: Journal) -> None:
        self._entity = entity
        self._journal = journal
        self._last_sequence = journal.last_sequence(entity)
        self._messages: dict[int, Stored] = {}
        self._order: list[int] = []
        self._ready: list[int] = []
        for row in journal.messages(entity):
            self._index(Stored.from_row(row))

    def __iter__(self) -> Iterator[Stored]:
        return iter(list(self._messages.values()))

    def append(
        self,
        content: Content,
        *,
        expires_ms: int | None = None,
        due_ms: int | None = None,
        enqueue_sequence: int | None = None,
        delivery_count: int = 0,
    ) -> Stored:
        """A new message at the end; scheduled when it has a due time, otherwise active but not yet ready."""
        self._last_sequence += 1
        stored = Stored(
            sequence=self._last_sequence,
            enqueue_sequence=enqueue_sequence or self._last_sequence,
            content=content,
            enqueued_ms=now_ms(),
            expires_ms=expires_ms,
            due_ms=due_ms,
            state=State.ACTIVE if due_ms is None else State.SCHEDULED,
            delivery_count=delivery_count,
        )
        self._index(stored)
        self._journal.insert(self._entity, stored.row())
        return stored

    def update(self, stored: Stored) -> None:
        self._journal.update(self._entity, stored.row())

    def remove(self, stored: Stored) -> None:
        del self._messages[stored.sequence]
        self._journal.delete(self._entity, stored.sequence)

    def find(self, sequence: int, state: State) -> Stored | None:
        stored = self._messages.get(sequence)
        return stored if stored is not None and stored.state is state else None

    def browse(self, sequence: int, limit: int) -> list[Stored]:
        """Up to `limit` messages in any state from the sequence number on."""
        found: list[Stored] = []
        for position in range(bisect_left(self._order, sequence), len(self._order)):
            if len(found) >= limit:
                break
            stored = self._messages.get(self._order[position])
            if stored is not None:
                found.append(stored)
        return found

    def make_ready(self, stored: Stored) -> None:
        """A message that comes back takes its old place: the lowest sequence number is delivered first."""
        heapq.heappush(self._ready, stored.sequence)

    def has_ready(self) -> bool:
        return bool(self._ready)

    def pop_ready(self) -> Stored | None:
        while self._ready:
            stored = self._messages.get(heapq.heappop(self._ready))
            if stored is not None:
                return stored
        return None

    def _index(self, stored: Stored) -> None:
        self._messages[stored.sequence] = stored
        self._order.append(stored.sequence)
        if len(self._order) > 2 * len(self._messages) + 64:
            self._order = list(self._messages)
