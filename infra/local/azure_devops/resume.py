"""Takes up what a process that ended, perhaps killed, had begun."""

from __future__ import annotations

from infra.local.azure_devops import deliveries
from infra.local.azure_devops.completion import schedule_completion
from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.evaluation_schedule import schedule_evaluation
from infra.local.azure_devops.identities import LOCAL_USER
from infra.local.azure_devops.pipelines.resume_runs import resume_runs
from infra.local.azure_devops.pull_request_refresh import schedule_refresh, schedule_test_merge
from infra.local.azure_devops.pull_request_store import active_pull_requests, key_of
from infra.local.azure_devops.ref_log import record_push


async def resume(emulator: Emulator) -> None:
    """Record unrecorded pushes, and schedule again every merge, evaluation, completion, delivery and run."""
    deliveries.resume(emulator)
    for repository in emulator.state.list("repository"):
        async with emulator.git.lock(repository["id"]):
            await record_push(emulator, repository, LOCAL_USER)
    for pull_request in active_pull_requests(emulator):
        schedule_refresh(emulator, pull_request)
        schedule_test_merge(emulator, pull_request)
        schedule_evaluation(emulator, key_of(pull_request))
        if pull_request.get("completion"):
            schedule_completion(emulator, pull_request)
    await resume_runs(emulator)
