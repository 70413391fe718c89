"""Queues, topics and subscriptions, generated from the registry in the format of Microsoft's own emulator.

`make topology` writes `topology.json` beside this file; the laptop cloud, Microsoft's image and the
infrastructure as code read it.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from domain.catalogue import Catalogue, catalogue
from domain.kernel.context import REACTIONS, Context
from domain.reactions import reactions

FILE = Path(__file__).with_name("topology.json")

_QUEUE = {
    "DeadLetteringOnMessageExpiration": True,
    "DefaultMessageTimeToLive": "PT1H",
    "LockDuration": "PT1M",
    "MaxDeliveryCount": 10,
    "RequiresDuplicateDetection": False,
    "RequiresSession": False,
}


def topology(catalogue: Catalogue) -> dict[str, Any]:
    queues = sorted({handler.queue for handler in catalogue.handlers.values() if handler.queue is not None})
    return {
        "UserConfig": {
            "Namespaces": [
                {
                    "Name": "sbemulatorns",
                    "Queues": [{"Name": queue, "Properties": _QUEUE} for queue in queues],
                    "Topics": [_topic(context) for context in catalogue.contexts if context.events],
                }
            ],
            "Logging": {"Type": "Console"},
        }
    }


def _topic(context: Context) -> dict[str, Any]:
    subscriptions = []
    reacted = sorted(event for event in context.events if event in reactions.by_event)
    if reacted:
        subscriptions.append(_subscription(REACTIONS, "domain", reacted))
    consumers: dict[str, list[str]] = {}
    for event, promotion in sorted(context.events.items()):
        for consumer in promotion.consumers:
            consumers.setdefault(consumer, []).append(event)
    for consumer, events in sorted(consumers.items()):
        subscriptions.append(_subscription(subscription_name(consumer), "integration", events))
    properties = {"DefaultMessageTimeToLive": "PT1H", "RequiresDuplicateDetection": False}
    return {"Name": context.topic, "Properties": properties, "Subscriptions": subscriptions}


def subscription_name(consumer: str) -> str:
    """`Runtime & Cloud` -> `runtime-cloud`."""
    return re.sub(r"[^a-z0-9]+", "-", consumer.lower()).strip("-")


def _subscription(name: str, scope: str, events: Sequence[str]) -> dict[str, Any]:
    return {"Name": name, "Properties": _QUEUE, "Rules": [_rule(scope, events)]}


def _rule(scope: str, events: Sequence[str]) -> dict[str, Any]:
    """One rule a subscription: each is evaluated, and billed, for every message of the topic."""
    if len(events) == 1:
        properties = {"cs-scope": scope, "cs-event-type": events[0]}
        rule = {"FilterType": "Correlation", "CorrelationFilter": {"Properties": properties}}
    else:
        names = ", ".join(f"'{event}'" for event in events)
        expression = f"[cs-scope] = '{scope}' AND [cs-event-type] IN ({names})"
        rule = {"FilterType": "Sql", "SqlFilter": {"SqlExpression": expression}}
    return {"Name": "subject", "Properties": rule}


def rendered() -> str:
    return json.dumps(topology(catalogue()), indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(rendered())
