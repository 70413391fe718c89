"""Branches: heads, creation, and pushes as compare-and-swap.

`POST refs` answers 200 when it fails, each item with its `updateStatus`; `POST pushes` answers 409.
"""

from typing import Any

from adapters.azure_devops.client import Api
from adapters.azure_devops.errors import SERVICE, Kind, Refusal
from adapters.azure_devops.paging import continuing
from adapters.waiting import OutcomeUnknown
from domain.kernel.errors import Rejected, Unavailable

ZERO = "0" * 40
_SENTENCES = {
    "invalidRefName": "{branch} is not a valid branch name",
    "refNameConflict": "branch {branch} conflicts with the name of another branch",
    "unresolvableToCommit": "commit {sha} does not exist",
}


def ref_of(branch: str) -> str:
    return f"refs/heads/{branch}"


def branch_of(ref: str) -> str:
    return ref.removeprefix("refs/heads/")


async def head_of(api: Api, repository_id: str, branch: str) -> str | None:
    # The filter matches prefixes: `feature/a` finds `feature/ab` as well.
    refs = await continuing(
        api, f"git/repositories/{repository_id}/refs", {"filter": f"heads/{branch}", "$top": "100"}
    )
    return next((str(ref["objectId"]) for ref in refs if ref["name"] == ref_of(branch)), None)


async def create(api: Api, repository_id: str, branch: str, from_sha: str) -> str:
    """Create or get; the head. Raises `Rejected` where it is there and has not grown from `from_sha`."""
    update = {"name": ref_of(branch), "oldObjectId": ZERO, "newObjectId": from_sha}
    while True:
        try:
            answer = await api.send("POST", f"git/repositories/{repository_id}/refs", [update])
            result = answer["value"][0]
            if result["success"]:
                return from_sha
            status = str(result["updateStatus"])
        except OutcomeUnknown:
            status = "unknown"
        if status in _SENTENCES:
            raise Rejected(_SENTENCES[status].format(branch=branch, sha=from_sha))
        head = await head_of(api, repository_id, branch)
        if head is not None:
            await _require_grown(api, repository_id, branch, head, from_sha)
            return head
        if status not in ("unknown", "staleOldObjectId"):
            raise Rejected(f"branch {branch} can't be created: {status}")
        # It was deleted between the two calls, or the request never arrived.
        api.trouble(f"branch {branch} could not be created: {status}")
        await api.pause()


async def _require_grown(api: Api, repository_id: str, branch: str, head: str, from_sha: str) -> None:
    if head == from_sha:
        return
    query = {
        "baseVersion": from_sha,
        "baseVersionType": "commit",
        "targetVersion": head,
        "targetVersionType": "commit",
        "$top": "1",
    }
    try:
        diff = await api.get(f"git/repositories/{repository_id}/diffs/commits", query)
    except Refusal as refusal:
        if refusal.kind is Kind.COMMIT_MISSING:
            raise Rejected(f"commit {from_sha} does not exist") from refusal
        raise
    if diff.get("commonCommit") != from_sha:
        raise Rejected(f"branch {branch} exists at {head}, which does not contain {from_sha}")


async def push(api: Api, repository_id: str, branch: str, old: str, commit: dict[str, Any]) -> str:
    """One commit on top of `old`; its sha. Raises `Refusal` REF_STALE where the branch is elsewhere."""
    body = {"refUpdates": [{"name": ref_of(branch), "oldObjectId": old}], "commits": [commit]}
    answer = await api.send("POST", f"git/repositories/{repository_id}/pushes", body)
    updates = answer.get("refUpdates") or []
    commits = answer.get("commits") or []
    sha = updates[0].get("newObjectId") if updates else commits[0].get("commitId") if commits else None
    if not sha:
        raise Unavailable(SERVICE, "its answer to a push names no commit")
    return str(sha)
