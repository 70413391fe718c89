"""Opening pull requests: each operation's exactly once, found again by the trailer in its description."""

from adapters.azure_devops.branches import head_of, ref_of
from adapters.azure_devops.client import Api
from adapters.azure_devops.errors import Kind, Refusal
from adapters.azure_devops.marks import marked, operation_of
from adapters.azure_devops.paging import Json, everything
from adapters.waiting import OutcomeUnknown
from domain.kernel.errors import Rejected

LONGEST_DESCRIPTION = 4000
_LISTED_DESCRIPTION = 400
"""Characters to which listings cut a description, and with it the trailer at its end."""


def path_of(repository_id: str, number: int | None = None) -> str:
    path = f"git/repositories/{repository_id}/pullRequests"
    return path if number is None else f"{path}/{number}"


async def open_pull_request(
    api: Api,
    repository_id: str,
    source: str,
    target: str,
    title: str,
    description: str,
    operation_id: str,
) -> int:
    """Its number, whether it was opened now or before."""
    between = _Between(api, repository_id, source, target)
    number = await between.opened_by(operation_id)
    body = {
        "sourceRefName": ref_of(source),
        "targetRefName": ref_of(target),
        "title": title,
        "description": marked(description, operation_id, LONGEST_DESCRIPTION),
    }
    while number is None:
        try:
            opened = await api.send("POST", path_of(repository_id), body)
            return int(opened["pullRequestId"])
        except OutcomeUnknown:
            pass
        except Refusal as refusal:
            if refusal.kind is not Kind.PULL_REQUEST_EXISTS:
                await _require_branches(api, repository_id, source, target)
                raise
        # The service lets one pull request be active between two branches, so asking again can't make a
        # second one; its listing may lag, so it is asked until it shows which one that is.
        number = await between.opened_by(operation_id)
        if number is None:
            await between.require_none_active()
            api.trouble(f"its list of pull requests from {source} to {target} lags behind")
            await api.pause()
    return number


async def complete_when_allowed(api: Api, repository_id: str, number: int) -> None:
    """Sets auto-complete, in the name of who opened it: that is us."""
    found = await api.get(path_of(repository_id, number))
    if found["status"] != "active" or found.get("autoCompleteSetBy"):
        return
    body = {
        "autoCompleteSetBy": {"id": found["createdBy"]["id"]},
        "completionOptions": {"mergeStrategy": "noFastForward", "deleteSourceBranch": True},
    }
    try:
        await api.send("PATCH", path_of(repository_id, number), body)
    except Refusal:
        # Closed in between, by whomever: then there is nothing left to complete.
        if (await api.get(path_of(repository_id, number)))["status"] == "active":
            raise


class _Between:
    """The pull requests from one branch to another."""

    def __init__(self, api: Api, repository_id: str, source: str, target: str) -> None:
        self._api, self._repository_id = api, repository_id
        self._source, self._target = source, target

    async def opened_by(self, operation_id: str) -> int | None:
        for listed in await self._list("all"):
            description = str(listed.get("description") or "")
            if len(description) >= _LISTED_DESCRIPTION:
                whole = await self._api.get(path_of(self._repository_id, listed["pullRequestId"]))
                description = str(whole.get("description") or "")
            if operation_of(description) == operation_id:
                return int(listed["pullRequestId"])
        return None

    async def require_none_active(self) -> None:
        for listed in await self._list("active"):
            number = listed["pullRequestId"]
            # What is listed may be old news: this one may be closed, and ours the one that is active.
            whole = await self._api.get(path_of(self._repository_id, number))
            if whole["status"] == "active":
                raise Rejected(
                    f"pull request {number} from {self._source} to {self._target} is already active"
                )

    async def _list(self, status: str) -> list[Json]:
        query = {
            "searchCriteria.status": status,
            "searchCriteria.sourceRefName": ref_of(self._source),
            "searchCriteria.targetRefName": ref_of(self._target),
        }
        return await everything(self._api, path_of(self._repository_id), query)


async def _require_branches(api: Api, repository_id: str, source: str, target: str) -> None:
    if source == target:
        raise Rejected("source and target are the same branch")
    for branch in (source, target):
        if await head_of(api, repository_id, branch) is None:
            raise Rejected(f"branch {branch} does not exist")
