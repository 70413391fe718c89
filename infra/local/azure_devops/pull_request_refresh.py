"""Keeps active pull requests up with their branches: iterations, and the test merge behind mergeStatus."""

from __future__ import annotations

from functools import partial

from infra.local.azure_devops import clock, events
from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.evaluation_schedule import queue_evaluations
from infra.local.azure_devops.git_store import ZERO, RefUpdate
from infra.local.azure_devops.identities import LOCAL_SERVICE
from infra.local.azure_devops.merge import merge
from infra.local.azure_devops.policy_scopes import applicable
from infra.local.azure_devops.policy_types import MINIMUM_APPROVERS
from infra.local.azure_devops.pull_request_store import (
    active_pull_requests,
    key_of,
    save_pull_request,
)
from infra.local.azure_devops.repositories import repository_by_id
from infra.local.emulation.state import Json


def branches_moved(emulator: Emulator, repository: Json, names: set[str]) -> None:
    for pull_request in active_pull_requests(emulator, repository["id"]):
        if {pull_request["sourceRefName"], pull_request["targetRefName"]} & names:
            schedule_refresh(emulator, pull_request)


def schedule_refresh(emulator: Emulator, pull_request: Json) -> None:
    repository_id, key = pull_request["repositoryId"], key_of(pull_request)
    emulator.jobs.schedule(emulator.latency() / 2, partial(_refresh_later, emulator, repository_id, key))


def schedule_test_merge(emulator: Emulator, pull_request: Json) -> None:
    repository_id, key = pull_request["repositoryId"], key_of(pull_request)
    emulator.jobs.schedule(emulator.latency(), partial(_test_merge, emulator, repository_id, key))


async def _refresh_later(emulator: Emulator, repository_id: str, key: str) -> None:
    async with emulator.git.lock(repository_id):
        pull_request = emulator.state.find("pull-request", key)
        if pull_request is not None and pull_request["status"] == "active":
            await refresh(emulator, pull_request)


async def refresh(emulator: Emulator, pull_request: Json) -> None:
    """Take over the branches' tips; the caller holds the repository's lock and an active pull request."""
    refs = await emulator.git.refs(pull_request["repositoryId"], "refs/heads")
    source = refs.get(pull_request["sourceRefName"])
    target = refs.get(pull_request["targetRefName"])
    if source is None or target is None:
        return
    pushed = source != pull_request["lastMergeSourceCommit"]
    if not pushed and target == pull_request["lastMergeTargetCommit"]:
        return
    pull_request["lastMergeTargetCommit"] = target
    pull_request["mergeStatus"] = "queued"
    pull_request["lastMergeCommit"] = None
    with emulator.state.transaction():
        if pushed:
            pull_request["lastMergeSourceCommit"] = source
            _add_iteration(emulator, pull_request)
            events.pull_request_updated(emulator, pull_request, "PushNotification")
        save_pull_request(emulator, pull_request)
        if pushed:
            queue_evaluations(emulator, pull_request)
    schedule_test_merge(emulator, pull_request)


def new_iteration(pull_request: Json, reason: str) -> Json:
    moment = clock.now()
    return {
        "id": len(pull_request["iterations"]) + 1,
        "createdDate": moment,
        "updatedDate": moment,
        "source": pull_request["lastMergeSourceCommit"],
        "target": pull_request["lastMergeTargetCommit"],
        "reason": reason,
    }


def _add_iteration(emulator: Emulator, pull_request: Json) -> None:
    pull_request["iterations"].append(new_iteration(pull_request, "push"))
    repository = repository_by_id(emulator, pull_request["repositoryId"])
    for policy in applicable(emulator, repository, pull_request["targetRefName"]):
        settings = policy["settings"]
        if policy["typeId"] == MINIMUM_APPROVERS and settings.get("resetOnSourcePush"):
            for reviewer in pull_request["reviewers"]:
                reviewer["vote"] = 0


async def _test_merge(emulator: Emulator, repository_id: str, key: str) -> None:
    git = emulator.git
    async with git.lock(repository_id):
        pull_request = emulator.state.find("pull-request", key)
        if pull_request is None or pull_request["status"] != "active" or pull_request.get("completion"):
            return
        if pull_request["mergeStatus"] != "queued":
            return
        target, source = pull_request["lastMergeTargetCommit"], pull_request["lastMergeSourceCommit"]
        number = pull_request["pullRequestId"]
        merged = await merge(
            git,
            repository_id,
            target,
            source,
            strategy="noFastForward",
            comment=f"Merge pull request {number} from {pull_request['sourceRefName']} into "
            f"{pull_request['targetRefName']}",
            identity=LOCAL_SERVICE,
        )
        if merged is not None:
            name = f"refs/pull/{number}/merge"
            current = await git.ref(repository_id, name) or ZERO
            await git.update_refs(repository_id, RefUpdate(name, merged, current))
        pull_request["mergeStatus"] = "succeeded" if merged else "conflicts"
        pull_request["lastMergeCommit"] = merged
        with emulator.state.transaction():
            save_pull_request(emulator, pull_request)
            events.merge_attempted(emulator, pull_request)
    # Imported here: completing tests the merge of its source in its turn.
    from infra.local.azure_devops.auto_completion import schedule_auto_completion

    schedule_auto_completion(emulator, key)
