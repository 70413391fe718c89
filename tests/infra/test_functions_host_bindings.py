"""What the host makes of bindings and settings files, without starting anything."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.local.functions_host.bindings import (
    HttpTrigger,
    ServiceBusTrigger,
    TimerTrigger,
    UnsupportedTrigger,
    read_trigger,
)
from infra.local.functions_host.settings import (
    ServiceBusOptions,
    SettingsError,
    connection_string,
    is_disabled,
    load_host_options,
    load_local_settings,
    parse_time_span,
)
from infra.local.functions_host.worker import IndexedFunction


def function(*bindings: dict[str, Any]) -> IndexedFunction:
    return IndexedFunction("id", "Name", tuple({"direction": "IN", "name": "p"} | each for each in bindings))


def test_an_http_trigger_is_found_behind_its_output() -> None:
    output = {"type": "http", "direction": "OUT", "name": "$return"}
    trigger = read_trigger(
        function(output, {"type": "httpTrigger", "authLevel": "ADMIN", "methods": ["get"]})
    )
    assert isinstance(trigger, HttpTrigger)
    assert (trigger.route, trigger.methods, trigger.auth_level) == ("Name", frozenset({"GET"}), "ADMIN")


def test_every_string_of_a_binding_is_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("A", "B", "C"):
        monkeypatch.setenv(name, name.lower())
    bus = {
        "type": "serviceBusTrigger",
        "topicName": "x-%A%-%B%",
        "subscriptionName": "%B%",
        "connection": "%C%",
    }
    trigger = read_trigger(function(bus))
    assert isinstance(trigger, ServiceBusTrigger)
    assert (trigger.entity, trigger.subscription, trigger.connection) == ("x-a-b", "b", "c")
    timer = read_trigger(function({"type": "timerTrigger", "schedule": "%A% * * * * *"}))
    assert isinstance(timer, TimerTrigger)
    assert timer.schedule == "a * * * * *"


def test_a_trigger_of_another_kind_is_listed_as_unsupported() -> None:
    trigger = read_trigger(function({"type": "someTrigger"}))
    assert isinstance(trigger, UnsupportedTrigger)
    assert trigger.type == "someTrigger"


@pytest.mark.parametrize(
    ("bindings", "complaint"),
    [
        ([], "exactly one trigger"),
        ([{"type": "timerTrigger", "schedule": "%NOT_SET%"}], "'%NOT_SET%' does not resolve"),
        ([{"type": "serviceBusTrigger", "queueName": "q", "isSessionsEnabled": True}], "sessions"),
        ([{"type": "serviceBusTrigger", "topicName": "t"}], "a topic and a subscription"),
        ([{"type": "httpTrigger"}, {"type": "queue", "direction": "OUT"}], "has no queue binding"),
        ([{"type": "httpTrigger", "authLevel": "SOME"}], "unknown authorization level"),
    ],
)
def test_what_cannot_be_honoured_is_refused(bindings: list[dict[str, Any]], complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        read_trigger(function(*bindings))


def test_a_connection_may_carry_the_platforms_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUS_X", "plain")
    assert connection_string("BUS_X") == "plain"
    monkeypatch.setenv("AzureWebJobsBUS_X", "prefixed")
    assert connection_string("BUS_X") == "prefixed"
    monkeypatch.setenv("AzureWebJobsServiceBus", "default")
    assert connection_string("") == "default"
    with pytest.raises(SettingsError, match="'ABSENT' is missing"):
        connection_string("ABSENT")
    monkeypatch.setenv("IDENTITY__fullyQualifiedNamespace", "x.servicebus.windows.net")
    with pytest.raises(SettingsError, match="uses an identity"):
        connection_string("IDENTITY")


def test_a_function_can_be_disabled_by_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_disabled("f")
    monkeypatch.setenv("AzureWebJobs.f.Disabled", "true")
    assert is_disabled("f")


def test_host_json_is_honoured_and_has_the_platforms_defaults(tmp_path: Path) -> None:
    assert load_host_options(tmp_path).service_bus == ServiceBusOptions()
    assert load_host_options(tmp_path).route_prefix == "api"
    extensions = {
        "http": {"routePrefix": ""},
        "serviceBus": {
            "prefetchCount": 5,
            "autoCompleteMessages": False,
            "maxAutoLockRenewalDuration": "01:00:00",
            "maxConcurrentCalls": 3,
        },
    }
    (tmp_path / "host.json").write_text(json.dumps({"version": "2.0", "extensions": extensions}))
    options = load_host_options(tmp_path)
    assert options.route_prefix == ""
    assert options.service_bus == ServiceBusOptions(5, False, timedelta(hours=1), 3)


def test_a_host_json_that_is_no_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text("{")
    with pytest.raises(SettingsError, match="is not valid JSON"):
        load_host_options(tmp_path)


def test_local_settings_must_be_plain_text(tmp_path: Path) -> None:
    path = tmp_path / "local.settings.json"
    with pytest.raises(SettingsError, match="does not exist"):
        load_local_settings(path, required=True)
    path.write_text('{"IsEncrypted": true}')
    with pytest.raises(SettingsError, match="encrypted"):
        load_local_settings(path, required=True)
    path.write_text('{"Values": {"X": {"nested": 1}}}')
    with pytest.raises(SettingsError, match="the value of X must be a string"):
        load_local_settings(path, required=True)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("00:05:00", timedelta(minutes=5)),
        ("1.00:00:01.5", timedelta(days=1, seconds=1.5)),
        ("-00:00:30", timedelta(seconds=-30)),
        ("10:30", timedelta(hours=10, minutes=30)),
    ],
)
def test_a_time_span_is_read_as_dotnet_reads_it(text: str, span: timedelta) -> None:
    assert parse_time_span(text) == span
