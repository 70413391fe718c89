"""Duplicate detection: the message ids an entity accepted within its time window."""

from collections import OrderedDict

from infra.local.service_bus.deadlines import now_ms
from infra.local.service_bus.journal import Journal


class SentMessages:
    """Ids in the order they expire in, which is the order they came in: the window's length is fixed."""

    def __init__(self, entity: str, window_ms: int, journal: Journal) -> None:
        self._entity = entity
        self._window_ms = window_ms
        self._journal = journal
        self._expiry: OrderedDict[str, int] = OrderedDict(journal.message_ids(entity))

    def already_sent(self, message_id: str) -> bool:
        """Whether the id came within the window; if not, it is remembered from now on."""
        now = now_ms()
        while self._expiry:
            oldest, expires = next(iter(self._expiry.items()))
            if expires > now:
                break
            del self._expiry[oldest]
            self._journal.forget(self._entity, oldest)
        if message_id in self._expiry:
            return True
        self._expiry[message_id] = now + self._window_ms
        self._journal.remember(self._entity, message_id, now + self._window_ms)
        return False
