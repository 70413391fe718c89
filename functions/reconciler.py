"""A timer that asks the providers what their service hooks may not have told."""

import logging
from datetime import timedelta

import azure.functions as func

from domain.devops.source_control.reconciliation import observations_due
from domain.devops.source_control.repository import Repository
from domain.kernel.errors import Rejected, Unavailable
from domain.kernel.work import Partition
from functions.bootstrap import now, platform
from functions.messages import observed, to_message

log = logging.getLogger(__name__)
blueprint = func.Blueprint()

ACTOR = "reconciler"
MARK = "reconciled"
PAGE = 100
# Looks back further than the last round: what the provider lists may lag behind what it acknowledged.
OVERLAP = timedelta(minutes=2)
FIRST_LOOK_BACK = timedelta(days=1)


@blueprint.function_name("reconciler")
@blueprint.timer_trigger(schedule="%ReconcilerSchedule%", arg_name="timer")
async def reconciler(timer: func.TimerRequest) -> None:
    async for partition in platform().store.partitions():
        try:
            await _reconcile(partition)
        except Unavailable as error:
            log.warning("%s/%s: %s", partition.tenant_id, partition.project_id, error)


async def _reconcile(partition: Partition) -> None:
    """One project: the mark moves on only when every observation is on its way."""
    store, started = platform().store, now()
    marked = await store.mark(partition, MARK)
    since = started - FIRST_LOOK_BACK if marked is None else marked - OVERLAP
    after: str | None = None
    while True:
        page = await store.page(partition, Repository, PAGE, after)
        for loaded in page.items:
            try:
                due = await observations_due(loaded.aggregate, since, platform().git)
            except Rejected as refused:
                # One that is gone or closed to us must not keep the others from being looked at.
                log.warning("%s: %s", loaded.aggregate.name, refused)
                continue
            await platform().broker.publish(
                [to_message(observed(partition, observation, started, started), ACTOR) for observation in due]
            )
        if page.next is None:
            break
        after = page.next
    await store.set_mark(partition, MARK, started)
