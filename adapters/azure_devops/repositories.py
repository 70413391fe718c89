"""Repositories: create or get, with a first commit where one is wanted; and what changed in one."""

from datetime import datetime
from urllib.parse import quote, urlsplit, urlunsplit

from adapters.azure_devops.branches import ZERO, branch_of, head_of, push
from adapters.azure_devops.client import Api
from adapters.azure_devops.errors import Kind, Refusal
from adapters.azure_devops.marks import marked
from adapters.azure_devops.moments import moment, text_of
from adapters.azure_devops.paging import Json, everything, together
from adapters.waiting import OutcomeUnknown
from domain.kernel.errors import Rejected
from domain.provided import ProvidedRepository


async def create_repository(
    api: Api, name: str, default_branch: str, initialize: bool, operation_id: str
) -> ProvidedRepository:
    repository = await _create_or_get(api, name)
    repository_id = str(repository["id"])
    head = await head_of(api, repository_id, default_branch)
    if head is None and initialize:
        head = await _first_commit(api, repository_id, name, default_branch, operation_id)
    return ProvidedRepository(repository_id, _without_user(str(repository["remoteUrl"])), head)


def _without_user(url: str) -> str:
    """The service writes the organization in as the user, `https://org@dev.azure.com/org/...`."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


async def _create_or_get(api: Api, name: str) -> Json:
    refused: Refusal | None = None
    while True:
        try:
            created: Json = await api.send("POST", "git/repositories", {"name": name})
            return created
        except OutcomeUnknown:
            refused = None
        except Refusal as refusal:
            if refusal.status != 409:
                raise
            refused = refusal
        try:
            found: Json = await api.get(f"git/repositories/{quote(name, safe='')}")
            return found
        except Refusal as refusal:
            if refusal.status != 404:
                raise
        if refused is not None:
            raise Rejected(f"the repository name {name} is taken by one that is disabled or closed to us")
        await api.pause()


async def _first_commit(api: Api, repository_id: str, name: str, branch: str, operation_id: str) -> str:
    commit = {
        "comment": marked(f"Initialize {name}", operation_id),
        "changes": [
            {
                "changeType": "add",
                "item": {"path": "/README.md"},
                "newContent": {"content": f"# {name}\n", "contentType": "rawtext"},
            }
        ],
    }
    while True:
        try:
            return await push(api, repository_id, branch, ZERO, commit)
        except OutcomeUnknown:
            pass
        except Refusal as refusal:
            if refusal.kind is not Kind.REF_STALE:
                raise
        # Lost a race, against another or against our own first try: what is there now is the head.
        head = await head_of(api, repository_id, branch)
        if head is not None:
            return head
        await api.pause()


async def changed_since(api: Api, repository_id: str, since: datetime) -> tuple[list[int], list[str]]:
    """Pull requests that are active or closed since, and branches pushed since."""
    path = f"git/repositories/{repository_id}/pullrequests"
    closed = {
        "searchCriteria.minTime": text_of(since),
        "searchCriteria.queryTimeRangeType": "closed",
    }
    active, completed, abandoned, pushes = await together(
        everything(api, path, {"searchCriteria.status": "active"}),
        everything(api, path, {"searchCriteria.status": "completed", **closed}),
        everything(api, path, {"searchCriteria.status": "abandoned", **closed}),
        everything(
            api,
            f"git/repositories/{repository_id}/pushes",
            {"searchCriteria.fromDate": text_of(since), "searchCriteria.includeRefUpdates": "true"},
        ),
    )
    recent = [one for one in (*completed, *abandoned) if moment(one.get("closedDate")) >= since]
    numbers = {int(one["pullRequestId"]) for one in (*active, *recent)}
    refs = {str(update["name"]) for one in pushes for update in one.get("refUpdates") or []}
    return sorted(numbers), sorted(branch_of(ref) for ref in refs if ref.startswith("refs/heads/"))
