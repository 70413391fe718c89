"""Policy evaluations follow the pull request with a lag, as the service's do."""

from __future__ import annotations

import uuid
from functools import partial

from infra.local.azure_devops import clock
from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.policy_scopes import applicable
from infra.local.azure_devops.policy_types import decide
from infra.local.azure_devops.pull_request_store import active_pull_requests, key_of
from infra.local.azure_devops.repositories import repository_by_id
from infra.local.emulation.state import Json


def policies_changed(emulator: Emulator, project_id: str) -> None:
    """Every active pull request of the project is evaluated again, soon."""
    for pull_request in active_pull_requests(emulator):
        if pull_request["projectId"] == project_id:
            schedule_evaluation(emulator, key_of(pull_request))


def schedule_evaluation(emulator: Emulator, key: str) -> None:
    """The latest change counts: an evaluation that waits for an earlier one gives way to this one."""
    turn = emulator.evaluation_turns[key] = emulator.evaluation_turns.get(key, 0) + 1
    emulator.jobs.schedule(emulator.latency(), partial(_evaluate, emulator, key, turn))


def queue_evaluations(emulator: Emulator, pull_request: Json) -> None:
    """What was decided no longer holds: all evaluations are queued until they are decided again."""
    key = key_of(pull_request)
    with emulator.state.transaction():
        for policy in _applicable(emulator, pull_request):
            _record(emulator, key, policy, "queued")
    schedule_evaluation(emulator, key)


async def _evaluate(emulator: Emulator, key: str, turn: int) -> None:
    if emulator.evaluation_turns.get(key) != turn:
        return
    pull_request = emulator.state.find("pull-request", key)
    if pull_request is None or pull_request["status"] != "active":
        return
    with emulator.state.transaction():
        current = _applicable(emulator, pull_request)
        for policy in current:
            _record(emulator, key, policy, decide(policy, pull_request))
        gone = {str(policy["id"]) for policy in current}
        for record in emulator.state.list("evaluation", key):
            if str(record["policyId"]) not in gone:
                emulator.state.delete("evaluation", key, str(record["policyId"]))
    # Imported here: completing asks for evaluations in its turn.
    from infra.local.azure_devops.auto_completion import schedule_auto_completion

    schedule_auto_completion(emulator, key)


def _applicable(emulator: Emulator, pull_request: Json) -> list[Json]:
    repository = repository_by_id(emulator, pull_request["repositoryId"])
    return applicable(emulator, repository, pull_request["targetRefName"])


def _record(emulator: Emulator, key: str, policy: Json, status: str) -> None:
    previous = emulator.state.get("evaluation", key, str(policy["id"])) or {
        "evaluationId": str(uuid.uuid4()),
        "startedDate": clock.now(),
        "policyId": policy["id"],
    }
    decided = status in ("approved", "rejected", "notApplicable")
    record = {**previous, "status": status, "completedDate": clock.now() if decided else None}
    emulator.state.put("evaluation", key, str(policy["id"]), record)


def unmet_policies(emulator: Emulator, pull_request: Json) -> list[Json]:
    """The blocking policies that do not let this pull request be completed now, without any lag."""
    return [
        policy
        for policy in _applicable(emulator, pull_request)
        if policy["isBlocking"] and decide(policy, pull_request) not in ("approved", "notApplicable")
    ]
