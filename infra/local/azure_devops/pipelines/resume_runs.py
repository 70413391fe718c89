"""Runs that were going on when the process ended: what ran on an agent is lost, the rest goes on."""

from __future__ import annotations

import asyncio
import logging
import shutil

from infra.local.azure_devops import events
from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.pipelines.agent_process import end_left_over
from infra.local.azure_devops.pipelines.executor import schedule_run
from infra.local.azure_devops.pipelines.run_store import COMPLETED as RUN_COMPLETED
from infra.local.azure_devops.pipelines.step_context import lookup_of
from infra.local.azure_devops.pipelines.timeline import CANCELED, COMPLETED, FAILED, SKIPPED, Timeline
from infra.local.emulation.state import Json

_log = logging.getLogger(__name__)
LOST = "The agent lost contact: it stopped while the job was running."


async def resume_runs(emulator: Emulator) -> None:
    """A run that only waited, for its turn or for an approval, waits on."""
    if ended := await asyncio.to_thread(end_left_over, lookup_of(emulator)):
        _log.warning("ended %s processes of jobs that an earlier emulator left", len(ended))
    await asyncio.to_thread(shutil.rmtree, emulator.options.data / "work", True)
    for run in emulator.state.list("run"):
        if run["status"] != RUN_COMPLETED:
            with emulator.state.transaction():
                _abandon(emulator, run)
            schedule_run(emulator, run)


def _abandon(emulator: Emulator, run: Json) -> None:
    timeline = Timeline(emulator, run)
    records = timeline.records()
    for job in records:
        if job["type"] != "Job" or job["state"] == COMPLETED:
            continue
        for task in records:
            if task["parentId"] == job["id"] and task["state"] != COMPLETED:
                timeline.complete(task, CANCELED if task["startTime"] else SKIPPED)
        timeline.issue(job, "error", LOST)
        timeline.complete(job, FAILED)
        phase = timeline.get(str(job["parentId"]))
        if phase is not None:
            timeline.complete(phase, FAILED)
        events.job_changed(emulator, run, job)
