"""Completing a pull request: accepted at once, done later, never with policies unmet or a moved source."""

from __future__ import annotations

from functools import partial

from infra.local.azure_devops import clock, events
from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.errors import (
    ApiError,
    invalid_argument,
    policies_unmet,
    stale_pull_request,
)
from infra.local.azure_devops.evaluation_schedule import unmet_policies
from infra.local.azure_devops.git_store import ZERO, RefUpdate
from infra.local.azure_devops.identities import LOCAL_SERVICE, LOCAL_USER, Identity
from infra.local.azure_devops.merge import STRATEGIES, merge
from infra.local.azure_devops.policy_scopes import applicable, protects
from infra.local.azure_devops.policy_types import MERGE_STRATEGY, POLICY_TYPES, allows_strategy
from infra.local.azure_devops.pull_request_refresh import schedule_test_merge
from infra.local.azure_devops.pull_request_store import key_of, save_pull_request
from infra.local.azure_devops.ref_log import record_push
from infra.local.azure_devops.repositories import repository_by_id
from infra.local.emulation.state import Json


def checked_options(given: object) -> Json:
    options = dict(given) if isinstance(given, dict) else {}
    strategy = options.get("mergeStrategy") or ("squash" if options.get("squashMerge") else "noFastForward")
    if strategy not in STRATEGIES:
        raise invalid_argument(f"'{strategy}' is not a merge strategy.")
    if options.get("bypassPolicy"):
        raise ApiError(
            403,
            "GitPullRequestUpdateRejectedByPolicyException",
            "TF402461: You do not have the permission to bypass policies when completing pull requests.",
        )
    return {**options, "mergeStrategy": strategy}


def request_completion(emulator: Emulator, pull_request: Json, guard: str | None, identity: Identity) -> None:
    """Check and queue; the caller holds the lock, has refreshed the pull request, and saves it."""
    if guard not in (None, ZERO) and guard != pull_request["lastMergeSourceCommit"]:
        raise stale_pull_request()
    if pull_request["isDraft"]:
        raise invalid_argument("TF401397: A draft pull request cannot be completed.")
    pull_request["completionOptions"] = checked_options(pull_request.get("completionOptions"))
    unmet = _unmet_names(emulator, pull_request)
    if unmet:
        raise policies_unmet(unmet)
    pull_request["completion"] = {
        "queuedAt": clock.now(),
        "source": pull_request["lastMergeSourceCommit"],
        "by": identity.email,
    }
    pull_request["mergeStatus"] = "queued"


def _unmet_names(emulator: Emulator, pull_request: Json) -> list[str]:
    names = [POLICY_TYPES[policy["typeId"]] for policy in unmet_policies(emulator, pull_request)]
    repository = repository_by_id(emulator, pull_request["repositoryId"])
    strategy = pull_request["completionOptions"]["mergeStrategy"]
    for policy in applicable(emulator, repository, pull_request["targetRefName"]):
        if (
            policy["typeId"] == MERGE_STRATEGY
            and policy["isBlocking"]
            and not allows_strategy(policy, strategy)
        ):
            names.append(POLICY_TYPES[MERGE_STRATEGY])
    return names


def schedule_completion(emulator: Emulator, pull_request: Json) -> None:
    repository_id, key = pull_request["repositoryId"], key_of(pull_request)
    emulator.jobs.schedule(emulator.latency(), partial(_complete, emulator, repository_id, key))


async def _complete(emulator: Emulator, repository_id: str, key: str) -> None:
    async with emulator.git.lock(repository_id):
        pull_request = emulator.state.find("pull-request", key)
        if pull_request is None or pull_request["status"] != "active" or not pull_request.get("completion"):
            return
        planned = pull_request["completion"].get("mergeCommit")
        if planned and await _landed(emulator, pull_request, planned):
            await _finish(emulator, pull_request, planned)
            return
        refs = await emulator.git.refs(repository_id, "refs/heads")
        source = refs.get(pull_request["sourceRefName"])
        target = refs.get(pull_request["targetRefName"])
        if source is None or target is None or source != pull_request["completion"]["source"]:
            # The branch moved after the request: nothing is merged, the new tip is tested instead.
            _give_up(emulator, pull_request, "queued")
            schedule_test_merge(emulator, pull_request)
            return
        if _unmet_names(emulator, pull_request):
            _give_up(emulator, pull_request, "rejectedByPolicy")
            return
        merged = await merge(
            emulator.git,
            repository_id,
            target,
            source,
            strategy=pull_request["completionOptions"]["mergeStrategy"],
            comment=_comment(pull_request),
            identity=_completer(pull_request),
        )
        if merged is None:
            _give_up(emulator, pull_request, "conflicts")
            return
        pull_request["lastMergeTargetCommit"] = target
        # Saved before the branch moves, so that a process that dies in between finds its own merge.
        pull_request["completion"]["mergeCommit"] = merged
        save_pull_request(emulator, pull_request)
        if merged != target:
            await emulator.git.update_refs(
                repository_id, RefUpdate(pull_request["targetRefName"], merged, target)
            )
        await _finish(emulator, pull_request, merged)


async def _landed(emulator: Emulator, pull_request: Json, commit: str) -> bool:
    tip = await emulator.git.ref(pull_request["repositoryId"], pull_request["targetRefName"])
    return tip is not None and await emulator.git.is_ancestor(pull_request["repositoryId"], commit, tip)


def _give_up(emulator: Emulator, pull_request: Json, merge_status: str) -> None:
    pull_request["completion"] = None
    pull_request["mergeStatus"] = merge_status
    with emulator.state.transaction():
        save_pull_request(emulator, pull_request)
        if merge_status != "queued":
            events.merge_attempted(emulator, pull_request)


async def _finish(emulator: Emulator, pull_request: Json, merged: str) -> None:
    completer = _completer(pull_request)
    repository = repository_by_id(emulator, pull_request["repositoryId"])
    source_name = pull_request["sourceRefName"]
    if pull_request["completionOptions"].get("deleteSourceBranch") and not protects(
        emulator, repository, source_name
    ):
        tip = await emulator.git.ref(repository["id"], source_name)
        if tip is not None and tip == pull_request["completion"]["source"]:
            await emulator.git.update_refs(repository["id"], RefUpdate(source_name, ZERO, tip))
    pull_request.update(
        status="completed",
        mergeStatus="succeeded",
        lastMergeCommit=merged,
        closedDate=clock.now(),
        closedBy=completer.render(),
        completion=None,
    )

    def close() -> None:
        save_pull_request(emulator, pull_request)
        events.pull_request_updated(emulator, pull_request, "StatusUpdateNotification")
        events.merge_attempted(emulator, pull_request)

    await record_push(emulator, repository, completer, close)


def _completer(pull_request: Json) -> Identity:
    known = {who.email: who for who in (LOCAL_USER, LOCAL_SERVICE)}
    return known[pull_request["completion"]["by"]]


def _comment(pull_request: Json) -> str:
    given = pull_request["completionOptions"].get("mergeCommitMessage")
    number, title = pull_request["pullRequestId"], pull_request["title"]
    return str(given) if given else f"Merged PR {number}: {title}"
