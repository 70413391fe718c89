"""One turn of an orchestrator: replay it with one more event, and decide what comes of it."""

import asyncio
import json
import logging
from collections.abc import Sequence
from dataclasses import replace

from infra.local.functions_host.durable.decision import Answer, Decision, decide, failed
from infra.local.functions_host.durable.events import Event, Kind, event, from_text, now
from infra.local.functions_host.durable.hub import Hub
from infra.local.functions_host.durable.record import Record
from infra.local.functions_host.durable.rows import TooLarge, limited
from infra.local.functions_host.protos import TypedData
from infra.local.functions_host.worker import FunctionFailed, Invocation

log = logging.getLogger("functions_host.durable")

_CUSTOM_STATUS_BYTES = 16 * 1024


def begin(record: Record, history: Sequence[Event], completion: Event | None) -> list[Event]:
    """The events that the turn starts with. Without a completion it is the first of its execution."""
    moments = [now()]
    if history:
        moments.append(from_text(history[-1]["Timestamp"]))
    if completion is not None and completion["EventType"] == Kind.TIMER_FIRED:
        # The orchestrator's clock must not stand before the moment for which it was woken.
        moments.append(from_text(completion["FireAt"]))
    at = max(moments)
    started = event(Kind.TURN_STARTED, at)
    return [started, completion if completion is not None else _execution_started(record, started)]


def _execution_started(record: Record, started: Event) -> Event:
    parent = record.parent
    return event(
        Kind.EXECUTION_STARTED,
        from_text(started["Timestamp"]),
        Name=record.name,
        Version=record.version,
        Input=record.input,
        OrchestrationInstance={"InstanceId": record.instance_id, "ExecutionId": record.execution_id},
        ParentInstance={"InstanceId": parent.instance_id, "Name": parent.name} if parent else None,
    )


def orchestration_input(
    instance_id: str, given: str | None, parent_id: str | None, history: Sequence[Event]
) -> str:
    """The document that the SDK is handed. `history` ends with the turn's own events."""
    document = {
        "history": history,
        "input": given,
        "instanceId": instance_id,
        "isReplaying": len(history) > 2,
        "parentInstanceId": parent_id,
        "upperSchemaVersion": 1,
        "upperSchemaVersionNew": 2,
    }
    return json.dumps(document)


async def run(hub: Hub, record: Record, history: Sequence[Event]) -> tuple[Decision, str | None]:
    """The decision and the custom status, if it says one. Raises InvocationCancelled."""
    trigger = hub.orchestrators.get(record.name.lower())
    if trigger is None:
        return failed(record.name, "there is no orchestrator function of this name any more"), None
    parent_id = record.parent.instance_id if record.parent else None
    document = orchestration_input(record.instance_id, record.input, parent_id, history)
    call = Invocation({trigger.parameter: TypedData(string=document)})
    async with hub.orchestrator_slots:
        try:
            outcome = await hub.invoker.run(
                trigger.function, call, f"turn of {record.instance_id}", quiet=True
            )
        except FunctionFailed as failure:
            answer = Answer.raised(str(failure))
            if answer is None:
                log.error("'%s' failed: %s\n%s", record.name, failure, failure.stack_trace)
                return failed(record.name, str(failure)), None
            if answer.error is not None:
                log.info("'%s' of %s raised: %s", record.name, record.instance_id, answer.error)
        else:
            assert outcome.return_value is not None
            answer = Answer.returned(str(outcome.return_value.value))
    hub.counts.turns += 1
    return _decide(record, answer, history)


def _decide(record: Record, answer: Answer, history: Sequence[Event]) -> tuple[Decision, str | None]:
    status = json.dumps(answer.custom_status) if answer.custom_status is not None else None
    if status is not None and len(status.encode("utf-16-le")) > _CUSTOM_STATUS_BYTES:
        return failed(record.name, "the custom status is larger than 16 KB"), None
    decision = decide(record.name, answer, history, record.execution_id)
    try:
        return replace(decision, output=limited(decision.output) if decision.output else None), status
    except TooLarge as error:
        return failed(record.name, str(error)), status


async def settle(tasks: set[asyncio.Task[None]], seconds: float) -> None:
    """Let these end by themselves for a while, then cancel them."""
    if tasks:
        await asyncio.wait(tasks, timeout=seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
