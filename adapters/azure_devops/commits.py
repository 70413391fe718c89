"""Commits: each operation's exactly once, found again by the trailer in its message."""

import base64
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from adapters.azure_devops.branches import head_of, push
from adapters.azure_devops.client import Api
from adapters.azure_devops.errors import Kind, Refusal
from adapters.azure_devops.marks import marked, operation_of
from adapters.azure_devops.moments import moment, text_of
from adapters.azure_devops.paging import Json, skipping
from adapters.co_authors import NO_ADDRESS
from adapters.waiting import OutcomeUnknown
from domain.kernel.errors import Conflict, Rejected
from domain.provided import FileContent, ProvidedCommit

_TRIES = 10
_CLOCK_SKEW = timedelta(hours=1)
_TELLING = 40
"""Characters by which a cut comment is told from ours, so that few commits are read for nothing."""


async def create_commit(
    api: Api,
    repository_id: str,
    branch: str,
    message: str,
    changes: Sequence[FileContent],
    author: str,
    operation_id: str,
    since: datetime,
    expected_head: str | None = None,
) -> ProvidedCommit:
    comment = marked(message, operation_id)
    commit: Json = {
        "comment": comment,
        "author": _author(author),
        "changes": [_change(change) for change in changes],
    }
    unknown: OutcomeUnknown | None = None
    for attempt in range(_TRIES):
        # First the head, then the search from it, then the push that only succeeds on that same head:
        # an effect of an earlier try is either found or makes the push stale.
        head = await head_of(api, repository_id, branch)
        if head is None:
            raise Rejected(f"branch {branch} does not exist")
        sha = await _find(api, repository_id, head, comment, operation_id, since - _CLOCK_SKEW)
        if sha is None and expected_head not in (None, head):
            raise Conflict(f"branch {branch} is at {head} by now")
        try:
            if sha is None:
                sha = await push(api, repository_id, branch, head, commit)
            return await _read(api, repository_id, sha)
        except OutcomeUnknown as error:
            unknown = error
        except Refusal as refusal:
            if refusal.kind is Kind.REF_PROTECTED:
                raise Rejected(f"branch {branch} is protected: {refusal.message}") from refusal
            if refusal.kind is not Kind.REF_STALE:
                raise
            unknown = None
        # Short at first: what made the push stale is mostly a twin, which has done the work.
        await api.sleep(random.uniform(0.02, 0.1) * (attempt + 1))
    raise unknown or Conflict(f"others keep pushing to branch {branch}")


async def _find(
    api: Api, repository_id: str, head: str, comment: str, operation_id: str, earliest: datetime
) -> str | None:
    """The operation's commit in the history of `head`, as far back as `earliest`."""
    path = f"git/repositories/{repository_id}/commits"
    query = {"searchCriteria.itemVersion.version": head, "searchCriteria.itemVersion.versionType": "commit"}
    listed_head = False
    while not listed_head:
        async for page in skipping(api, path, query, prefix="searchCriteria."):
            listed_head = listed_head or any(commit["commitId"] == head for commit in page)
            if not listed_head:
                break
            for commit in page:
                if await _is_ours(api, path, commit, comment, operation_id):
                    return str(commit["commitId"])
            if all(_committed_at(commit) < earliest for commit in page):
                return None
        if not listed_head:
            api.trouble(f"its list of commits lags behind {head}")
            await api.pause()
    return None


async def _is_ours(api: Api, path: str, commit: Json, comment: str, operation_id: str) -> bool:
    listed = str(commit.get("comment") or "")
    if commit.get("commentTruncated"):
        telling = _collapsed(listed)[:_TELLING]
        if not _collapsed(comment).startswith(telling):
            return False
        whole = await api.get(f"{path}/{commit['commitId']}")
        listed = str(whole.get("comment") or "")
    return operation_of(listed) == operation_id


def _collapsed(text: str) -> str:
    return " ".join(text.removesuffix("...").split())


def _committed_at(commit: Json) -> datetime:
    return moment((commit.get("committer") or commit.get("author") or {}).get("date"))


async def _read(api: Api, repository_id: str, sha: str) -> ProvidedCommit:
    commit = await api.get(f"git/repositories/{repository_id}/commits/{sha}")
    parents = commit.get("parents") or []
    return ProvidedCommit(sha, str(commit["treeId"]), str(parents[0]) if parents else None)


def _author(author: str) -> Json:
    name = "".join(character for character in author if character not in "<>\n").strip() or "unknown"
    local = "".join(character if character.isalnum() or character in "._-" else "-" for character in name)
    email = name if "@" in name else f"{local}@{NO_ADDRESS}"
    return {"name": name, "email": email, "date": text_of(datetime.now(UTC))}


def _change(change: FileContent) -> Json:
    """One change as the service takes it."""
    result: Json = {"changeType": change.operation, "item": {"path": _path(change.path)}}
    if change.operation == "rename":
        result["sourceServerItem"] = _path(change.previous_path or "")
        if change.content is not None:
            result["changeType"] = "edit, rename"
    if change.operation != "delete" and change.content is not None:
        result["newContent"] = _content(change.content)
    return result


def _path(path: str) -> str:
    return "/" + path.lstrip("/")


def _content(content: bytes) -> Json:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\0"
    # What text handling on the way could change goes as bytes.
    if "\0" in text or "\r" in text or text.startswith("\ufeff"):
        return {"content": base64.b64encode(content).decode(), "contentType": "base64encoded"}
    return {"content": text, "contentType": "rawtext"}
