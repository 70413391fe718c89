"""The topology file: Microsoft's emulator's format, with shorter locks allowed."""

from typing import Any

import pytest

from infra.local.service_bus.broker import Broker, path_of
from infra.local.service_bus.config import ConfigError, duration_ms, parse
from infra.local.service_bus.deadlines import Deadlines
from infra.local.service_bus.journal import NoJournal
from tests.infra.sb_fixture import correlation, sql, subscription, topology


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("PT2S", 2000),
        ("PT0.5S", 500),
        ("PT1M", 60_000),
        ("PT1H30M", 5_400_000),
        ("P1D", 86_400_000),
        ("P2DT3S", 172_803_000),
    ],
)
def test_durations_are_iso_8601(text: str, milliseconds: int) -> None:
    assert duration_ms(text) == milliseconds


@pytest.mark.parametrize("text", ["", "P", "PT", "2S", "PT2", "P1M", "P1DT"])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(ConfigError):
        duration_ms(text)


def test_the_properties_of_a_queue_are_read() -> None:
    properties = {
        "LockDuration": "PT2S",
        "MaxDeliveryCount": 4,
        "DefaultMessageTimeToLive": "PT1H",
        "DeadLetteringOnMessageExpiration": True,
        "RequiresDuplicateDetection": True,
        "DuplicateDetectionHistoryTimeWindow": "PT20S",
        "RequiresSession": False,
        "ForwardTo": "",
        "ForwardDeadLetteredMessagesTo": "",
    }
    (queue,) = parse(topology({"Orders": properties})).queues
    assert (queue.name, queue.lock_ms, queue.max_delivery_count) == ("Orders", 2000, 4)
    assert (queue.ttl_ms, queue.dead_letter_on_expiration) == (3_600_000, True)
    assert (queue.duplicate_window_ms, queue.forward_to) == (20_000, None)


def test_what_a_queue_leaves_out_takes_the_defaults_of_the_service() -> None:
    (queue,) = parse(topology({"q": {}})).queues
    assert (queue.lock_ms, queue.max_delivery_count, queue.ttl_ms) == (60_000, 10, None)


def test_the_rules_of_a_subscription_are_read() -> None:
    rules = (sql("a = 1", action="SET b = 2"), correlation(Label="x"))
    (topic,) = parse(topology({}, {"t": [subscription("s", *rules)]})).topics
    first, second = topic.subscriptions[0].rules
    assert (first.sql, first.action) == ("a = 1", "SET b = 2")
    assert second.correlation == {"Label": "x"}


def _broken(change: str) -> dict[str, Any]:
    described = topology({"q": {}}, {"t": []})
    namespace = described["UserConfig"]["Namespaces"][0]
    match change:
        case "no queues":
            del namespace["Queues"]
        case "other namespace":
            namespace["Name"] = "mine"
        case "name twice":
            namespace["Topics"][0]["Name"] = "Q"
        case "session":
            namespace["Queues"][0]["Properties"]["RequiresSession"] = True
        case "filter type":
            namespace["Topics"][0]["Subscriptions"] = [subscription("s", {"FilterType": "Xml"})]
    return described


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("no queues", "'Queues'"),
        ("other namespace", "sbemulatorns"),
        ("name twice", "given twice: q"),
        ("session", "sessions are not supported"),
        ("filter type", "'Xml'"),
    ],
)
def test_a_file_that_cannot_be_served_is_refused_with_the_reason(change: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        parse(_broken(change))


def test_forwarding_to_an_entity_that_is_not_there_is_refused() -> None:
    described = parse(topology({"q": {"ForwardTo": "nowhere"}}))
    with pytest.raises(ConfigError, match="nowhere"):
        Broker(described, NoJournal(), Deadlines())


@pytest.mark.parametrize(
    "address", ["amqps://127.0.0.1:5672/T1/Subscriptions/S", "t1/subscriptions/s", "/T1/Subscriptions/s/"]
)
def test_an_address_is_the_same_however_the_sdk_writes_it(address: str) -> None:
    assert path_of(address) == "t1/subscriptions/s"
