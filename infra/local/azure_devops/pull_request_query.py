"""Which pull requests a commit is of: those whose merge made it, or those that brought it."""

from __future__ import annotations

from infra.local.azure_devops.errors import invalid_argument
from infra.local.azure_devops.pull_request_store import render_pull_request
from infra.local.azure_devops.repositories import repository_of
from infra.local.azure_devops.routing import Answer, Call, Route
from infra.local.emulation.state import Json

_TYPES = ("lastMergeCommit", "commit")


async def query_pull_requests(call: Call) -> Answer:
    """One result per query: the pull requests by commit, without the commits that have none."""
    repository = repository_of(call)
    queries = call.object_body().get("queries")
    if not isinstance(queries, list) or not queries:
        raise invalid_argument("At least one query must be given.")
    found = call.emulator.state.list("pull-request", repository["id"])
    results = [await _result(call, repository, found, query) for query in queries]
    return Answer(200, {"queries": queries, "results": results})


async def _result(call: Call, repository: Json, found: list[Json], query: Json) -> Json:
    kind, items = query.get("type"), query.get("items")
    if kind not in _TYPES or not isinstance(items, list):
        raise invalid_argument("A query needs a type, lastMergeCommit or commit, and items.")
    result: Json = {}
    for sha in map(str, items):
        matching = [one for one in found if await _matches(call, repository, one, kind, sha)]
        if matching:
            result[sha] = [render_pull_request(call.emulator, one, listed=True) for one in matching]
    return result


async def _matches(call: Call, repository: Json, pull_request: Json, kind: str, sha: str) -> bool:
    if kind == "lastMergeCommit":
        return bool(pull_request.get("lastMergeCommit") == sha)
    if pull_request["status"] != "completed" or not await call.emulator.git.commit_id(repository["id"], sha):
        return False
    source, target = (pull_request.get(f"lastMerge{side}Commit") for side in ("Source", "Target"))
    if not source or not target:
        return False
    git = call.emulator.git
    brought = await git.is_ancestor(repository["id"], sha, source)
    return brought and not await git.is_ancestor(repository["id"], sha, target)


ROUTES = [
    Route("POST", "/{org}[/{project}]/_apis/git/repositories/{repo}/pullrequestquery", query_pull_requests)
]
