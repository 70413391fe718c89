"""Pushes over REST: a compare-and-swap on one branch, and the list of all pushes."""

from __future__ import annotations

import re

from infra.local.azure_devops import clock, git_objects
from infra.local.azure_devops.commit_builder import build_commits
from infra.local.azure_devops.commits import render_commit
from infra.local.azure_devops.errors import (
    ApiError,
    invalid_argument,
    not_found,
    protected_branch,
    stale_reference,
)
from infra.local.azure_devops.git_store import ZERO, RefUpdate, valid_ref_name
from infra.local.azure_devops.policy_scopes import protects
from infra.local.azure_devops.push_documents import pushed_commits, render_push
from infra.local.azure_devops.ref_log import record_push
from infra.local.azure_devops.refs import conflicting_ref
from infra.local.azure_devops.repositories import repository_of
from infra.local.azure_devops.routing import Answer, Call, Route, listing, page
from infra.local.emulation.state import Json

_OBJECT_ID = re.compile(r"[0-9a-f]{40}")


async def create_push(call: Call) -> Answer:
    repository, body = repository_of(call), call.object_body()
    updates, commits = body.get("refUpdates"), body.get("commits")
    if not isinstance(updates, list) or len(updates) != 1:
        raise invalid_argument("A push must have exactly one ref update. Parameter name: newPush")
    if not isinstance(commits, list) or not commits:
        raise invalid_argument("A push must have at least one commit. Parameter name: newPush")
    name, old = str(updates[0].get("name", "")), str(updates[0].get("oldObjectId", ""))
    emulator, git, repository_id = call.emulator, call.emulator.git, repository["id"]
    if not _OBJECT_ID.fullmatch(old):
        raise invalid_argument("oldObjectId must be a full object id. Parameter name: newPush")
    if not name.startswith("refs/heads/") or not await valid_ref_name(git, repository_id, name):
        raise ApiError(
            400, "InvalidGitRefNameException", f"TF401025: '{name}' is not a valid name for a Git ref."
        )
    async with git.lock(repository_id):
        base = await _base(call, repository, name, old)
        built = await build_commits(git, repository_id, base, commits, call.identity)
        tip = built.commits[-1]
        current = await git.ref(repository_id, name) or ZERO
        await git.update_refs(repository_id, RefUpdate(name, tip, current), built.holder)
        push = await record_push(emulator, repository, call.identity)
    assert push is not None  # a new commit always moves its branch
    found = await git_objects.commits_by_id(git, repository_id, list(reversed(built.commits)))
    answer = render_push(emulator, repository, push, with_updates=True)
    answer["commits"] = [render_commit(emulator, repository, commit) for commit in found]
    return Answer(201, answer)


async def _base(call: Call, repository: Json, name: str, old: str) -> str | None:
    """The commit to build on, after all checks that need the lock."""
    git, repository_id = call.emulator.git, repository["id"]
    refs = await git.refs(repository_id)
    current = refs.get(name)
    if current is not None:
        if current != old:
            raise stale_reference(name)
        if protects(call.emulator, repository, name):
            raise protected_branch()
        return current
    conflict = conflicting_ref(refs, name)
    if conflict is not None:
        raise ApiError(
            400,
            "GitRefNameConflictException",
            f"TF401026: The ref '{name}' conflicts with the existing ref '{conflict}'.",
        )
    if old == ZERO:
        return None
    if await git.commit_id(repository_id, old) is None:
        raise ApiError(500, "GitObjectDoesNotExistException", f"TF401035: The object '{old}' does not exist.")
    return old


async def list_pushes(call: Call) -> Answer:
    repository = repository_of(call)
    found = list(reversed(call.emulator.state.list("push", repository["id"], call.lag)))
    if text := call.search("fromDate"):
        start = clock.parse(text)
        found = [push for push in found if clock.parse(push["date"]) >= start]
    if text := call.search("toDate"):
        end = clock.parse(text)
        found = [push for push in found if clock.parse(push["date"]) <= end]
    if name := call.search("refName"):
        found = [push for push in found if any(u["name"] == name for u in push["refUpdates"])]
    if pusher := call.search("pusherId"):
        found = [push for push in found if push["pushedBy"]["id"] == pusher]
    with_updates = (call.search("includeRefUpdates") or "").lower() == "true"
    return listing(
        [
            render_push(call.emulator, repository, push, with_updates=with_updates)
            for push in page(call, found, default_top=100)
        ]
    )


async def get_push(call: Call) -> Answer:
    repository = repository_of(call)
    push = call.emulator.state.get("push", repository["id"], call.params["push"])
    if push is None:
        raise not_found(
            "GitPushNotFoundException", f"TF401023: The push {call.params['push']} does not exist."
        )
    include = call.number("includeCommits", default=0)
    body = render_push(call.emulator, repository, push, with_updates=call.flag("includeRefUpdates"))
    if include:
        found = await pushed_commits(call.emulator, push, include)
        body["commits"] = [render_commit(call.emulator, repository, commit) for commit in found]
    return Answer(200, body)


_PUSHES = "/{org}[/{project}]/_apis/git/repositories/{repo}/pushes"

ROUTES = [
    Route("POST", _PUSHES, create_push),
    Route("GET", _PUSHES, list_pushes),
    Route("GET", _PUSHES + "/{push}", get_push),
]
