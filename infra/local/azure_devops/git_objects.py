"""Reading commits, trees and blobs out of a repository."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from infra.local.azure_devops.git_store import GitStore, Output

_FORMAT = "%x00".join(("%H", "%T", "%P", "%an", "%ae", "%at", "%cn", "%ce", "%ct", "%B"))
_FIELDS = 10


@dataclass(frozen=True)
class Signature:
    name: str
    email: str
    date: datetime


@dataclass(frozen=True)
class Commit:
    commit_id: str
    tree_id: str
    parents: tuple[str, ...]
    author: Signature
    committer: Signature
    comment: str


@dataclass(frozen=True)
class Entry:
    """A path in a tree, without a leading slash."""

    path: str
    mode: str
    kind: str
    object_id: str


@dataclass(frozen=True)
class Change:
    change_type: str
    path: str
    object_id: str
    original_object_id: str
    original_path: str | None = None


async def log(git: GitStore, repository_id: str, *arguments: str) -> list[Commit]:
    found = await git.run(repository_id, "log", "-z", f"--format=tformat:{_FORMAT}", *arguments)
    return _commits(found)


async def commits_by_id(git: GitStore, repository_id: str, ids: Sequence[str]) -> list[Commit]:
    """Exactly these commits, in this order."""
    if not ids:
        return []
    stdin = "".join(f"{commit}\n" for commit in ids).encode()
    found = await git.run(
        repository_id,
        "log",
        "-z",
        f"--format=tformat:{_FORMAT}",
        "--no-walk=unsorted",
        "--stdin",
        stdin=stdin,
    )
    return _commits(found)


def _commits(found: Output) -> list[Commit]:
    fields = found.stdout.decode("utf-8", "replace").split("\0")[:-1]
    records = (fields[i : i + _FIELDS] for i in range(0, len(fields), _FIELDS))
    return [
        Commit(
            commit_id=record[0],
            tree_id=record[1],
            parents=tuple(record[2].split()),
            author=_signature(record[3:6]),
            committer=_signature(record[6:9]),
            comment=record[9].removesuffix("\n"),
        )
        for record in records
    ]


def _signature(fields: list[str]) -> Signature:
    return Signature(fields[0], fields[1], datetime.fromtimestamp(int(fields[2]), UTC))


async def tree(git: GitStore, repository_id: str, commit: str, *options: str, path: str = "") -> list[Entry]:
    """What a commit holds; options go to ls-tree (-r files only, -r -t directories too)."""
    found = await git.run(
        repository_id, "ls-tree", "-z", "--full-tree", *options, commit, *(("--", path) if path else ())
    )
    entries = []
    for record in found.stdout.decode("utf-8", "surrogateescape").split("\0")[:-1]:
        head, _, name = record.partition("\t")
        mode, kind, object_id = head.split(" ")
        entries.append(Entry(name, mode, kind, object_id))
    return entries


async def blob(git: GitStore, repository_id: str, object_id: str) -> bytes:
    return (await git.run(repository_id, "cat-file", "blob", object_id)).stdout


_CHANGE_TYPES = {"A": "add", "M": "edit", "D": "delete", "R": "rename", "T": "edit"}


async def changes(git: GitStore, repository_id: str, base: str | None, target: str) -> list[Change]:
    """Files that differ between two commits; without a base everything is an addition."""
    sides = (base, target) if base else ("--root", target)
    found = await git.run(
        repository_id, "diff-tree", "-r", "-z", "-M", "--no-commit-id", "--raw", "--no-abbrev", *sides
    )
    fields = found.stdout.decode("utf-8", "surrogateescape").split("\0")[:-1]
    result = []
    index = 0
    while index < len(fields):
        _, _, old, new, letter = fields[index].lstrip(":").split(" ")
        renamed = letter[0] == "R"
        original = fields[index + 1] if renamed else None
        path = fields[index + (2 if renamed else 1)]
        result.append(Change(_CHANGE_TYPES.get(letter[0], "edit"), path, new, old, original))
        index += 3 if renamed else 2
    return result
