"""What the Functions platform finds: for every command a queue function and an HTTP function, for every
setting an HTTP function, and nobody let in unknown."""

import json
from collections import Counter
from types import ModuleType
from typing import Any

import pytest

from domain.catalogue import catalogue
from domain.kernel.context import OBSERVATIONS, REACTIONS, kebab, snake
from domain.reactions import reactions
from functions.orchestrations import ORCHESTRATORS
from tests.functions.conftest import MemoryPlatform
from tests.functions.requests import request

NAMES = sorted(handler.name for handler in catalogue().commands)
SETTINGS = sorted(handler.name for handler in catalogue().settings)
STEPS = sorted(handler.name for handler in catalogue().steps)
# Values for whatever a route may name; those that it does not name are not looked at.
ROUTE = {"collection": "repositories", "id": "repo-1", "environment": "dev"}
OPEN = {"azure_devops_hook", "container_registry_hook", "health"}


@pytest.fixture
def triggers(function_app: ModuleType) -> dict[str, dict[str, Any]]:
    """Every function's trigger by the function's name, as the platform reads it."""
    found = {}
    functions = function_app.app.get_functions()
    for function in functions:
        (trigger,) = [
            binding
            for binding in json.loads(str(function))["bindings"]
            if str(binding["type"]).lower().endswith("trigger")
        ]
        found[function.get_function_name()] = trigger
    assert len(found) == len(functions), "two functions have one name"
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_command_has_one_queue_function_and_one_http_function_named_after_it(
    triggers: dict[str, dict[str, Any]], name: str
) -> None:
    handler = catalogue().handlers[name]
    on_queue = [n for n, trigger in triggers.items() if trigger.get("queueName") == handler.queue]
    assert on_queue == [snake(name)]
    assert triggers[snake(name)]["type"] == "serviceBusTrigger"
    route = f"tenants/{{tenantId}}/projects/{{projectId}}/{kebab(name)}"
    over_http = [n for n, trigger in triggers.items() if trigger.get("route") == route]
    assert over_http == [f"{snake(name)}_http"]
    assert [str(method) for method in triggers[f"{snake(name)}_http"]["methods"]] == ["POST"]


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_has_one_http_function_and_no_queue(triggers: dict[str, dict[str, Any]], name: str) -> None:
    assert catalogue().handlers[name].queue is None
    route = f"tenants/{{tenantId}}/projects/{{projectId}}/{kebab(name)}"
    found = [n for n, trigger in triggers.items() if trigger.get("route") == route]
    assert found == [f"{snake(name)}_http"]
    assert snake(name) not in triggers


@pytest.mark.parametrize("name", STEPS)
def test_a_step_has_one_activity_and_neither_route_nor_queue(
    triggers: dict[str, dict[str, Any]], name: str
) -> None:
    assert catalogue().handlers[name].queue is None
    assert triggers[snake(name)]["type"] == "activityTrigger"
    assert {snake(name), f"{snake(name)}_http"} & triggers.keys() == {snake(name)}
    ways_in = {part for one in triggers.values() for part in (one.get("route"), one.get("queueName")) if part}
    assert not any(way.endswith((f"/{kebab(name)}", f".{kebab(name)}")) for way in ways_in)


def test_an_activity_is_a_step_and_nothing_else(triggers: dict[str, dict[str, Any]]) -> None:
    activities = {name for name, trigger in triggers.items() if trigger["type"] == "activityTrigger"}
    assert activities == {snake(name) for name in STEPS}


def test_whatever_is_orchestrated_has_an_orchestrator_called_as_its_kind(
    triggers: dict[str, dict[str, Any]],
) -> None:
    orchestrated = {kind.kind for kind in catalogue().aggregates.values() if hasattr(kind, "standing")}
    assert ORCHESTRATORS.keys() == orchestrated
    found = {name: one for name, one in triggers.items() if one["type"] == "orchestrationTrigger"}
    assert {name: one["orchestration"] for name, one in found.items()} == {
        snake(kind): snake(kind) for kind in orchestrated
    }


def test_only_what_begins_orchestrations_has_a_durable_client(function_app: ModuleType) -> None:
    clients = {
        function.get_function_name()
        for function in function_app.app.get_functions()
        for binding in json.loads(str(function))["bindings"]
        if binding["type"] == "durableClient"
    }
    assert clients == {"observations"}


def test_there_is_no_function_beside_the_commands_but_the_known_ones(
    triggers: dict[str, dict[str, Any]],
) -> None:
    commands = {snake(name) for name in NAMES} | {f"{snake(name)}_http" for name in NAMES + SETTINGS}
    reacting = [
        context.topic
        for context in catalogue().contexts
        if any(event in reactions.by_event for event in context.events)
    ]
    others = {name: trigger for name, trigger in triggers.items() if name not in commands}
    topics = [trigger for trigger in others.values() if "topicName" in trigger]
    assert sorted(trigger["topicName"] for trigger in topics) == sorted(reacting)
    assert {trigger["subscriptionName"] for trigger in topics} <= {REACTIONS}
    queues = [trigger["queueName"] for trigger in others.values() if "queueName" in trigger]
    assert queues == [OBSERVATIONS]


def test_observations_have_no_public_route(triggers: dict[str, dict[str, Any]]) -> None:
    routes = {str(trigger["route"]).rpartition("/")[2] for trigger in triggers.values() if "route" in trigger}
    observations = {kebab(name) for name, handler in catalogue().handlers.items() if handler.is_observation}
    assert observations
    assert not routes & observations


def test_no_two_functions_share_a_route_and_a_method(triggers: dict[str, dict[str, Any]]) -> None:
    routes = Counter(
        (trigger["route"], str(method))
        for trigger in triggers.values()
        if "route" in trigger
        for method in trigger["methods"]
    )
    assert max(routes.values()) == 1


async def test_whoever_is_unknown_is_told_so_on_every_route_but_the_open_ones(
    function_app: ModuleType, memory: MemoryPlatform
) -> None:
    """The host asks for no key of its own: it would turn bearer tokens away before the app sees them."""
    asked = set()
    for function in function_app.app.get_functions():
        trigger = json.loads(str(function))["bindings"][0]
        name = function.get_function_name()
        if "route" not in trigger or name in OPEN:
            continue
        assert "ANONYMOUS" in str(trigger["authLevel"]).upper()
        (method,) = trigger["methods"]
        answer = await function.get_user_function()(request(str(method), route=ROUTE, key=None))
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer"), name
        asked.add(name)
    assert asked >= {f"{snake(name)}_http" for name in NAMES + SETTINGS} | {"get_trace", "list_aggregates"}


def test_schedules_and_connections_are_settings(triggers: dict[str, dict[str, Any]]) -> None:
    for name, trigger in triggers.items():
        if "schedule" in trigger:
            assert trigger["schedule"].startswith("%") and trigger["schedule"].endswith("%"), name
        if trigger["type"] == "serviceBusTrigger":
            assert trigger["connection"] == "ServiceBus", name
