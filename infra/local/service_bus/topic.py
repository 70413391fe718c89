"""A topic: every subscription whose rules match gets its own copy."""

from infra.local.service_bus.content import Content
from infra.local.service_bus.entity import Queue
from infra.local.service_bus.rules import Rules


class Topic:
    """`entrance` is a queue of the topic's own: it holds scheduled messages and detects duplicates."""

    def __init__(self, entrance: Queue, subscriptions: list[tuple[Rules, Queue]]) -> None:
        self.path = entrance.path
        self._entrance = entrance
        self._subscriptions = subscriptions
        entrance.arrive = self._publish

    def send(self, content: Content) -> None:
        self._entrance.send(content)

    def schedule(self, content: Content, due_ms: int) -> int:
        return self._entrance.schedule(content, due_ms)

    def cancel(self, sequence: int) -> None:
        self._entrance.cancel(sequence)

    def _publish(self, content: Content) -> None:
        for rules, queue in self._subscriptions:
            for copy in rules.copies(content):
                queue.add(copy)
