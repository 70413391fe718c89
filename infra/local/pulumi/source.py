"""A program's files out of its Git repository, at one commit, by the git command line."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from infra.local.emulation.programs import git_environment, run
from infra.local.pulumi.errors import OperationFailed

_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Credentials:
    username: str
    password: str


class Source:
    """A repository, fetched into a cache that is kept between deployments."""

    def __init__(self, cache: Path, url: str, credentials: Credentials | None) -> None:
        if url.startswith("-"):
            raise OperationFailed("invalid repoURL")
        self._url = url
        self._directory = cache / f"{hashlib.sha256(url.encode()).hexdigest()[:24]}.git"
        self._credentials = credentials

    async def resolve(self, branch: str | None, commit: str | None) -> str:
        """The commit to deploy, fetched; raises OperationFailed with git's own words."""
        if not self._directory.exists():
            self._directory.parent.mkdir(parents=True, exist_ok=True)
            await self._git("init", "-q", "--bare", "--template=", str(self._directory), bare=False)
        if commit is not None:
            return await self._resolve_commit(commit)
        name = (branch or "").removeprefix("refs/heads/")
        await self._fetch(f"+refs/heads/{name}:refs/heads/{name}")
        return await self._git("rev-parse", "--verify", f"refs/heads/{name}^{{commit}}")

    async def files(self, commit: str, directory: str, *names: str) -> dict[str, str]:
        """The texts of those files that are there."""
        folder = PurePosixPath(directory.strip("/") or ".")
        if ".." in folder.parts:
            raise OperationFailed(f"invalid repoDir {directory!r}")
        paths = {str(folder / name): name for name in names}
        listed = await self._git("ls-tree", "-z", "--name-only", commit, "--", *paths)
        found = [path for path in listed.split("\0") if path in paths]
        return {paths[path]: await self._git("show", f"{commit}:{path}") for path in found}

    async def _resolve_commit(self, commit: str) -> str:
        if not _COMMIT.fullmatch(commit):
            raise OperationFailed(f"{commit!r} is not the full hash of a commit")
        if not await self._has(commit):
            await self._fetch("+refs/heads/*:refs/heads/*")
        if not await self._has(commit):
            # Not on a branch any more, but perhaps still there.
            await self._fetch(commit)
        return commit

    async def _has(self, commit: str) -> bool:
        try:
            await self._git("cat-file", "-e", f"{commit}^{{commit}}")
        except OperationFailed:
            return False
        return True

    async def _fetch(self, refspec: str) -> None:
        await self._git("fetch", "-q", "--no-tags", "--", self._url, refspec)

    async def _git(self, *arguments: str, bare: bool = True) -> str:
        where = ("--git-dir", str(self._directory)) if bare else ()
        ended = await run("git", *where, *arguments, environment=self._environment())
        if ended.code != 0:
            raise OperationFailed(f"git {arguments[0]} failed: {self._redacted(ended.words)}")
        text = ended.output.decode("utf-8", "replace")
        return text if arguments[0] == "show" else text.strip()

    def _environment(self) -> dict[str, str]:
        settings = {"safe.directory": "*", "protocol.version": "2"}
        if self._credentials is not None and "://" in self._url:
            given = f"{self._credentials.username}:{self._credentials.password}".encode()
            settings["http.extraHeader"] = f"Authorization: Basic {base64.b64encode(given).decode()}"
        return {
            **git_environment(self._directory.parent, settings),
            "GIT_ALLOW_PROTOCOL": "file:http:https",
        }

    def _redacted(self, text: str) -> str:
        text = re.sub(r"(\w+://)[^/@\s]+@", r"\1***@", text)
        if self._credentials is not None and self._credentials.password:
            text = text.replace(self._credentials.password, "***")
        return text
