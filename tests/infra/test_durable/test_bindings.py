"""What the host makes of Durable bindings and settings, without starting anything."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.local.functions_host.bindings import ActivityTrigger, OrchestrationTrigger, read_trigger
from infra.local.functions_host.durable.client_binding import inputs_of, system_key
from infra.local.functions_host.settings import (
    DurableOptions,
    SettingsError,
    load_host_options,
    storage_connection_string,
)
from infra.local.functions_host.worker import IndexedFunction

CLIENT = {"type": "durableClient", "direction": "IN", "name": "client"}


def function(*bindings: dict[str, Any]) -> IndexedFunction:
    return IndexedFunction("id", "Name", tuple({"direction": "IN", "name": "p"} | each for each in bindings))


def test_orchestrators_and_activities_have_their_functions_name_or_one_of_their_own() -> None:
    trigger = read_trigger(function({"type": "orchestrationTrigger", "orchestration": "Own"}))
    assert isinstance(trigger, OrchestrationTrigger)
    assert (trigger.name, trigger.parameter) == ("Own", "p")
    activity = read_trigger(function({"type": "activityTrigger"}))
    assert isinstance(activity, ActivityTrigger)
    assert activity.name == "Name"


def test_entities_are_refused_by_name() -> None:
    with pytest.raises(SettingsError, match="function Name: this host has no Durable entities"):
        read_trigger(function({"type": "entityTrigger"}))


def test_host_json_names_the_hub_and_its_limits(tmp_path: Path) -> None:
    assert load_host_options(tmp_path).durable == DurableOptions()
    section = {
        "hubName": "Delivery",
        "maxConcurrentActivityFunctions": 3,
        "maxConcurrentOrchestratorFunctions": 4,
        "storageProvider": {"connectionName": "ROWS"},
    }
    (tmp_path / "host.json").write_text(json.dumps({"extensions": {"durableTask": section}}))
    assert load_host_options(tmp_path).durable == DurableOptions("Delivery", 3, 4, "ROWS")
    (tmp_path / "host.json").write_text(json.dumps({"extensions": {"durableTask": {"hubName": "a-b"}}}))
    with pytest.raises(SettingsError, match="task hub 'a-b'"):
        load_host_options(tmp_path)


def test_the_hubs_storage_is_the_hosts_unless_another_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AzureWebJobsStorage", "default")
    monkeypatch.setenv("ROWS", "named")
    assert storage_connection_string("") == "default"
    assert storage_connection_string("ROWS") == "named"
    with pytest.raises(SettingsError, match="set ABSENT"):
        storage_connection_string("ABSENT")


def test_a_client_is_handed_every_address() -> None:
    key = system_key("master")
    inputs = inputs_of(function({"type": "httpTrigger"}, CLIENT), "http://127.0.0.1:7071", "Hub", key)
    client = json.loads(inputs["client"].value)
    assert client["taskHubName"] == "Hub"
    assert client["rpcBaseUrl"] == "http://127.0.0.1:7071/durabletask/"
    assert client["requiredQueryStringParameters"] == f"code={key}"
    assert client["managementUrls"]["id"] in client["managementUrls"]["statusQueryGetUri"]
    assert system_key("master") == key != system_key("other")


def test_the_client_of_another_hub_is_refused() -> None:
    with pytest.raises(SettingsError, match="no task hub Other"):
        inputs_of(function(CLIENT | {"taskHub": "Other"}), "http://127.0.0.1:1", "Hub", "key")
