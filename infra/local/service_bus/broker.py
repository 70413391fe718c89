"""The entities of the namespace, found by address and wired to one another."""

from dataclasses import replace
from urllib.parse import urlsplit

from infra.local.service_bus.config import ConfigError, QueueConfig, TopicConfig, Topology
from infra.local.service_bus.deadlines import Deadlines
from infra.local.service_bus.entity import Queue, Target
from infra.local.service_bus.errors import NOT_ALLOWED, NOT_FOUND, Refused
from infra.local.service_bus.journal import Journal
from infra.local.service_bus.rules import Rules
from infra.local.service_bus.topic import Topic

DEAD_LETTER_SUFFIX = "/$DeadLetterQueue"
MANAGEMENT_SUFFIX = "/$management"


def path_of(address: str) -> str:
    """The lower-case path of an entity or node, from the URL or the bare path that an SDK sends."""
    path = urlsplit(address).path if "://" in address else address
    return path.strip("/").lower()


class Broker:
    """Senders find queues and topics, receivers find queues, subscriptions and dead-letter queues."""

    def __init__(self, topology: Topology, journal: Journal, deadlines: Deadlines) -> None:
        self._journal = journal
        self._deadlines = deadlines
        self._targets: dict[str, Target] = {}
        self._sources: dict[str, Queue] = {}
        for queue in topology.queues:
            self._targets[queue.name.lower()] = self._source(queue.name, queue)
        for topic in topology.topics:
            self._targets[topic.name.lower()] = self._topic(topic)
        for source in list(self._sources.values()):
            self._forward(source)

    def target(self, path: str) -> Target:
        found = self._targets.get(path)
        if found is None:
            if path in self._sources:
                raise Refused(NOT_ALLOWED, f"messages cannot be sent to {path!r}")
            raise Refused(NOT_FOUND, f"The messaging entity '{path}' could not be found.")
        return found

    def source(self, path: str) -> Queue:
        found = self._sources.get(path)
        if found is None:
            if path in self._targets:
                raise Refused(NOT_ALLOWED, f"{path!r} is a topic: receive from one of its subscriptions")
            raise Refused(NOT_FOUND, f"The messaging entity '{path}' could not be found.")
        return found

    def exists(self, path: str) -> bool:
        return path in self._targets or path in self._sources

    def _topic(self, config: TopicConfig) -> Topic:
        subscriptions = []
        for subscription in config.subscriptions:
            path = f"{config.name}/Subscriptions/{subscription.queue.name}"
            limits = [limit for limit in (config.ttl_ms, subscription.queue.ttl_ms) if limit is not None]
            queue = replace(subscription.queue, ttl_ms=min(limits, default=None))
            subscriptions.append((Rules(path, subscription.rules), self._source(path, queue)))
        entrance = QueueConfig(
            name=config.name,
            lock_ms=60_000,
            max_delivery_count=1,
            ttl_ms=None,
            dead_letter_on_expiration=False,
            duplicate_window_ms=config.duplicate_window_ms,
        )
        return Topic(Queue(config.name, entrance, self._journal, self._deadlines, None), subscriptions)

    def _source(self, path: str, config: QueueConfig) -> Queue:
        dead_path = path + DEAD_LETTER_SUFFIX
        dead_config = replace(config, ttl_ms=None, duplicate_window_ms=None, forward_to=None)
        dead_letters = Queue(dead_path, dead_config, self._journal, self._deadlines, None)
        queue = Queue(path, config, self._journal, self._deadlines, dead_letters)
        self._sources[path.lower()] = queue
        self._sources[dead_path.lower()] = dead_letters
        return queue

    def _forward(self, source: Queue) -> None:
        is_dead_letter_queue = source.dead_letters is None
        name = source.config.forward_dead_lettered_to if is_dead_letter_queue else source.config.forward_to
        if not name:
            return
        target = self._targets.get(name.lower())
        if target is None or target is source:
            raise ConfigError(f"{source.path} cannot forward to {name!r}")
        source.forward = target
