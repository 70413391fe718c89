"""A pull request read whole: itself, its checks, votes, comments and what its policies say."""

import asyncio
from collections.abc import Iterable, Sequence

from adapters.azure_devops.branches import branch_of, head_of
from adapters.azure_devops.client import Api
from adapters.azure_devops.marks import operation_of, unmarked
from adapters.azure_devops.moments import moment
from adapters.azure_devops.paging import Json, everything, together
from adapters.azure_devops.policies import STATUS, check_name, context_name, policies_on
from adapters.azure_devops.pull_requests import path_of
from domain.provided import (
    ProvidedCheck,
    ProvidedComment,
    ProvidedPolicyResult,
    ProvidedPullRequest,
    ProvidedReview,
)

# These resources never left their preview: the plain version is refused.
_PREVIEW = {"api-version": "7.1-preview.1"}
_STATES = {
    "succeeded": "succeeded",
    "notApplicable": "succeeded",
    "failed": "failed",
    "error": "failed",
}


# Evaluations follow a posted status with some delay; what they say before then is not the verdict on it.
_EVALUATION_PAUSES = (0.1, 0.2, 0.4, 0.8, 1.5)


async def read_pull_request(api: Api, repository_id: str, number: int) -> ProvidedPullRequest | None:
    """As it is once its evaluations have caught up with its checks, or after three seconds."""
    for pause in _EVALUATION_PAUSES:
        pull_request = await _read_once(api, repository_id, number)
        if pull_request is None or not _lags(pull_request):
            return pull_request
        await asyncio.sleep(pause)
    return await _read_once(api, repository_id, number)


def _lags(pull_request: ProvidedPullRequest) -> bool:
    """Whether a status policy does not yet say what the check that it asks for says."""
    verdicts = {"succeeded": ("approved", "notApplicable"), "failed": ("rejected",)}
    checks = {check.name: check.state for check in pull_request.checks}
    return pull_request.status == "active" and any(
        policy.status not in verdicts.get(checks.get(policy.name, ""), (policy.status,))
        for policy in pull_request.policies
    )


async def _read_once(api: Api, repository_id: str, number: int) -> ProvidedPullRequest | None:
    path = path_of(repository_id, number)
    raw, statuses, iterations, threads = await together(
        api.find(path),
        api.find(f"{path}/statuses"),
        api.find(f"{path}/iterations"),
        api.find(f"{path}/threads"),
    )
    if raw is None:
        return None
    iteration = max((int(one["id"]) for one in _values(iterations)), default=1)
    artifact = f"vstfs:///CodeReview/CodeReviewId/{raw['repository']['project']['id']}/{number}"
    query = {**_PREVIEW, "artifactId": artifact, "includeNotApplicable": "true"}
    of_iteration, evaluations = await together(
        api.find(f"{path}/iterations/{iteration}/statuses"),
        everything(api, "policy/evaluations", query),
    )
    if not evaluations and raw["status"] == "active":
        # None yet, although the branch has policies: they are still to be evaluated.
        policies = await policies_on(api, repository_id, branch_of(raw["targetRefName"]))
        evaluations = [{"status": "queued", "configuration": policy} for policy in policies]
    configurations = [one["configuration"] for one in evaluations]
    posted = _counting([*_values(statuses), *_values(of_iteration)], iteration)
    source_sha = await _source_sha(api, repository_id, raw)
    return ProvidedPullRequest(
        number=number,
        status=str(raw["status"]),
        source_branch=branch_of(raw["sourceRefName"]),
        target_branch=branch_of(raw["targetRefName"]),
        title=str(raw["title"]),
        description=unmarked(str(raw.get("description") or "")),
        source_sha=source_sha,
        operation_id=operation_of(str(raw.get("description") or "")),
        merge_operation_id=await _merged_by(api, repository_id, raw),
        merge_commit_sha=_commit_of(raw, "lastMergeCommit") if raw["status"] == "completed" else None,
        closed_at=moment(raw["closedDate"]) if raw.get("closedDate") else None,
        checks=_checks(posted, configurations),
        reviews=tuple(_review(one) for one in raw.get("reviewers") or []),
        comments=tuple(_comments(_values(threads))),
        policies=tuple(_result(one) for one in evaluations if one["configuration"].get("isEnabled")),
    )


def _values(listing: Json | None) -> list[Json]:
    return list(listing["value"]) if listing is not None else []


def _commit_of(raw: Json, name: str) -> str | None:
    return (raw.get(name) or {}).get("commitId")


async def _source_sha(api: Api, repository_id: str, raw: Json) -> str:
    """The head that the service last took for merging; before its first attempt, the branch's."""
    known = _commit_of(raw, "lastMergeSourceCommit")
    return known or await head_of(api, repository_id, branch_of(raw["sourceRefName"])) or ""


async def _merged_by(api: Api, repository_id: str, raw: Json) -> str | None:
    sha = _commit_of(raw, "lastMergeCommit")
    if raw["status"] != "completed" or sha is None:
        return None
    message = (raw.get("completionOptions") or {}).get("mergeCommitMessage")
    if message is None:
        commit = await api.find(f"git/repositories/{repository_id}/commits/{sha}")
        message = (commit or {}).get("comment")
    return operation_of(str(message or ""))


def _counting(statuses: Iterable[Json], iteration: int) -> dict[str, Json]:
    """The latest status of each context, on the latest iteration or on the pull request as a whole."""
    latest: dict[str, Json] = {}
    for status in sorted(statuses, key=lambda one: int(one["id"])):
        if status.get("iterationId") in (None, 0, iteration):
            latest[context_name(status["context"])] = status
    return latest


def _checks(posted: dict[str, Json], configurations: Sequence[Json]) -> tuple[ProvidedCheck, ...]:
    required = {
        check_name(one["settings"])
        for one in configurations
        if one["type"]["id"] == STATUS and one.get("isBlocking") and one.get("isEnabled")
    }
    return tuple(_check(name, posted.get(name), name in required) for name in sorted({*posted, *required}))


def _check(name: str, status: Json | None, required: bool) -> ProvidedCheck:
    if status is None:
        return ProvidedCheck(name, "pending", required)
    state = _STATES.get(str(status.get("state")), "pending")
    return ProvidedCheck(name, state, required, str(status.get("description") or ""), status.get("targetUrl"))


def _person(identity: Json | None) -> str:
    known = identity or {}
    return str(known.get("uniqueName") or known.get("displayName") or "unknown")


def _review(reviewer: Json) -> ProvidedReview:
    return ProvidedReview(_person(reviewer), int(reviewer.get("vote") or 0), bool(reviewer.get("isRequired")))


def _comments(threads: Iterable[Json]) -> Iterable[ProvidedComment]:
    """What people wrote; the service's own remarks (votes, pushes) are of the type system."""
    for thread in threads:
        for comment in thread.get("comments") or []:
            if comment.get("commentType", "text") != "text" or comment.get("isDeleted"):
                continue
            yield ProvidedComment(
                f"{thread['id']}/{comment['id']}",
                _person(comment.get("author")),
                str(comment.get("content") or ""),
                moment(comment.get("publishedDate")),
            )


def _result(evaluation: Json) -> ProvidedPolicyResult:
    policy = evaluation["configuration"]
    is_check = policy["type"]["id"] == STATUS
    name = check_name(policy["settings"]) if is_check else str(policy["type"].get("displayName") or "policy")
    return ProvidedPolicyResult(name, str(evaluation["status"]), bool(policy.get("isBlocking")))
