"""What the Functions platform finds: for every command one queue function and one HTTP function."""

import json
from collections import Counter
from types import ModuleType
from typing import Any

import pytest

from domain.catalogue import catalogue
from domain.kernel.context import OBSERVATIONS, REACTIONS, kebab, snake
from domain.reactions import reactions

NAMES = sorted(handler.name for handler in catalogue().commands)


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


def test_there_is_no_function_beside_the_commands_but_the_known_ones(
    triggers: dict[str, dict[str, Any]],
) -> None:
    commands = {snake(name) for name in NAMES} | {f"{snake(name)}_http" for name in NAMES}
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


def test_only_the_hook_and_the_health_are_anonymous(triggers: dict[str, dict[str, Any]]) -> None:
    anonymous = {
        name
        for name, trigger in triggers.items()
        if "route" in trigger and "ANONYMOUS" in str(trigger["authLevel"]).upper()
    }
    assert anonymous == {"azure_devops_hook", "health"}


def test_schedules_and_connections_are_settings(triggers: dict[str, dict[str, Any]]) -> None:
    for name, trigger in triggers.items():
        if "schedule" in trigger:
            assert trigger["schedule"].startswith("%") and trigger["schedule"].endswith("%"), name
        if trigger["type"] == "serviceBusTrigger":
            assert trigger["connection"] == "ServiceBus", name
