"""The policy types, each with the rule that decides about one pull request."""

from __future__ import annotations

from collections.abc import Callable

from infra.local.emulation.state import Json

MINIMUM_APPROVERS = "fa4e907d-c16b-4a4c-9dfa-4906e5d171dd"
REQUIRED_REVIEWERS = "fd2167ab-b0be-447a-8ec8-39368250530e"
BUILD = "0609b952-1397-4640-95ec-e00a01b2c241"
MERGE_STRATEGY = "fa4e907d-c16b-4a4c-9dfa-4916e5d171ab"
COMMENTS = "c6a1889d-b943-4856-b76f-9e46bb6b0df2"
STATUS = "cbdc66da-9728-4af8-aada-9a5a32e4a226"

POLICY_TYPES = {
    MINIMUM_APPROVERS: "Minimum number of reviewers",
    REQUIRED_REVIEWERS: "Required reviewers",
    BUILD: "Build",
    MERGE_STRATEGY: "Require a merge strategy",
    COMMENTS: "Comment requirements",
    STATUS: "Status",
}

_APPROVING = 5


def decide(policy: Json, pull_request: Json) -> str:
    """The evaluation status of this policy for the pull request as it is now."""
    return _RULES[policy["typeId"]](policy, pull_request)


def allows_strategy(policy: Json, strategy: str) -> bool:
    """Whether a merge strategy policy lets a pull request be completed this way."""
    settings = policy["settings"]
    if settings.get("useSquashMerge"):
        return strategy == "squash"
    allowed = {
        "noFastForward": settings.get("allowNoFastForward"),
        "squash": settings.get("allowSquash"),
        "rebase": settings.get("allowRebase"),
        "rebaseMerge": settings.get("allowRebaseMerge"),
    }
    return bool(allowed.get(strategy))


def _minimum_approvers(policy: Json, pull_request: Json) -> str:
    settings = policy["settings"]
    votes = [
        reviewer["vote"]
        for reviewer in pull_request["reviewers"]
        if settings.get("creatorVoteCounts") or reviewer["id"] != pull_request["createdBy"]["id"]
    ]
    if any(vote < 0 for vote in votes) and not settings.get("allowDownvotes"):
        return "rejected"
    enough = sum(vote >= _APPROVING for vote in votes) >= int(settings.get("minimumApproverCount", 1))
    return "approved" if enough else "running"


def _required_reviewers(policy: Json, pull_request: Json) -> str:
    settings = policy["settings"]
    wanted = settings.get("requiredReviewerIds") or []
    votes = {reviewer["id"]: reviewer["vote"] for reviewer in pull_request["reviewers"]}
    if any(votes.get(reviewer, 0) < 0 for reviewer in wanted):
        return "rejected"
    approved = sum(votes.get(reviewer, 0) >= _APPROVING for reviewer in wanted)
    return "approved" if approved >= int(settings.get("minimumApproverCount") or len(wanted)) else "running"


def _build(policy: Json, pull_request: Json) -> str:
    """A build's result counts for the source commit that it was reported for."""
    result = pull_request["builds"].get(str(policy["id"]))
    if result is None or result["commitId"] != pull_request["lastMergeSourceCommit"]:
        return "queued"
    return str(result["status"])


def _merge_strategy(policy: Json, pull_request: Json) -> str:
    del policy, pull_request  # the strategy is known, and checked, at completion
    return "approved"


def _comments(policy: Json, pull_request: Json) -> str:
    del policy
    unresolved = any(thread.get("status") in ("active", "pending") for thread in pull_request["threads"])
    return "rejected" if unresolved else "approved"


def _status(policy: Json, pull_request: Json) -> str:
    settings = policy["settings"]
    wanted = (settings.get("statusGenre") or "", settings["statusName"])
    author = settings.get("authorId")
    iteration = pull_request["iterations"][-1]
    latest = None
    for status in pull_request["statuses"]:
        context = (status["context"].get("genre") or "", status["context"]["name"])
        if context != wanted or (author and status["createdBy"]["id"] != author):
            continue
        if settings.get("invalidateOnSourceUpdate") and status["iteration"] != iteration["id"]:
            continue
        latest = status["state"]
    if latest is None:
        return "notApplicable" if settings.get("policyApplicability") else "queued"
    return {
        "succeeded": "approved",
        "notApplicable": "notApplicable",
        "failed": "rejected",
        "error": "rejected",
        "pending": "running",
    }.get(latest, "queued")


_RULES: dict[str, Callable[[Json, Json], str]] = {
    MINIMUM_APPROVERS: _minimum_approvers,
    REQUIRED_REVIEWERS: _required_reviewers,
    BUILD: _build,
    MERGE_STRATEGY: _merge_strategy,
    COMMENTS: _comments,
    STATUS: _status,
}
