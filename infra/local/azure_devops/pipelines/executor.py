"""A run from queue to end. The records on disk are the truth: a later process goes on where they stand."""

from __future__ import annotations

import asyncio
import logging

from infra.local.azure_devops import clock, events
from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.pipelines.approvals import await_approvals
from infra.local.azure_devops.pipelines.cancellation import Cancellation
from infra.local.azure_devops.pipelines.conditions import holds
from infra.local.azure_devops.pipelines.executor_jobs import run_job
from infra.local.azure_devops.pipelines.executor_scopes import DEFAULT, job_scope, stage_scope
from infra.local.azure_devops.pipelines.expressions import ExpressionInvalid
from infra.local.azure_devops.pipelines.model import Job, Pipeline, Stage
from infra.local.azure_devops.pipelines.plan import load_plan
from infra.local.azure_devops.pipelines.run_store import (
    CANCELLING,
    IN_PROGRESS,
    NOT_STARTED,
    find_run,
    read_run,
    save_run,
    scope_of,
)
from infra.local.azure_devops.pipelines.run_store import COMPLETED as RUN_COMPLETED
from infra.local.azure_devops.pipelines.run_variables import plain, run_variables
from infra.local.azure_devops.pipelines.timeline import (
    CANCELED,
    COMPLETED,
    FAILED,
    PENDING,
    SKIPPED,
    SUCCEEDED,
    WITH_ISSUES,
    Timeline,
    worst,
)
from infra.local.emulation.state import Json

_log = logging.getLogger(__name__)
_RUN_RESULTS = {
    SUCCEEDED: "succeeded",
    WITH_ISSUES: "partiallySucceeded",
    FAILED: "failed",
    CANCELED: "canceled",
    SKIPPED: "succeeded",
}


def add_records(timeline: Timeline, plan: Pipeline) -> None:
    """Stages and phases are shown from the start."""
    for number, stage in enumerate(plan.stages, 1):
        parent = timeline.add(
            "Stage", stage.name, stage.display_name, parent=None, order=number, ref=stage.name
        )
        for position, job in enumerate(stage.jobs, 1):
            timeline.add(
                "Phase",
                f"{stage.name}.{job.name}",
                job.display_name,
                parent=parent["id"],
                order=position,
                ref=job.name,
            )


def schedule_run(emulator: Emulator, run: Json) -> None:
    """Queued now; it starts when the service gets to it."""
    cancellation = emulator.runs[scope_of(run)] = Cancellation()

    async def work() -> None:
        try:
            await _Execution(emulator, run, cancellation).run_to_end()
        finally:
            emulator.runs.pop(scope_of(run), None)

    emulator.jobs.schedule(emulator.options.run_latency_ms / 1000, work)


def cancel_run(emulator: Emulator, run: Json) -> None:
    """Told here, done by the execution: what runs is stopped, then the run is completed."""
    run["status"] = CANCELLING
    with emulator.state.transaction():
        save_run(emulator, run)
        events.run_changed(emulator, run)
    cancellation = emulator.runs.get(scope_of(run))
    if cancellation is not None:
        cancellation.cancel("cancelled")


