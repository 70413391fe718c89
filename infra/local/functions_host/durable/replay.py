"""For tests: what an orchestrator answers at every turn of a history that was stored.

Run it twice and compare, and compare with what the history says was begun: an orchestrator that is not
deterministic shows itself.
"""

from collections.abc import Callable, Sequence
from typing import Any

from azure.durable_functions import DurableOrchestrationContext, Orchestrator

from infra.local.functions_host.durable.decision import Answer
from infra.local.functions_host.durable.events import BEGINNINGS, COMPLETIONS, Event, Kind
from infra.local.functions_host.durable.nodes import Action
from infra.local.functions_host.durable.store import InstanceStore
from infra.local.functions_host.durable.turn import orchestration_input

_INPUTS = COMPLETIONS | {Kind.TURN_STARTED, Kind.EXECUTION_STARTED}


async def histories(connection_string: str, hub: str, instance_id: str) -> list[list[Event]]:
    """The stored history of each execution: one, and one more for each time it continued as new."""
    store = InstanceStore(connection_string, hub)
    try:
        return await store.histories(instance_id)
    finally:
        await store.close()


def prefixes(history: Sequence[Event]) -> list[list[Event]]:
    """The history as the SDK was given it at each turn: its own new events last, and not yet played."""
    found = []
    for start, each in enumerate(history):
        if each["EventType"] != Kind.TURN_STARTED:
            continue
        new = [each]
        for following in history[start + 1 :]:
            if following["EventType"] not in _INPUTS or following["EventType"] == Kind.TURN_STARTED:
                break
            new.append(following)
        past = [old | {"IsPlayed": True} for old in history[:start]]
        found.append([*past, *(event | {"IsPlayed": False} for event in new)])
    return found


def replay(
    orchestrator: Callable[..., Any], history: Sequence[Event], instance_id: str
) -> list[list[Action]]:
    """The actions that the plain generator function answers at each turn of one execution."""
    return [answer(orchestrator, prefix, instance_id).actions for prefix in prefixes(history)]


def answer(orchestrator: Callable[..., Any], prefix: Sequence[Event], instance_id: str) -> Answer:
    """All that the SDK answers to one prefix."""
    started = prefix[1]
    parent = started.get("ParentInstance") or {}
    document = orchestration_input(instance_id, started.get("Input"), parent.get("InstanceId"), prefix)
    context = DurableOrchestrationContext.from_json(document)
    try:
        return Answer.returned(Orchestrator(orchestrator).handle(context))
    except Exception as error:
        # The SDK raises what the orchestrator raised, with the state in its text.
        answer = Answer.raised(str(error))
        if answer is None:
            raise
        return answer


def begun(history: Sequence[Event]) -> list[tuple[Kind, str]]:
    """What the history says was begun, in its order: the kind, and the name where there is one."""
    return [
        (Kind(each["EventType"]), str(each.get("Name") or ""))
        for each in history
        if each["EventType"] in BEGINNINGS
    ]
