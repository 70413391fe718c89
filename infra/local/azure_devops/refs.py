"""Branches and tags: listing, and updates that answer 200 even when they fail."""

from __future__ import annotations

from infra.local.azure_devops.errors import invalid_argument
from infra.local.azure_devops.git_store import ZERO, GitFailed, GitStore, RefUpdate, valid_ref_name
from infra.local.azure_devops.policy_scopes import protects
from infra.local.azure_devops.ref_log import record_push
from infra.local.azure_devops.repositories import api_url, repository_of
from infra.local.azure_devops.routing import Answer, Call, Route, listing
from infra.local.emulation.state import Json


async def list_refs(call: Call) -> Answer:
    repository = repository_of(call)
    prefix = "refs/" + call.query.get("filter", "").removeprefix("refs/")
    recorded = {ref["name"]: ref for ref in call.emulator.state.list("ref", repository["id"])}
    visible = {ref["name"] for ref in call.emulator.state.list("ref", repository["id"], call.lag)}
    actual = await call.emulator.git.refs(repository["id"], "refs/heads", "refs/tags", "refs/pull")
    url = api_url(call.emulator, repository)
    found: list[Json] = [
        {
            "name": name,
            "objectId": object_id,
            "creator": recorded.get(name, {}).get("creator") or call.identity.render(),
            "url": f"{url}/refs?filter={name.removeprefix('refs/')}",
        }
        for name, object_id in sorted(actual.items())
        if name.startswith(prefix) and (not call.lag or name in visible)
    ]
    after = call.query.get("continuationtoken")
    if after is not None:
        found = [ref for ref in found if ref["name"] > after]
    top = call.number("$top", "top", default=len(found) or 1)
    headers = {}
    if len(found) > top > 0:
        found = found[:top]
        headers["x-ms-continuationtoken"] = str(found[-1]["name"])
    return listing(found, headers)


async def update_refs(call: Call) -> Answer:
    repository = repository_of(call)
    if not isinstance(call.body, list) or not call.body:
        raise invalid_argument("The request body must be a list of ref updates. Parameter name: refUpdates")
    emulator = call.emulator
    async with emulator.git.lock(repository["id"]):
        results = []
        for item in call.body:
            update = RefUpdate(
                str(item.get("name", "")), str(item.get("newObjectId", "")), str(item.get("oldObjectId", ""))
            )
            status = await _try_update(call, repository, update)
            results.append(_render(repository, update, status))
        await record_push(emulator, repository, call.identity)
    return listing(results)


async def _try_update(call: Call, repository: Json, update: RefUpdate) -> str:
    """Perform one update; returns the service's updateStatus."""
    git, repository_id = call.emulator.git, repository["id"]
    if not await valid_ref_name(git, repository_id, update.name):
        return "invalidRefName"
    refs = await git.refs(repository_id)
    current = refs.get(update.name, ZERO)
    if update.new != ZERO and not await _is_commit(git, repository_id, update.new):
        return "unresolvableToCommit"
    if current == ZERO and update.new == ZERO:
        return "succeededNonExistentRef"
    if current != update.old:
        return "staleOldObjectId"
    if current != ZERO and protects(call.emulator, repository, update.name):
        return "rejectedByPolicy"
    if current == ZERO and conflicting_ref(refs, update.name):
        return "refNameConflict"
    try:
        await git.update_refs(repository_id, update)
    except GitFailed:
        return "staleOldObjectId"
    return "succeeded"


async def _is_commit(git: GitStore, repository_id: str, object_id: str) -> bool:
    return len(object_id) == 40 and await git.commit_id(repository_id, object_id) is not None


def conflicting_ref(refs: dict[str, str], name: str) -> str | None:
    """A ref that git could not keep beside this name: one is a directory of the other."""
    for existing in refs:
        if existing.startswith(name + "/") or name.startswith(existing + "/"):
            return existing
    return None


def _render(repository: Json, update: RefUpdate, status: str) -> Json:
    return {
        "repositoryId": repository["id"],
        "name": update.name,
        "oldObjectId": update.old,
        "newObjectId": update.new,
        "isLocked": False,
        "updateStatus": status,
        "success": status.startswith("succeeded"),
    }


_REFS = "/{org}[/{project}]/_apis/git/repositories/{repo}/refs"

ROUTES = [Route("GET", _REFS, list_refs), Route("POST", _REFS, update_refs)]
