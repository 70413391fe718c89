"""Merging: asked for once, done by the service later, so it is watched until it is done or refused."""

from adapters.azure_devops.client import Api
from adapters.azure_devops.errors import Kind, Refusal
from adapters.azure_devops.marks import marked
from adapters.azure_devops.paging import Json
from adapters.azure_devops.pull_request_view import read_pull_request
from adapters.azure_devops.pull_requests import path_of
from domain.kernel.errors import Conflict, Rejected, require

STRATEGIES = ("noFastForward", "squash", "rebase", "rebaseMerge")
_LONGEST_PAUSE = 2.0


async def merge_pull_request(
    api: Api, repository_id: str, number: int, expected_source_sha: str, strategy: str, operation_id: str
) -> None:
    """Returns when it is merged, by whomever."""
    require(strategy in STRATEGIES, f"{strategy} is not a merge strategy")
    asked, pause = False, 0.1
    while True:
        raw = await api.find(path_of(repository_id, number))
        if raw is None:
            raise Rejected(f"pull request {number} does not exist")
        if raw["status"] == "completed":
            return
        _require_possible(raw, number, expected_source_sha)
        if asked or _is_under_way(raw):
            if asked and raw.get("mergeStatus") in ("rejectedByPolicy", "failure"):
                raise Rejected(_refusal_of(raw, number))
            api.trouble(f"pull request {number} is still being merged")
        else:
            asked = await _ask(api, repository_id, raw, expected_source_sha, strategy, operation_id)
        await api.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def _require_possible(raw: Json, number: int, expected_source_sha: str) -> None:
    require(raw["status"] == "active", f"pull request {number} is {raw['status']}")
    source = (raw.get("lastMergeSourceCommit") or {}).get("commitId")
    if source is not None and source != expected_source_sha:
        raise Conflict(f"the source of pull request {number} is at {source} now")
    if raw.get("mergeStatus") == "conflicts":
        source_ref, target_ref = raw["sourceRefName"], raw["targetRefName"]
        between = f"{source_ref.removeprefix('refs/heads/')} to {target_ref.removeprefix('refs/heads/')}"
        raise Rejected(f"merge conflicts: pull request {number} from {between}")


def _is_under_way(raw: Json) -> bool:
    """Somebody, perhaps an earlier try of ours, has asked for it and the service is at it."""
    return raw.get("mergeStatus") == "queued" and raw.get("completionQueueTime") is not None


def _refusal_of(raw: Json, number: int) -> str:
    message = raw.get("mergeFailureMessage")
    if raw["mergeStatus"] == "rejectedByPolicy":
        return f"policy has not passed: {message or f'pull request {number} was rejected by policy'}"
    return f"merge failed: {message or f'pull request {number}'}"


async def _ask(
    api: Api, repository_id: str, raw: Json, expected_source_sha: str, strategy: str, operation_id: str
) -> bool:
    """Whether the service took it up; if not, the pull request is to be read again."""
    number = int(raw["pullRequestId"])
    body = {
        "status": "completed",
        # The service refuses if the source has moved on from here.
        "lastMergeSourceCommit": {"commitId": expected_source_sha},
        "completionOptions": {
            "mergeStrategy": strategy,
            "deleteSourceBranch": False,
            "mergeCommitMessage": marked(f"Merged PR {number}: {raw['title']}", operation_id),
        },
    }
    try:
        await api.send("PATCH", path_of(repository_id, number), body)
    except Refusal as refusal:
        if refusal.kind is Kind.PULL_REQUEST_STALE:
            raise Conflict(f"the source of pull request {number} has moved on") from refusal
        if refusal.kind is Kind.POLICIES_UNMET:
            unmet = await _unmet(api, repository_id, number)
            raise Rejected(f"policy has not passed: {unmet or refusal.message}") from refusal
        if refusal.kind is not Kind.PULL_REQUEST_CLOSED:
            raise
        return False
    return True


async def _unmet(api: Api, repository_id: str, number: int) -> str:
    """Names of the policies that stand in the way."""
    pull_request = await read_pull_request(api, repository_id, number)
    results = pull_request.policies if pull_request is not None else ()
    passed = ("approved", "notApplicable")
    return ", ".join(one.name for one in results if one.blocking and one.status not in passed)
