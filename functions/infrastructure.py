"""Provisions infrastructure: a step at a time, and timers while the engine is at work.

Which step comes next, and when, is the plan's word (domain/devops/infrastructure/infrastructure_plan.py).
"""

from datetime import timedelta
from typing import Any

from functions.orchestrations import Turns, at, orchestrates, step

# Then its history begins anew, so that hours of looks don't make each replay longer.
STEPS = 50

_FAIL = "FailInfrastructure"

# Between two tries to end a plan, which is never given up: its stack would wait for the lease to end.
_AGAIN = timedelta(minutes=5)


def provision(context: Any) -> Turns:
    """Begin -> drift -> preview -> drift -> apply, with looks between; or fail. Answers how the plan stands
    at the end."""
    order: dict[str, Any] = context.get_input()
    look: int = order.get("look", 0)
    name: str = order.get("step", "BeginInfrastructure")
    more: dict[str, Any] = order.get("more", {})
    for _ in range(STEPS):
        look += 1
        payload = {"infrastructurePlanId": order["id"], **more}
        answer = yield from step(context, order, name, payload, look)
        if answer["rejected"] or answer["errored"]:
            if name == _FAIL:
                yield context.create_timer(context.current_utc_datetime + _AGAIN)
            else:
                name, more = _FAIL, _why(answer)
            continue
        stands = answer["standing"]
        if stands["nextStep"] is None:
            return stands
        name = stands["nextStep"]
        due = stands["lookAgainAt"]
        if due is not None and at(due) > context.current_utc_datetime:
            yield context.create_timer(at(due))
    context.continue_as_new({**order, "look": look, "step": name, "more": more})
    return None


def _why(answer: dict[str, Any]) -> dict[str, Any]:
    return {"reason": answer["rejected"] or answer["errored"], "refused": answer["rejected"] is not None}


blueprint = orchestrates("InfrastructurePlan", provision)
