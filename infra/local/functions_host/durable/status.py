"""How an instance is told to a client."""

import json
from typing import Any

from infra.local.functions_host.durable.events import Event, Kind, completes, pending
from infra.local.functions_host.durable.record import Record

_NAMES = {
    Kind.EXECUTION_STARTED: "ExecutionStarted",
    Kind.EXECUTION_COMPLETED: "ExecutionCompleted",
    Kind.EXECUTION_TERMINATED: "ExecutionTerminated",
    Kind.TASK_SCHEDULED: "TaskScheduled",
    Kind.TASK_COMPLETED: "TaskCompleted",
    Kind.TASK_FAILED: "TaskFailed",
    Kind.CHILD_CREATED: "SubOrchestrationInstanceCreated",
    Kind.CHILD_COMPLETED: "SubOrchestrationInstanceCompleted",
    Kind.CHILD_FAILED: "SubOrchestrationInstanceFailed",
    Kind.TIMER_CREATED: "TimerCreated",
    Kind.TIMER_FIRED: "TimerFired",
    Kind.EVENT_RAISED: "EventRaised",
    Kind.CONTINUED_AS_NEW: "ContinueAsNew",
    Kind.SUSPENDED: "ExecutionSuspended",
    Kind.RESUMED: "ExecutionResumed",
}


def is_yes(text: str) -> bool:
    return text.lower() in ("true", "1")


def status_document(record: Record, *, show_input: bool) -> dict[str, Any]:
    def value(text: str | None) -> Any:
        return json.loads(text) if text else None

    return {
        "name": record.name,
        "instanceId": record.instance_id,
        "runtimeStatus": record.status,
        "input": value(record.input) if show_input else None,
        "customStatus": value(record.custom_status),
        "output": value(record.output),
        "createdTime": record.created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lastUpdatedTime": record.updated.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def history_documents(history: list[Event], *, show_output: bool) -> list[dict[str, Any]]:
    """As the platform tells it: what was begun is told with its completion, in one entry."""
    begun = {each["EventId"]: each for each in history if each["EventType"] in (4, 7, 10)}
    unfinished = {each["EventId"] for each in pending(history)}
    told = []
    for each in history:
        kind = Kind(each["EventType"])
        if kind not in _NAMES or (each["EventId"] in begun and each["EventId"] not in unfinished):
            continue
        document: dict[str, Any] = {"EventType": _NAMES[kind], "Timestamp": each["Timestamp"]}
        done = completes(each)
        beginning = begun.get(done) if done is not None else None
        if beginning is not None:
            document["ScheduledTime"] = beginning["Timestamp"]
        name = each.get("Name") or (beginning or {}).get("Name")
        if name:
            document["Name" if kind == Kind.EVENT_RAISED else "FunctionName"] = name
        for field in ("Reason", "FireAt", "InstanceId", "OrchestrationStatus"):
            if each.get(field) is not None:
                document[field] = each[field]
        if show_output and each.get("Result") is not None:
            document["Result"] = json.loads(each["Result"])
        told.append(document)
    return told
