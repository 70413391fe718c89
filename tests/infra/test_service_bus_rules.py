"""Filters and actions of subscriptions: SQL's three-valued logic, correlation, errors with positions."""

from typing import Any

import pytest

from infra.local.service_bus.amqp_types import Described, Int, Symbol, ULong
from infra.local.service_bus.config import ConfigError, RuleConfig
from infra.local.service_bus.content import CORRELATION_ID, SUBJECT, Content
from infra.local.service_bus.encode import encode
from infra.local.service_bus.rules import Rules, correlation
from infra.local.service_bus.sql import parse_action, parse_filter
from infra.local.service_bus.sql_tokens import SqlError


def message(label: str | None = "Created", content_type: str = "text/plain", **application: Any) -> Content:
    properties = ["id-1", None, "there", label, None, "corr-1", Symbol(content_type)]
    sections = (Described(ULong(0x73), properties), Described(ULong(0x74), application))
    return Content.parse(b"".join(encode(section) for section in sections))


MATCHES = [
    "1 = 1",
    "sys.Label = 'Created'",
    "SYS.label = 'Created'",
    "sys.MessageId = 'id-1' AND sys.CorrelationId = 'corr-1'",
    "sys.ContentType = 'text/plain'",
    "sys.Label IN ('Deleted', 'Created')",
    "sys.Label NOT IN ('Deleted')",
    "user.kind = 'pod' and Kind2 = 2",
    "kind LIKE 'p%' AND kind LIKE 'p_d' AND kind NOT LIKE 'q%'",
    "rate LIKE '100!%' ESCAPE '!'",
    "kind IS NOT NULL AND missing IS NULL",
    "EXISTS(kind) AND NOT EXISTS(missing)",
    "kind = 'x' OR (kind = 'pod' AND NOT (Kind2 > 2))",
    "Kind2 + 1 = 3 AND Kind2 * 4 - 2 = 6 AND 7 / Kind2 = 3 AND 7 % Kind2 = 1",
    "Kind2 >= 2 AND Kind2 <= 2.0 AND Kind2 <> 3 AND Kind2 != 3 AND -Kind2 < 0",
    "ready = TRUE AND ready",
    "[odd name] = 'it''s'",
    "kind < 'poe'",
    # AND and OR decide when one side does, whatever the other is.
    "missing = 1 OR kind = 'pod'",
    "NOT (missing = 1 AND kind = 'job')",
]
NO_MATCHES = [
    "1 = 2",
    "sys.Label = 'created'",
    "kind = 'job'",
    # Unknown is no match, and its negation is not one either.
    "missing = 1",
    "NOT (missing = 1)",
    "missing <> 1",
    "missing IN (1, 2)",
    "missing NOT IN (1, 2)",
    "kind NOT IN ('job', missing)",
    "missing LIKE '%'",
    "NOT (missing LIKE '%')",
    # Values of different types cannot be compared.
    "Kind2 = '2'",
    "ready = 1",
    "kind > 1",
    "Kind2 / 0 = 1",
    "kind",
]


def sample() -> Content:
    return message(kind="pod", Kind2=Int(2), ready=True, rate="100%", **{"odd name": "it's"})


@pytest.mark.parametrize("expression", MATCHES)
def test_a_filter_lets_a_message_through(expression: str) -> None:
    assert parse_filter(expression)(sample())


@pytest.mark.parametrize("expression", NO_MATCHES)
def test_a_filter_holds_a_message_back(expression: str) -> None:
    assert not parse_filter(expression)(sample())


@pytest.mark.parametrize(
    ("expression", "position", "problem"),
    [
        ("", 1, "found the end"),
        ("sys.Label =", 12, "found the end"),
        ("sys.Label = 'open", 13, "unexpected"),
        ("kind = 'a' AND", 15, "found the end"),
        ("kind IN 'a'", 9, "expected ("),
        ("kind IN ()", 10, "expected a name"),
        ("(kind = 'a'", 12, "expected )"),
        ("kind = 'a' kind", 12, "expected the end"),
        ("kind NOT = 'a'", 10, "expected IN or LIKE"),
        ("sys.Colour = 'a'", 5, "unknown system property 'Colour'"),
        ("kind = ?", 8, "unexpected '?'"),
    ],
)
def test_bad_sql_is_refused_with_the_position_of_the_mistake(
    expression: str, position: int, problem: str
) -> None:
    with pytest.raises(SqlError) as caught:
        parse_filter(expression)
    assert problem in str(caught.value)
    assert f"at position {position} " in str(caught.value)


def test_an_action_sets_and_removes_properties() -> None:
    changed = parse_action("SET sys.Label = 'Seen'; SET total = Kind2 + 40; REMOVE kind")(sample())
    assert changed.properties[SUBJECT] == "Seen"
    assert changed.application["total"] == 42
    assert "kind" not in changed.application
    assert sample().application["kind"] == "pod"


def test_an_action_with_a_mistake_names_its_position() -> None:
    with pytest.raises(SqlError, match="position 9"):
        parse_action("SET a = ;")


def test_a_correlation_filter_needs_all_its_conditions() -> None:
    conditions = {"Label": "Created", "CorrelationId": "corr-1", "Properties": {"kind": "pod", "ready": True}}
    assert correlation(conditions)(sample())
    assert not correlation({**conditions, "Label": "Deleted"})(sample())
    assert not correlation({"Properties": {"ready": 1}})(sample())
    assert not correlation({"Properties": {"missing": "x"}})(sample())


@pytest.mark.parametrize("conditions", [{}, {"Colour": "red"}])
def test_a_correlation_filter_without_a_known_condition_is_refused(conditions: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        correlation(conditions)


def test_rules_without_actions_yield_one_copy_and_each_action_one_more() -> None:
    rules = Rules(
        "t/Subscriptions/s",
        (
            RuleConfig("all", sql="1=1"),
            RuleConfig("pods", correlation={"Properties": {"kind": "pod"}}),
            RuleConfig("marked", sql="kind = 'pod'", action="SET mark = 'yes'"),
            RuleConfig("jobs", sql="kind = 'job'", action="SET mark = 'no'"),
        ),
    )
    copies = list(rules.copies(sample()))
    assert [copy.application.get("mark") for copy in copies] == [None, "yes"]
    assert copies[1].application["RuleName"] == "marked"
    assert copies[1].properties[CORRELATION_ID] == "corr-1"


def test_a_subscription_without_rules_gets_everything() -> None:
    assert len(list(Rules("s", ()).copies(message(label=None)))) == 1


def test_a_rule_with_bad_sql_names_its_subscription_and_itself() -> None:
    with pytest.raises(ConfigError, match=r"t/Subscriptions/s, rule broken: .* at position 7"):
        Rules("t/Subscriptions/s", (RuleConfig("broken", sql="kind = "),))
