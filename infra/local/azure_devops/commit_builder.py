"""Turns the changes of a REST push into commits with one fast-import run, however many files there are."""

from __future__ import annotations

import base64
import binascii
import hashlib
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from infra.local.azure_devops import clock, git_objects
from infra.local.azure_devops.errors import invalid_argument
from infra.local.azure_devops.git_objects import Signature
from infra.local.azure_devops.git_store import ZERO, GitStore, RefUpdate
from infra.local.azure_devops.identities import Identity
from infra.local.emulation.state import Json

_NEW_FILE = "100644"


@dataclass
class _File:
    mode: str
    object_id: str


@dataclass(frozen=True)
class Built:
    """The commits, oldest first, and the ref that keeps them until the branch does."""

    commits: list[str]
    holder: RefUpdate


async def build_commits(
    git: GitStore, repository_id: str, base: str | None, commits: list[Json], identity: Identity
) -> Built:
    """Commits on top of base (None: a root commit); a change that does not fit the tree is refused."""
    files: dict[str, _File] = {}
    if base is not None:
        for entry in await git_objects.tree(git, repository_id, base, "-r"):
            files[entry.path] = _File(entry.mode, entry.object_id)
    holder = f"refs/emulator/{uuid.uuid4()}"
    stream: list[bytes] = []
    for number, commit in enumerate(commits, start=1):
        commands = _changes(files, commit)
        author = signature(commit.get("author"), identity)
        committer = signature(commit.get("committer"), identity)
        comment = str(commit.get("comment") or "").encode()
        stream += [
            f"commit {holder}\nmark :{number}\n".encode(),
            _signature_line("author", author),
            _signature_line("committer", committer),
            b"data %d\n%s\n" % (len(comment), comment),
        ]
        if number == 1 and base is not None:
            stream.append(f"from {base}\n".encode())
        stream += commands
        stream.append(b"\n")
    stream += [b"get-mark :%d\n" % number for number in range(1, len(commits) + 1)]
    built = await git.run(repository_id, "fast-import", "--quiet", stdin=b"".join(stream))
    ids = built.text.split()
    return Built(ids, RefUpdate(holder, ZERO, ids[-1]))


def signature(given: Any, identity: Identity) -> Signature:
    """Author or committer as given; what is missing is the caller, now."""
    values = given if isinstance(given, dict) else {}
    date = values.get("date")
    return Signature(
        str(values.get("name") or identity.name),
        str(values.get("email") or identity.email),
        clock.parse(str(date)) if date else datetime.now(UTC),
    )


def _signature_line(role: str, who: Signature) -> bytes:
    name, email = (part.translate({ord(c): None for c in "<>\n\0"}) for part in (who.name, who.email))
    return f"{role} {name} <{email}> {int(who.date.timestamp())} +0000\n".encode()


def _changes(files: dict[str, _File], commit: Json) -> list[bytes]:
    changes = commit.get("changes")
    if not isinstance(changes, list) or not changes:
        raise invalid_argument("A commit must have at least one change. Parameter name: newPush")
    commands: list[bytes] = []
    touched: set[str] = set()
    for change in changes:
        path = _path((change.get("item") or {}).get("path"))
        if path in touched:
            raise invalid_argument(f"Multiple operations were attempted on file '/{path}' in one request.")
        touched.add(path)
        commands += _apply(files, change, path)
    return commands


def _apply(files: dict[str, _File], change: Json, path: str) -> list[bytes]:
    kinds = {kind.strip() for kind in str(change.get("changeType", "")).lower().split(",")}
    if "rename" in kinds:
        source = _path(change.get("sourceServerItem"))
        _require_present(files, source, "rename")
        _require_absent(files, path, "rename", leaving=source)
        moved = files.pop(source)
        commands = [b"D " + _quoted(source) + b"\n"]
        if change.get("newContent"):
            return commands + _write(files, change, path, moved.mode)
        files[path] = moved
        return [*commands, f"M {moved.mode} {moved.object_id} ".encode() + _quoted(path) + b"\n"]
    if kinds == {"add"}:
        _require_absent(files, path, "add")
        return _write(files, change, path, _NEW_FILE)
    if kinds == {"edit"}:
        _require_present(files, path, "edit")
        return _write(files, change, path, files[path].mode)
    if kinds == {"delete"}:
        _require_present(files, path, "delete")
        del files[path]
        return [b"D " + _quoted(path) + b"\n"]
    raise invalid_argument(f"The change type '{change.get('changeType')}' is not supported.")


def _write(files: dict[str, _File], change: Json, path: str, mode: str) -> list[bytes]:
    content = _content(change.get("newContent"))
    header = b"blob %d\0" % len(content)
    files[path] = _File(mode, hashlib.sha1(header + content, usedforsecurity=False).hexdigest())
    return [b"M %s inline %s\ndata %d\n" % (mode.encode(), _quoted(path), len(content)), content, b"\n"]


def _content(given: Any) -> bytes:
    if not isinstance(given, dict) or not isinstance(given.get("content"), str):
        raise invalid_argument("A change that writes a file must carry newContent.content.")
    text: str = given["content"]
    kind = str(given.get("contentType", "rawtext")).lower()
    if kind == "rawtext":
        return text.encode()
    if kind == "base64encoded":
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise invalid_argument("newContent.content is not valid base64.") from error
    raise invalid_argument(f"The content type '{given.get('contentType')}' is not supported.")


def _path(value: Any) -> str:
    path = value.removeprefix("/") if isinstance(value, str) else ""
    parts = path.split("/")
    if not path or "\0" in path or any(part in ("", ".", "..") or part.lower() == ".git" for part in parts):
        raise invalid_argument(f"The path '{value}' is not valid. Parameter name: newPush")
    return path


def _require_present(files: dict[str, _File], path: str, operation: str) -> None:
    if path not in files:
        raise invalid_argument(
            f"The path '/{path}' specified in the {operation} operation does not exist. "
            "Please specify an existing path. Parameter name: newPush"
        )


def _require_absent(files: dict[str, _File], path: str, operation: str, leaving: str | None = None) -> None:
    parents = {path[:index] for index, letter in enumerate(path) if letter == "/"}
    directory = path + "/"
    blocked = (parents | {path}) & files.keys() - {leaving}
    if blocked or any(name.startswith(directory) for name in files if name != leaving):
        raise invalid_argument(
            f"The path '/{path}' specified in the {operation} operation already exists. "
            "Please specify a new path. Parameter name: newPush"
        )


def _quoted(path: str) -> bytes:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return b'"' + escaped.encode("utf-8", "surrogateescape") + b'"'
