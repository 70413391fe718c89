"""The promotion of a release into an environment, as a durable saga.

Which step comes next is the aggregate's word (domain/devops/release/environment_promotion.py); here it is
taken, waited for and, where it fails, followed by the way back. A promotion that waits costs a timer.
"""

from datetime import timedelta
from typing import Any

from functions.orchestrations import Turns, at, orchestrates, step

# A promotion may wait for weeks: its history begins anew after so many steps.
STEPS = 100

# Seconds between two looks at what has not changed: half as long again each time, and at last this.
LONGEST = 30

# What is never given up, however long something is away: an environment is not left half way, and who waits
# for weeks is not ended by an hour in which nothing could have been done anyway.
PERSISTENT = ("BeginPromotion", "FailPromotion", "RollBackPromotion", "VerifyRollback")


def promote(context: Any) -> Turns:
    """Begin -> render -> (commit -> verify) for each step of the strategy -> complete; or fail -> back."""
    order = context.get_input()
    look, idle = order.get("look", 0), order.get("idle", 0)
    name: str = order.get("step", "BeginPromotion")
    more: dict[str, Any] = order.get("more", {})
    before: object = None
    for _ in range(STEPS):
        look += 1
        payload = {"promotionId": order["id"], **more}
        answer = yield from step(context, order, name, payload, look)
        if answer["errored"] and name in PERSISTENT:
            yield context.create_timer(context.current_utc_datetime + timedelta(seconds=LONGEST))
            continue
        if answer["rejected"] or answer["errored"]:
            more = {
                "step": name,
                "reason": answer["rejected"] or answer["errored"],
                "errored": answer["rejected"] is None,
            }
            name = "FailPromotion"
            continue
        stands = answer["standing"]
        if stands["next"] is None:
            return stands
        idle = idle + 1 if stands == before else 0
        name, more, before = stands["next"], {}, stands
        if idle or stands["until"]:
            yield context.create_timer(_next_look(context, idle, stands["until"]))
    context.continue_as_new({**order, "look": look, "idle": idle, "step": name, "more": more})
    return None


def _next_look(context: Any, idle: int, until: str | None) -> Any:
    soon = context.current_utc_datetime + timedelta(seconds=min(1.5 ** max(idle - 1, 0), LONGEST))
    return soon if until is None else min(soon, at(until))


blueprint = orchestrates("EnvironmentPromotion", promote)
