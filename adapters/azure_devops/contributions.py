"""Who made what a commit has beyond another one, and by which pull requests it came.

Nobody may be missing here: who approves a release must not be among them.
"""

from collections.abc import Iterator, Sequence

from adapters.azure_devops.client import Api
from adapters.azure_devops.errors import SERVICE, Kind, Refusal
from adapters.azure_devops.paging import Json, everything, together
from adapters.azure_devops.pull_requests import path_of
from adapters.co_authors import co_authors, person
from domain.kernel.errors import Rejected, Unavailable
from domain.provided import ProvidedContributions

_BATCH = 100
_AT_ONCE = 8
# These leave the source's commits in the history of the target, so they are in the range anyway.
_WITH_SOURCE = ("noFastForward", "rebaseMerge")


async def contributions(
    api: Api, repository_id: str, sha: str, since_sha: str | None
) -> ProvidedContributions:
    try:
        commits = await _range(api, repository_id, sha, since_sha)
    except Refusal as refusal:
        if refusal.kind is not Kind.COMMIT_MISSING:
            raise
        for given in (sha, *([since_sha] if since_sha else [])):
            if await api.find(f"git/repositories/{repository_id}/commits/{given}") is None:
                raise Rejected(f"commit {given} does not exist") from refusal
        raise
    pull_requests = await _merged(api, repository_id, list(commits))
    for one in pull_requests.values():
        if (one.get("completionOptions") or {}).get("mergeStrategy") not in _WITH_SOURCE:
            path = f"{path_of(repository_id, one['pullRequestId'])}/commits"
            commits |= {raw["commitId"]: raw for raw in await everything(api, path, {})}
    whole = await _whole(api, repository_id, list(commits.values()))
    return ProvidedContributions(
        authors=tuple(sorted({who for commit in whole for who in _makers(commit)})),
        pull_request_authors=tuple(sorted({_who(one, "createdBy") for one in pull_requests.values()})),
        mergers=tuple(sorted({_who(one, "closedBy") for one in pull_requests.values()})),
        pull_requests=tuple(sorted(pull_requests)),
    )


async def merged_by(api: Api, repository_id: str, sha: str) -> int | None:
    return min(await _merged(api, repository_id, [sha]), default=None)


async def _range(api: Api, repository_id: str, sha: str, since_sha: str | None) -> dict[str, Json]:
    """Commits by sha.

    The service walks from `compareVersion` and leaves out what `itemVersion` has; without the former it walks
    from the latter. A walk that does not begin where it should is not believed.
    """
    path = f"git/repositories/{repository_id}/commits"
    query = _version("itemVersion", sha)
    if since_sha is not None:
        query = {**_version("itemVersion", since_sha), **_version("compareVersion", sha)}
    found = {
        str(raw["commitId"]): raw for raw in await everything(api, path, query, prefix="searchCriteria.")
    }
    if sha not in found and not (since_sha and await _contains(api, repository_id, since_sha, sha)):
        raise Unavailable(SERVICE, f"its list of commits up to {sha} lacks this one")
    return found


def _version(name: str, sha: str) -> dict[str, str]:
    return {f"searchCriteria.{name}.version": sha, f"searchCriteria.{name}.versionType": "commit"}


async def _contains(api: Api, repository_id: str, head: str, sha: str) -> bool:
    query = {
        "baseVersion": sha,
        "baseVersionType": "commit",
        "targetVersion": head,
        "targetVersionType": "commit",
        "$top": "1",
    }
    diff = await api.get(f"git/repositories/{repository_id}/diffs/commits", query)
    return bool(diff.get("commonCommit") == sha)


async def _merged(api: Api, repository_id: str, shas: Sequence[str]) -> dict[int, Json]:
    """The completed pull requests whose merge made one of these commits, by number."""
    found: dict[int, Json] = {}
    path = f"git/repositories/{repository_id}/pullrequestquery"
    for start in range(0, len(shas), _BATCH):
        body = {"queries": [{"type": "lastMergeCommit", "items": list(shas[start : start + _BATCH])}]}
        # A query that happens to be a POST: it may be repeated.
        answer = await api.request("POST", path, body=body, safe=True)
        for result in answer.body.get("results") or []:
            for listed in result.values():
                found |= {int(one["pullRequestId"]): one for one in listed if one["status"] == "completed"}
    return found


async def _whole(api: Api, repository_id: str, commits: Sequence[Json]) -> list[Json]:
    """Those read again of which the listing does not show enough."""
    result = [commit for commit in commits if not _is_cut(commit)]
    cut = [commit for commit in commits if _is_cut(commit)]
    for start in range(0, len(cut), _AT_ONCE):
        paths = [
            f"git/repositories/{repository_id}/commits/{commit['commitId']}"
            for commit in cut[start : start + _AT_ONCE]
        ]
        result += await together(*(api.get(path) for path in paths))
    return result


def _is_cut(commit: Json) -> bool:
    return bool(commit.get("commentTruncated")) or (
        "parents" not in commit and _signature(commit, "committer") != _signature(commit, "author")
    )


def _makers(commit: Json) -> Iterator[str]:
    yield from co_authors(str(commit.get("comment") or ""))
    roles = ["author"] if len(commit.get("parents") or []) > 1 else ["author", "committer"]
    for role in roles:
        if who := _signature(commit, role):
            yield who


def _signature(commit: Json, role: str) -> str:
    signature = commit.get(role) or {}
    return person(str(signature.get("name") or ""), str(signature.get("email") or ""))


def _who(pull_request: Json, role: str) -> str:
    identity = pull_request.get(role) or {}
    return str(identity.get("uniqueName") or identity.get("displayName") or "unknown")
