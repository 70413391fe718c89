"""The orchestrators, undecorated: the host runs them registered, tests replay them as they are."""

from collections.abc import Generator
from datetime import datetime, timedelta
from typing import Any

import azure.durable_functions as df

Steps = Generator[Any, Any, Any]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def chain(context: df.DurableOrchestrationContext) -> Steps:
    """Three activities, one after the other."""
    text = context.get_input()
    for word in ("a", "b", "c"):
        text = yield context.call_activity("append", {"text": text, "word": word})
    return text


def fan(context: df.DurableOrchestrationContext) -> Steps:
    """As many activities at once as the input says, then their sum."""
    tasks = [context.call_activity("double", number) for number in range(context.get_input())]
    results = yield context.task_all(tasks)
    return sum(results)


def approval(context: df.DurableOrchestrationContext) -> Steps:
    """An event or a timer, whichever comes first; the timer is cancelled when it is the event."""
    deadline = context.current_utc_datetime + timedelta(seconds=context.get_input())
    context.set_custom_status("waiting")
    event, timer = context.wait_for_external_event("Approved"), context.create_timer(deadline)
    winner = yield context.task_any([event, timer])
    if winner == timer:
        late = context.current_utc_datetime < deadline
        return {"approved": None, "clockBeforeDeadline": late}
    timer.cancel()
    context.set_custom_status({"step": "thanking"})
    thanks = yield context.call_activity("append", {"text": "thanks ", "word": str(event.result)})
    return {"approved": event.result, "thanks": thanks}


def retrying(context: df.DurableOrchestrationContext) -> Steps:
    """An activity that fails so often, tried three times, beside one that does not fail."""
    key, failures = context.instance_id, context.get_input()
    options = df.RetryOptions(10, 3)
    flaky = context.call_activity_with_retry("flaky", options, {"key": key, "failures": failures})
    results = yield context.task_all([flaky, context.call_activity("double", 21)])
    after = yield context.call_activity("double", results[1])
    return [*results, after]


def catching(context: df.DurableOrchestrationContext) -> Steps:
    """Goes on after a failure, and tells how it looked."""
    try:
        yield context.call_activity("flaky", {"key": context.instance_id, "failures": 1})
    except Exception as error:
        return str(error)
    return "no failure"


def failing(context: df.DurableOrchestrationContext) -> Steps:
    yield context.call_activity("double", 1)
    raise ValueError("this cannot be")


def parent(context: df.DurableOrchestrationContext) -> Steps:
    """Two children by name, one of them with an id of its own, and a failing one that is tried twice."""
    first = yield context.call_sub_orchestrator("chain", "x")
    both = [
        context.call_sub_orchestrator("chain", "y", f"{context.instance_id}-child"),
        context.call_sub_orchestrator("fan", 3),
    ]
    rest = yield context.task_all(both)
    try:
        yield context.call_sub_orchestrator_with_retry("failing", df.RetryOptions(10, 2), None)
    except Exception as error:
        return [first, *rest, str(error)]
    return "no failure"


def counting(context: df.DurableOrchestrationContext) -> Steps:
    """Continues as new with each event, three times, and has one activity each time."""
    state = context.get_input() or {"executions": 0, "events": []}
    context.set_custom_status({"executions": state["executions"]})
    yield context.call_activity("double", state["executions"])
    event = yield context.wait_for_external_event("tick")
    state = {"executions": state["executions"] + 1, "events": [*state["events"], event]}
    if state["executions"] == 3:
        return state
    context.continue_as_new(state)
    return None


def nested(context: df.DurableOrchestrationContext) -> Steps:
    """An any of an all and an event; then the same timer is not used again."""
    both = context.task_all([context.call_activity("double", 1), context.call_activity("double", 2)])
    stop = context.wait_for_external_event("stop")
    winner = yield context.task_any([both, stop])
    first = both.result if winner == both else "stopped"
    timer = context.create_timer(context.current_utc_datetime + timedelta(milliseconds=20))
    yield timer
    return [first, (yield context.call_activity("double", 3))]


def small(context: df.DurableOrchestrationContext) -> Steps:
    """Short, and yet of every kind: it is killed at each of its moments."""
    child = context.call_sub_orchestrator("leaf", 1, f"{context.instance_id}-leaf")
    timer = context.create_timer(context.current_utc_datetime + timedelta(milliseconds=10))
    first, _ = yield context.task_all([child, timer])
    return (yield context.call_activity("double", first))


def leaf(context: df.DurableOrchestrationContext) -> Steps:
    return (yield context.call_activity("double", context.get_input()))


def waiting(context: df.DurableOrchestrationContext) -> Steps:
    """One event after the other, then what they were."""
    first = yield context.wait_for_external_event("first")
    second = yield context.wait_for_external_event("second")
    return [first, second]


def breaking(context: df.DurableOrchestrationContext) -> Steps:
    """Against the rules: a timer that is pending is used again in a second `task_any`."""
    timer = context.create_timer(context.current_utc_datetime + timedelta(milliseconds=150))
    yield context.task_any([timer, context.wait_for_external_event("first")])
    yield context.task_any([timer, context.wait_for_external_event("never")])
    return "done"


def sleeping(context: df.DurableOrchestrationContext) -> Steps:
    """Waits for an activity that takes its time."""
    return (yield context.call_activity("slow", context.get_input()))


def large(context: df.DurableOrchestrationContext) -> Steps:
    """Long texts in, through and out."""
    text = yield context.call_activity("append", {"text": context.get_input(), "word": "ä"})
    return text


ALL = (
    chain,
    fan,
    approval,
    retrying,
    catching,
    failing,
    parent,
    counting,
    nested,
    small,
    leaf,
    waiting,
    breaking,
    sleeping,
    large,
)
