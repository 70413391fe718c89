"""A timer that asks the providers what their service hooks may not have told."""

import logging
from datetime import timedelta

import azure.functions as func

from domain.kernel.actor import service
from domain.kernel.errors import Unavailable
from domain.kernel.work import Partition
from domain.reconciliation import rounds
from functions.bootstrap import now, platform
from functions.messages import observed, to_message

log = logging.getLogger(__name__)
blueprint = func.Blueprint()

ACTOR = service("reconciler")
MARK = "reconciled"
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
        except Exception:
            # Whatever is wrong in one project must not keep the others from being looked at.
            log.exception("%s/%s", partition.tenant_id, partition.project_id)


async def _reconcile(partition: Partition) -> None:
    """One project: the mark moves on only when every observation is on its way."""
    store, started = platform().store, now()
    marked = await store.mark(partition, MARK)
    since = started - FIRST_LOOK_BACK if marked is None else marked - OVERLAP
    async for due in rounds(partition, store, platform().port, since):
        await platform().broker.publish(
            [to_message(observed(partition, observation, started, started), ACTOR) for observation in due]
        )
    await store.set_mark(partition, MARK, started)
