"""Auto-complete: a pull request that somebody has set to complete does so once its policies are satisfied."""

from __future__ import annotations

from functools import partial

from infra.local.azure_devops import events
from infra.local.azure_devops.completion import request_completion, schedule_completion
from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.evaluation_schedule import unmet_policies
from infra.local.azure_devops.identities import LOCAL_SERVICE, LOCAL_USER
from infra.local.azure_devops.pull_request_store import save_pull_request


def schedule_auto_completion(emulator: Emulator, key: str) -> None:
    """Whoever changed what it waits for has it look again."""
    emulator.jobs.schedule(0, partial(_complete_if_allowed, emulator, key))


async def _complete_if_allowed(emulator: Emulator, key: str) -> None:
    found = emulator.state.find("pull-request", key)
    if found is None or not found.get("autoCompleteSetBy"):
        return
    async with emulator.git.lock(found["repositoryId"]):
        pull_request = emulator.state.find("pull-request", key)
        if (
            pull_request is None
            or pull_request["status"] != "active"
            or pull_request.get("completion")
            or pull_request["mergeStatus"] != "succeeded"
            or unmet_policies(emulator, pull_request)
        ):
            return
        setter = pull_request["autoCompleteSetBy"]["id"]
        identity = next((who for who in (LOCAL_USER, LOCAL_SERVICE) if who.id == setter), LOCAL_SERVICE)
        request_completion(emulator, pull_request, None, identity)
        with emulator.state.transaction():
            save_pull_request(emulator, pull_request)
            events.pull_request_updated(emulator, pull_request, "StatusUpdateNotification")
        schedule_completion(emulator, pull_request)
