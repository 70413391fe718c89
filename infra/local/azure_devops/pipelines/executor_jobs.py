"""One job: waiting for an agent, a clean directory, its steps, and an end that leaves nothing running."""

from __future__ import annotations

import asyncio
import logging

from infra.local.azure_devops import clock, events
from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.pipelines.agent_process import end_left_over
from infra.local.azure_devops.pipelines.agent_variables import Variables
from infra.local.azure_devops.pipelines.agent_workspace import Workspace
from infra.local.azure_devops.pipelines.cancellation import Cancellation
from infra.local.azure_devops.pipelines.conditions import evaluate_variable
from infra.local.azure_devops.pipelines.executor_scopes import job_scope
from infra.local.azure_devops.pipelines.executor_steps import run_steps
from infra.local.azure_devops.pipelines.logs import TaskLog
from infra.local.azure_devops.pipelines.model import Job, Pipeline, Stage
from infra.local.azure_devops.pipelines.plan import with_implicit_steps
from infra.local.azure_devops.pipelines.run_store import read_run
from infra.local.azure_devops.pipelines.run_variables import agent_variables, run_variables
from infra.local.azure_devops.pipelines.step_context import JobContext
from infra.local.azure_devops.pipelines.timeline import (
    CANCELED,
    COMPLETED,
    FAILED,
    SUCCEEDED,
    WITH_ISSUES,
    Timeline,
)
from infra.local.emulation.state import Json

_log = logging.getLogger(__name__)
_TOO_LONG = "The job running on agent {agent} ran longer than the maximum time of {minutes:g} minutes."


async def run_job(
    emulator: Emulator, timeline: Timeline, plan: Pipeline, stage: Stage, job: Job, cancellation: Cancellation
) -> str:
    """Its result, which is also in the records of the job and its phase."""
    phase = timeline.find("Phase", f"{stage.name}.{job.name}")
    assert phase is not None
    record = timeline.add(
        "Job",
        f"{stage.name}.{job.name}.__default",
        job.display_name,
        parent=phase["id"],
        order=1,
        attempt=phase["attempt"],
        ref="__default",
        environment=job.environment,
    )
    events.job_changed(emulator, timeline.run, record)
    timeline.begin(phase)
    own = Cancellation(cancellation)
    try:
        # A job that is to run although the run was cancelled is not cancelled again.
        waits = Cancellation() if cancellation.told else own
        if await waits.unless_told(emulator.agents.acquire()):
            try:
                result = await _on_agent(emulator, timeline, plan, stage, job, record, waits)
            finally:
                emulator.agents.release()
        else:
            result = CANCELED
    finally:
        own.leave()
    if result == FAILED and job.continue_on_error:
        result = WITH_ISSUES
    with emulator.state.transaction():
        timeline.complete(record, result)
        timeline.complete(phase, result)
        events.job_changed(emulator, timeline.run, record)
    return result


async def _on_agent(
    emulator: Emulator,
    timeline: Timeline,
    plan: Pipeline,
    stage: Stage,
    job: Job,
    record: Json,
    cancellation: Cancellation,
) -> str:
    run = read_run(emulator, timeline.run)
    record["workerName"] = "local"
    with emulator.state.transaction():
        timeline.begin(record)
        events.job_changed(emulator, run, record)
    workspace = Workspace(emulator.options.data.resolve() / "work" / record["id"])
    context = JobContext(
        emulator,
        run,
        plan,
        stage,
        with_implicit_steps(job),
        record,
        timeline,
        workspace,
        Variables(emulator.options.agent_environment),
        cancellation,
    )
    minutes = job.timeout_minutes
    limit = asyncio.get_running_loop().call_later(minutes * 60 or 1e7, cancellation.cancel, "job-timeout")
    try:
        await _initialize(context)
        await run_steps(context)
    except Exception as error:
        _log.exception("a job failed in the agent")
        timeline.issue(record, "error", f"The agent failed: {error}")
        context.status = FAILED
    finally:
        limit.cancel()
        await asyncio.to_thread(end_left_over, context.lookup)
        await asyncio.to_thread(workspace.remove)
    if cancellation.told:
        if cancellation.reason == "job-timeout":
            timeline.issue(record, "error", _TOO_LONG.format(agent="local", minutes=minutes))
        return CANCELED
    return context.status if context.status != SUCCEEDED else SUCCEEDED


async def _initialize(context: JobContext) -> None:
    """The record that comes before all steps: directories and variables."""
    job, timeline, run = context.job, context.timeline, context.run
    identifier = f"{context.record['identifier']}.{context.record['attempt']}.0"
    record = timeline.add("Task", identifier, "Initialize job", parent=context.record["id"], order=1)
    log = TaskLog(context.emulator, run, context.variables.mask)
    record["logId"] = log.id
    timeline.begin(record)
    try:
        log.write(f"##[section]Starting: {record['name']}")
        await asyncio.to_thread(context.workspace.create)
        _set_variables(context)
        log.write(f"Agent name: 'local', job: {job.name}, attempt {context.record['attempt']}, {clock.now()}")
        log.write(f"##[section]Finishing: {record['name']}")
    finally:
        log.close()
    timeline.complete(record, SUCCEEDED)


def _set_variables(context: JobContext) -> None:
    """The run's, the stage's, the job's and the agent's; an expression sees what was set before it."""
    variables, job = context.variables, context.job
    for name, (value, secret) in run_variables(context.emulator, context.run, context.plan).items():
        variables.set(name, value, secret=secret)
    variables.update(context.workspace.variables())
    variables.update(agent_variables(context))
    fixed = {name.lower() for name, given in context.run["variables"].items() if given}
    for name, value in (*context.stage.variables.items(), *job.variables.items()):
        if name.lower() not in fixed:
            scope = job_scope(
                context.timeline, context.plan, context.stage, job.depends_on, variables.plain(), False
            )
            variables.set(name, evaluate_variable(value, scope))


def is_done(timeline: Timeline, stage: Stage, job: Job) -> bool:
    record = timeline.find("Phase", f"{stage.name}.{job.name}")
    return record is not None and record["state"] == COMPLETED
