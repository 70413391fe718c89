"""Commits and diffs, read only."""

from __future__ import annotations

from collections import Counter

from infra.local.azure_devops import clock, git_objects
from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.errors import not_found, unresolvable
from infra.local.azure_devops.git_objects import Change, Commit, Signature
from infra.local.azure_devops.repositories import api_url, repository_of
from infra.local.azure_devops.routing import Answer, Call, Route, listing
from infra.local.emulation.state import Json

# Listings cut longer comments, so whoever needs the whole comment must read the commit itself.
LISTED_COMMENT = 100


def render_commit(emulator: Emulator, repository: Json, commit: Commit, *, listed: bool = False) -> Json:
    url = f"{api_url(emulator, repository)}/commits/{commit.commit_id}"
    body: Json = {
        "treeId": commit.tree_id,
        "commitId": commit.commit_id,
        "author": _render_signature(commit.author),
        "committer": _render_signature(commit.committer),
        "comment": commit.comment,
        "parents": list(commit.parents),
        "url": url,
    }
    if listed and len(commit.comment) > LISTED_COMMENT:
        body["comment"] = commit.comment[:LISTED_COMMENT]
        body["commentTruncated"] = True
    return body


def _render_signature(who: Signature) -> Json:
    return {"name": who.name, "email": who.email, "date": who.date.strftime("%Y-%m-%dT%H:%M:%SZ")}


async def resolve_version(call: Call, repository: Json, version: str | None, version_type: str | None) -> str:
    """The commit id of a version descriptor; without one, of the default branch."""
    if version is None:
        version = str(repository.get("defaultBranch", "refs/heads/main")).removeprefix("refs/heads/")
        version_type = "branch"
    kind = (version_type or "branch").lower()
    prefix = {"branch": "refs/heads/", "tag": "refs/tags/"}.get(kind, "")
    revision = prefix + version if prefix else version
    found = None
    if prefix or len(version) == 40:
        found = await call.emulator.git.commit_id(repository["id"], revision)
    if found is None:
        raise unresolvable(f"{kind.capitalize()}: {version}", repository["name"])
    return found


async def get_commit(call: Call) -> Answer:
    repository = repository_of(call)
    commit_id = await _commit_id(call, repository)
    commit = (await git_objects.commits_by_id(call.emulator.git, repository["id"], [commit_id]))[0]
    return Answer(200, render_commit(call.emulator, repository, commit))


async def _commit_id(call: Call, repository: Json) -> str:
    given = call.params["commit"]
    found = await call.emulator.git.commit_id(repository["id"], given) if len(given) == 40 else None
    if found is None:
        raise not_found(
            "GitCommitDoesNotExistException",
            f"TF401178: The Git commit with ID {given} does not exist or you do not have permissions.",
        )
    return found


async def get_commit_changes(call: Call) -> Answer:
    repository = repository_of(call)
    git, commit_id = call.emulator.git, await _commit_id(call, repository)
    commit = (await git_objects.commits_by_id(git, repository["id"], [commit_id]))[0]
    base = commit.parents[0] if commit.parents else None
    found = await git_objects.changes(git, repository["id"], base, commit_id)
    return Answer(
        200,
        {
            "changeCounts": _counts(found),
            "changes": [_render_change(call.emulator, repository, change, commit_id) for change in found],
        },
    )


async def list_commits(call: Call) -> Answer:
    repository = repository_of(call)
    tip = await resolve_version(
        call, repository, call.search("itemVersion.version"), call.search("itemVersion.versionType")
    )
    top = call.number("searchCriteria.$top", "$top", "top", default=100)
    skip = call.number("searchCriteria.$skip", "$skip", "skip", default=0)
    options = [f"--max-count={top}", f"--skip={skip}"]
    if text := call.search("fromDate"):
        options.append(f"--since-as-filter={clock.parse(text).isoformat()}")
    if text := call.search("toDate"):
        options.append(f"--until={clock.parse(text).isoformat()}")
    if text := call.search("author"):
        options += ["--fixed-strings", f"--author={text}"]
    revisions = await _walk(call, repository, tip)
    if path := call.search("itemPath"):
        options += [*revisions, "--", path.lstrip("/") or "."]
    else:
        options += revisions
    found = await git_objects.log(call.emulator.git, repository["id"], *options)
    return listing([render_commit(call.emulator, repository, commit, listed=True) for commit in found])


async def _walk(call: Call, repository: Json, tip: str) -> list[str]:
    """With a compareVersion the walk starts there, and what the itemVersion has is left out."""
    compared = call.search("compareVersion.version")
    if compared is None:
        return [tip]
    kind = call.search("compareVersion.versionType")
    return [await resolve_version(call, repository, compared, kind), f"^{tip}"]


async def diff_commits(call: Call) -> Answer:
    repository = repository_of(call)
    git, repository_id = call.emulator.git, repository["id"]
    base = await resolve_version(
        call, repository, call.query.get("baseversion"), call.query.get("baseversiontype")
    )
    target = await resolve_version(
        call, repository, call.query.get("targetversion"), call.query.get("targetversiontype")
    )
    common = (await git.run(repository_id, "merge-base", base, target, expect=(0, 1))).text or None
    counted = await git.run(repository_id, "rev-list", "--left-right", "--count", f"{base}...{target}")
    behind, ahead = counted.text.split()
    start = common if call.flag("diffCommonCommit") and common else base
    found = await git_objects.changes(git, repository_id, start, target)
    top = call.number("$top", "top", default=100)
    skip = call.number("$skip", "skip", default=0)
    shown = found[skip : skip + top]
    return Answer(
        200,
        {
            "allChangesIncluded": skip + len(shown) >= len(found),
            "changeCounts": _counts(found),
            "changes": [_render_change(call.emulator, repository, change, target) for change in shown],
            "commonCommit": common,
            "baseCommit": base,
            "targetCommit": target,
            "aheadCount": int(ahead),
            "behindCount": int(behind),
        },
    )


def _counts(changes: list[Change]) -> dict[str, int]:
    return dict(Counter(change.change_type.capitalize() for change in changes))


def _render_change(emulator: Emulator, repository: Json, change: Change, commit_id: str) -> Json:
    path = "/" + change.path
    item: Json = {
        "gitObjectType": "blob",
        "commitId": commit_id,
        "path": path,
        "url": f"{api_url(emulator, repository)}/items{path}?versionType=Commit&version={commit_id}",
    }
    if change.change_type != "delete":
        item["objectId"] = change.object_id
    if change.change_type != "add":
        item["originalObjectId"] = change.original_object_id
    body: Json = {"item": item, "changeType": change.change_type}
    if change.original_path is not None:
        body["sourceServerItem"] = "/" + change.original_path
    return body


_REPOSITORY = "/{org}[/{project}]/_apis/git/repositories/{repo}"

ROUTES = [
    Route("GET", _REPOSITORY + "/commits", list_commits),
    Route("GET", _REPOSITORY + "/commits/{commit}", get_commit),
    Route("GET", _REPOSITORY + "/commits/{commit}/changes", get_commit_changes),
    Route("GET", _REPOSITORY + "/diffs/commits", diff_commits),
]
