"""The topology file of Microsoft's own emulator; unlike there, locks may be shorter than five seconds."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAMESPACE = "sbemulatorns"
_DURATION = re.compile(
    r"^P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?$"
)


class ConfigError(ValueError):
    """The file does not describe a topology; the message says where."""


@dataclass(frozen=True, slots=True)
class QueueConfig:
    """A queue's or subscription's properties; durations in milliseconds, None for 'no limit'."""

    name: str
    lock_ms: int
    max_delivery_count: int
    ttl_ms: int | None
    dead_letter_on_expiration: bool
    duplicate_window_ms: int | None = None
    forward_to: str | None = None
    forward_dead_lettered_to: str | None = None


@dataclass(frozen=True, slots=True)
class RuleConfig:
    """Exactly one of the two filters is set."""

    name: str
    sql: str | None = None
    correlation: dict[str, Any] | None = None
    action: str | None = None


@dataclass(frozen=True, slots=True)
class SubscriptionConfig:
    queue: QueueConfig
    rules: tuple[RuleConfig, ...] = ()


@dataclass(frozen=True, slots=True)
class TopicConfig:
    name: str
    ttl_ms: int | None
    duplicate_window_ms: int | None
    subscriptions: tuple[SubscriptionConfig, ...] = ()


@dataclass(frozen=True, slots=True)
class Topology:
    queues: tuple[QueueConfig, ...] = field(default=())
    topics: tuple[TopicConfig, ...] = field(default=())


def duration_ms(text: str) -> int:
    """An ISO 8601 duration in days, hours, minutes and seconds; ConfigError otherwise."""
    match = _DURATION.match(text)
    if not match or text.endswith(("P", "T")):
        raise ConfigError(f"{text!r} is not an ISO 8601 duration of days, hours, minutes and seconds")
    parts = {unit: float(value or 0) for unit, value in match.groupdict().items()}
    seconds = parts["days"] * 86400 + parts["hours"] * 3600 + parts["minutes"] * 60 + parts["seconds"]
    return round(seconds * 1000)


def load(path: Path) -> Topology:
    return parse(json.loads(path.read_text(encoding="utf-8")))


def parse(document: dict[str, Any]) -> Topology:
    try:
        namespaces = document["UserConfig"]["Namespaces"]
        if len(namespaces) != 1 or namespaces[0]["Name"] != NAMESPACE:
            raise ConfigError(f"UserConfig.Namespaces holds exactly one namespace, named {NAMESPACE!r}")
        topology = Topology(
            tuple(_queue(entry) for entry in namespaces[0]["Queues"]),
            tuple(_topic(entry) for entry in namespaces[0]["Topics"]),
        )
    except KeyError as error:
        raise ConfigError(f"the topology lacks the key {error}") from error
    names = [queue.name.lower() for queue in topology.queues]
    names += [topic.name.lower() for topic in topology.topics]
    if duplicates := {name for name in names if names.count(name) > 1}:
        raise ConfigError(f"names given twice: {', '.join(sorted(duplicates))}")
    return topology


def _duration(properties: dict[str, Any], key: str, default: int | None) -> int | None:
    return duration_ms(properties[key]) if properties.get(key) else default


def _duplicate_window(properties: dict[str, Any]) -> int | None:
    if not properties.get("RequiresDuplicateDetection"):
        return None
    return _duration(properties, "DuplicateDetectionHistoryTimeWindow", 600_000)


def _queue(entry: dict[str, Any]) -> QueueConfig:
    properties = entry.get("Properties") or {}
    if properties.get("RequiresSession"):
        raise ConfigError(f"{entry['Name']}: sessions are not supported")
    lock_ms = _duration(properties, "LockDuration", None) or 60_000
    max_delivery_count = int(properties.get("MaxDeliveryCount") or 10)
    return QueueConfig(
        name=entry["Name"],
        lock_ms=lock_ms,
        max_delivery_count=max_delivery_count,
        ttl_ms=_duration(properties, "DefaultMessageTimeToLive", None),
        dead_letter_on_expiration=bool(properties.get("DeadLetteringOnMessageExpiration")),
        duplicate_window_ms=_duplicate_window(properties),
        forward_to=properties.get("ForwardTo") or None,
        forward_dead_lettered_to=properties.get("ForwardDeadLetteredMessagesTo") or None,
    )


def _rule(entry: dict[str, Any]) -> RuleConfig:
    properties = entry["Properties"]
    kind = properties["FilterType"]
    action = (properties.get("Action") or {}).get("SqlExpression") or None
    if kind == "Sql":
        return RuleConfig(entry["Name"], sql=properties["SqlFilter"]["SqlExpression"], action=action)
    if kind == "Correlation":
        return RuleConfig(entry["Name"], correlation=properties["CorrelationFilter"], action=action)
    raise ConfigError(f"rule {entry['Name']}: FilterType is 'Sql' or 'Correlation', not {kind!r}")


def _topic(entry: dict[str, Any]) -> TopicConfig:
    properties = entry.get("Properties") or {}
    subscriptions = tuple(
        SubscriptionConfig(
            _queue(subscription), tuple(_rule(rule) for rule in subscription.get("Rules") or ())
        )
        for subscription in entry.get("Subscriptions") or ()
    )
    return TopicConfig(
        name=entry["Name"],
        ttl_ms=_duration(properties, "DefaultMessageTimeToLive", None),
        duplicate_window_ms=_duplicate_window(properties),
        subscriptions=subscriptions,
    )
