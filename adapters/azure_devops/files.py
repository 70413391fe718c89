"""What a commit holds: its files' paths, and one file's bytes."""

from adapters.azure_devops.client import Api
from adapters.azure_devops.errors import Kind, Refusal
from adapters.azure_devops.streams import read_whole
from domain.kernel.errors import Rejected

MOST_PATHS = 100_000


async def file_paths(api: Api, repository_id: str, sha: str) -> list[str]:
    """Relative to the root, in order; at most `MOST_PATHS`."""
    query = {**_at(sha), "recursionLevel": "full", "scopePath": "/"}
    try:
        answer = await api.get(f"git/repositories/{repository_id}/items", query)
    except Refusal as refusal:
        raise _or_missing(refusal, sha) from refusal
    found = (str(item["path"]) for item in answer["value"] if item.get("gitObjectType") == "blob")
    return sorted(path.lstrip("/") for path in found)[:MOST_PATHS]


async def file(api: Api, repository_id: str, sha: str, path: str) -> bytes | None:
    query = {**_at(sha), "path": "/" + path.lstrip("/"), "$format": "octetStream"}
    try:
        return await read_whole(api, f"git/repositories/{repository_id}/items", query)
    except Refusal as refusal:
        if refusal.kind is Kind.ITEM_MISSING:
            return None
        raise _or_missing(refusal, sha) from refusal


def _at(sha: str) -> dict[str, str]:
    return {"versionDescriptor.version": sha, "versionDescriptor.versionType": "commit"}


def _or_missing(refusal: Refusal, sha: str) -> Exception:
    if refusal.kind is Kind.COMMIT_MISSING:
        return Rejected(f"commit {sha} does not exist")
    return refusal
