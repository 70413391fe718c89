"""The steps of a job, one after the other."""

from __future__ import annotations

import asyncio
import logging

from infra.local.azure_devops.pipelines.agent_workspace import OutsideWorkspace
from infra.local.azure_devops.pipelines.cancellation import Cancellation
from infra.local.azure_devops.pipelines.conditions import holds
from infra.local.azure_devops.pipelines.executor_scopes import DEFAULT, step_scope
from infra.local.azure_devops.pipelines.expressions import ExpressionInvalid
from infra.local.azure_devops.pipelines.logs import TaskLog
from infra.local.azure_devops.pipelines.model import Step
from infra.local.azure_devops.pipelines.step_context import JobContext, StepContext, StepFailed
from infra.local.azure_devops.pipelines.tasks import runner_of
from infra.local.azure_devops.pipelines.timeline import CANCELED, FAILED, SKIPPED, SUCCEEDED, WITH_ISSUES
from infra.local.emulation.state import Json

_log = logging.getLogger(__name__)

# What runs after a cancellation, because it is to run always, has this long.
CANCEL_SECONDS = 300.0


async def run_steps(job: JobContext) -> None:
    """Every step gets its record at once, so that the timeline shows what is to come."""
    identifier = job.record["identifier"]
    records = [
        job.timeline.add(
            "Task",
            f"{identifier}.{job.record['attempt']}.{index}",
            job.variables.expand(step.display_name),
            parent=job.record["id"],
            order=index + 1,
            ref=step.name,
        )
        for index, step in enumerate(job.job.steps, 1)
    ]
    for step, record in zip(job.job.steps, records, strict=True):
        await _run_one(job, step, record)


async def _run_one(job: JobContext, step: Step, record: Json) -> None:
    cancelled = job.cancellation.told
    try:
        scope = step_scope(job.variables.plain(), job.status, cancelled)
        wanted = step.enabled and holds(step.condition or DEFAULT, scope)
    except ExpressionInvalid as error:
        job.timeline.issue(record, "error", str(error))
        job.timeline.complete(record, FAILED)
        job.status = FAILED
        return
    if not wanted:
        job.timeline.complete(record, SKIPPED)
        return
    status = CANCELED if cancelled else job.status
    job.variables.set("Agent.JobStatus", status[0].upper() + status[1:])
    cancellation = Cancellation() if cancelled else Cancellation(job.cancellation)
    limit = asyncio.get_running_loop().call_later(
        CANCEL_SECONDS if cancelled else (step.timeout_minutes or 0) * 60 or 1e7,
        cancellation.cancel,
        "timeout",
    )
    try:
        result = await _logged(job, step, record, cancellation)
    finally:
        limit.cancel()
        cancellation.leave()
    if result == FAILED and step.continue_on_error:
        result = WITH_ISSUES
    job.timeline.complete(record, result)
    if result == FAILED or (result == WITH_ISSUES and job.status == SUCCEEDED):
        job.status = result


async def _logged(job: JobContext, step: Step, record: Json, cancellation: Cancellation) -> str:
    log = TaskLog(job.emulator, job.run, job.variables.mask)
    record["logId"] = log.id
    job.timeline.begin(record)
    context = StepContext(job, step, record, log, cancellation)
    try:
        log.write(f"##[section]Starting: {record['name']}")
        result = await _guarded(context)
        log.write(f"##[section]Finishing: {record['name']}")
        return result
    finally:
        log.close()


async def _guarded(context: StepContext) -> str:
    """The task's result, or what a cancellation, a time limit or a command made of it."""
    step, cancellation = context.step, context.cancellation
    try:
        result = await runner_of(step.kind, step.target)(context)
    except (StepFailed, OutsideWorkspace) as error:
        context.error(str(error))
        result = FAILED
    except Exception as error:
        _log.exception("the step %s failed in the agent", context.record["name"])
        context.error(f"The agent failed: {error}")
        result = FAILED
    if cancellation.told:
        if cancellation.reason == "timeout":
            context.error("The task has timed out.")
            return FAILED
        context.error("The operation was canceled.")
        return CANCELED
    if context.forced is not None and result != FAILED:
        return context.forced
    return result
