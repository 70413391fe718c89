"""The generated topology: fresh, within the emulator's limits, and every filter about its own topic."""

import json
import re
from typing import Any

import pytest

from domain.catalogue import catalogue
from domain.kernel.context import OBSERVATIONS, REACTIONS
from domain.reactions import reactions
from infra import topology
from infra.local.service_bus.config import parse

# Of Microsoft's own emulator: queues and topics together, subscriptions a topic; and of names in Azure.
MOST_ENTITIES, MOST_SUBSCRIPTIONS, LONGEST_SUBSCRIPTION, LONGEST_QUEUE = 50, 50, 50, 260

NAMESPACE: dict[str, Any] = json.loads(topology.rendered())["UserConfig"]["Namespaces"][0]
TOPICS: list[dict[str, Any]] = NAMESPACE["Topics"]
SUBSCRIPTIONS = [
    pytest.param(topic["Name"], subscription, id=f"{topic['Name']}/{subscription['Name']}")
    for topic in TOPICS
    for subscription in topic["Subscriptions"]
]


def filtered(subscription: dict[str, Any]) -> tuple[str, set[str]]:
    """Scope and event types that a subscription's only rule lets through."""
    (rule,) = subscription["Rules"]
    properties = rule["Properties"]
    if properties["FilterType"] == "Correlation":
        wanted = properties["CorrelationFilter"]["Properties"]
        assert set(wanted) == {"cs-scope", "cs-event-type"}
        return wanted["cs-scope"], {wanted["cs-event-type"]}
    expression = properties["SqlFilter"]["SqlExpression"]
    found = re.fullmatch(r"\[cs-scope\] = '(\w+)' AND \[cs-event-type\] IN \((.*)\)", expression)
    assert found is not None, expression
    return found[1], set(re.findall(r"'(\w+)'", found[2]))


def test_the_file_is_what_the_registry_says() -> None:
    assert topology.FILE.read_text() == topology.rendered(), "run `make topology`"


def test_the_emulator_takes_it() -> None:
    parsed = parse(json.loads(topology.rendered()))
    assert len(parsed.queues) + len(parsed.topics) <= MOST_ENTITIES
    assert all(len(topic.subscriptions) <= MOST_SUBSCRIPTIONS for topic in parsed.topics)


def test_there_is_a_queue_a_command_and_one_for_all_observations() -> None:
    queues = [queue["Name"] for queue in NAMESPACE["Queues"]]
    assert len(set(queues)) == len(queues)
    commands = {handler.name: handler.queue for handler in catalogue().commands}
    assert len(set(commands.values())) == len(commands), "two commands share a queue"
    assert set(queues) == {*commands.values(), OBSERVATIONS}
    assert all(len(queue) <= LONGEST_QUEUE for queue in queues)


def test_a_bad_message_is_tried_ten_times_and_then_kept() -> None:
    for queue in NAMESPACE["Queues"]:
        assert queue["Properties"]["MaxDeliveryCount"] == 10
        assert queue["Properties"]["DeadLetteringOnMessageExpiration"] is True


def test_there_is_a_topic_a_context() -> None:
    assert [topic["Name"] for topic in TOPICS] == [
        context.topic for context in catalogue().contexts if context.events
    ]


@pytest.mark.parametrize(("topic", "subscription"), SUBSCRIPTIONS)
def test_a_filter_names_only_events_of_its_topic(topic: str, subscription: dict[str, Any]) -> None:
    (context,) = [context for context in catalogue().contexts if context.topic == topic]
    scope, events = filtered(subscription)
    assert events
    assert events <= set(context.events)
    assert scope == ("domain" if subscription["Name"] == REACTIONS else "integration")
    assert len(subscription["Name"]) <= LONGEST_SUBSCRIPTION
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", subscription["Name"])


@pytest.mark.parametrize("event", sorted(catalogue().events))
def test_an_event_reaches_every_consumer_that_it_is_promised_to_and_its_reactions(event: str) -> None:
    context, promotion = catalogue().events[event]
    (topic,) = [topic for topic in TOPICS if topic["Name"] == context.topic]
    reached = {each["Name"] for each in topic["Subscriptions"] if event in filtered(each)[1]}
    expected = {topology.subscription_name(consumer) for consumer in promotion.consumers}
    assert reached == expected | ({REACTIONS} if event in reactions.by_event else set())