class _Execution:
    def __init__(self, emulator: Emulator, run: Json, cancellation: Cancellation) -> None:
        self._emulator, self._run, self._cancellation = emulator, run, cancellation
        self._plan = load_plan(emulator, run)
        self._timeline = Timeline(emulator, run)
        self._ended = {stage.name: asyncio.Event() for stage in self._plan.stages}

    async def run_to_end(self) -> None:
        run = find_run(self._emulator, self._run["projectId"], self._run["id"])
        if run is None or run["status"] == RUN_COMPLETED:
            return
        if run["status"] == CANCELLING:
            self._cancellation.cancel("cancelled")
        elif run["status"] == NOT_STARTED:
            run.update(status=IN_PROGRESS, startTime=clock.now())
            with self._emulator.state.transaction():
                save_run(self._emulator, run)
                events.run_changed(self._emulator, run)
        try:
            async with asyncio.TaskGroup() as group:
                for stage in self._plan.stages:
                    group.create_task(self._stage(stage))
        except* Exception:
            # A mistake of this program must not leave a run that never ends.
            _log.exception("run %s could not be executed", self._run["id"])
            self._give_up()
        self._complete()

    def _give_up(self) -> None:
        for record in self._timeline.records():
            if record["state"] != COMPLETED:
                self._timeline.issue(record, "error", "The emulator failed; see its log.")
                self._timeline.complete(record, FAILED)

    def _complete(self) -> None:
        stages = [record for record in self._timeline.records() if record["type"] == "Stage"]
        result = worst([record["result"] for record in stages])
        if self._cancellation.told:
            result = CANCELED
        run = read_run(self._emulator, self._run)
        run.update(status=RUN_COMPLETED, result=_RUN_RESULTS[result], finishTime=clock.now())
        with self._emulator.state.transaction():
            save_run(self._emulator, run)
            events.run_changed(self._emulator, run)
            events.build_completed(self._emulator, run)

    async def _stage(self, stage: Stage) -> None:
        try:
            for name in stage.depends_on:
                await self._ended[name].wait()
            record = self._timeline.find("Stage", stage.name)
            assert record is not None
            if record["state"] == COMPLETED:
                return
            result = None
            if record["state"] == PENDING:
                result = await self._stage_gate(stage, record)
            if result is None:
                result = await self._jobs(stage)
            with self._emulator.state.transaction():
                self._timeline.complete(record, result)
                events.stage_changed(self._emulator, self._run, record)
        finally:
            self._ended[stage.name].set()

    async def _stage_gate(self, stage: Stage, record: Json) -> str | None:
        """None once the stage runs; else what it comes to without having run."""
        variables = plain(run_variables(self._emulator, self._run, self._plan)) | dict(stage.variables)
        cancelled = self._cancellation.told
        try:
            scope = stage_scope(self._timeline, self._plan, stage, variables, cancelled)
            if not holds(stage.condition or DEFAULT, scope):
                result = CANCELED if cancelled else SKIPPED
                self._close_phases(stage, result)
                return result
        except ExpressionInvalid as error:
            self._timeline.issue(record, "error", str(error))
            self._close_phases(stage, SKIPPED)
            return FAILED
        decision = await await_approvals(self._emulator, self._timeline, stage, record, self._cancellation)
        if decision is not None:
            self._close_phases(stage, SKIPPED if decision == FAILED else CANCELED)
            return decision
        with self._emulator.state.transaction():
            self._timeline.begin(record)
            events.stage_changed(self._emulator, self._run, record)
        return None

    async def _jobs(self, stage: Stage) -> str:
        ended = {job.name: asyncio.Event() for job in stage.jobs}
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._job(stage, job, ended)) for job in stage.jobs]
        return worst([task.result() for task in tasks])

    async def _job(self, stage: Stage, job: Job, ended: dict[str, asyncio.Event]) -> str:
        try:
            for name in job.depends_on:
                await ended[name].wait()
            phase = self._timeline.find("Phase", f"{stage.name}.{job.name}")
            assert phase is not None
            if phase["state"] == COMPLETED:
                return str(phase["result"])
            variables = plain(run_variables(self._emulator, self._run, self._plan))
            variables |= {**stage.variables, **job.variables}
            cancelled = self._cancellation.told
            try:
                scope = job_scope(self._timeline, self._plan, stage, job.depends_on, variables, cancelled)
                wanted = holds(job.condition or DEFAULT, scope)
            except ExpressionInvalid as error:
                self._timeline.issue(phase, "error", str(error))
                self._timeline.complete(phase, FAILED)
                return FAILED
            if not wanted:
                result = CANCELED if cancelled else SKIPPED
                self._timeline.complete(phase, result)
                return result
            return await run_job(self._emulator, self._timeline, self._plan, stage, job, self._cancellation)
        finally:
            ended[job.name].set()

    def _close_phases(self, stage: Stage, result: str) -> None:
        for job in stage.jobs:
            phase = self._timeline.find("Phase", f"{stage.name}.{job.name}")
            if phase is not None and phase["state"] != COMPLETED:
                self._timeline.complete(phase, result)
