"""The second safety net: a timer that publishes what a crash or an absent broker left behind."""

import logging
from datetime import timedelta

import azure.functions as func

from domain.kernel.errors import Unavailable
from functions.bootstrap import now, platform

log = logging.getLogger(__name__)
blueprint = func.Blueprint()

# Whoever committed publishes within this time, or has crashed.
GRACE = timedelta(seconds=10)


@blueprint.function_name("outbox")
@blueprint.timer_trigger(schedule="%OutboxSchedule%", arg_name="timer")
async def outbox(timer: func.TimerRequest) -> None:
    try:
        count = await platform().dispatcher.publish_left_behind(now() - GRACE)
    except Unavailable as error:
        log.warning("%s; the next round tries again", error)
        return
    if count:
        log.info("published what %d commands had left behind", count)
