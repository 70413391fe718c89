"""A bare mirror of one git repository, pulled with git itself."""

from __future__ import annotations

import asyncio
import base64
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.emulation.programs import git_environment, run


class GitFailed(Exception):
    """In git's own words."""


@dataclass(frozen=True)
class Login:
    """Sent as a header, so that no command line shows it."""

    header: str = ""

    @classmethod
    def basic(cls, user: str, password: str) -> Login:
        return cls("Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())

    @classmethod
    def bearer(cls, token: str) -> Login:
        return cls(f"Bearer {token}")


class GitMirror:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def pull(self, url: str, ref: Mapping[str, Any], login: Login, timeout: float) -> tuple[str, str]:
        """The revision (`branch@sha1:<sha>`) and its commit, fetched unless it is here; raises GitFailed."""
        try:
            async with asyncio.timeout(timeout):
                return await self._pull(url, ref, login)
        except TimeoutError:
            raise GitFailed(f"timed out after {timeout:g}s") from None

    async def _pull(self, url: str, ref: Mapping[str, Any], login: Login) -> tuple[str, str]:
        if not (self.folder / "HEAD").exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            await self._git("init", "-q", "--bare", "--template=")
        name, spoken = _ref(ref)
        remote = (await self._git("ls-remote", "--", url, name, f"{name}^{{}}", login=login)).split("\n")
        found = {line.partition("\t")[2]: line.partition("\t")[0] for line in remote}
        commit = found.get(f"{name}^{{}}") or found.get(name)
        if commit is None:
            raise GitFailed(f'couldn\'t find remote ref "{name}"')
        if not await self._has(commit):
            await self._git("fetch", "-q", "--no-tags", "--", url, f"+{name}:{name}", login=login)
            commit = await self._git("rev-parse", f"{name}^{{commit}}")
        pinned = ref.get("commit")
        if pinned:
            if not await self._has(pinned):
                raise GitFailed(f"object not found: {pinned}")
            commit = pinned
        return f"{spoken}@sha1:{commit}", commit

    async def _has(self, commit: str) -> bool:
        try:
            await self._git("cat-file", "-e", f"{commit}^{{commit}}")
        except GitFailed:
            return False
        return True

    async def export(self, commit: str, target: Path) -> None:
        """The files of that commit; raises GitFailed."""
        archive = await self._run("archive", "--format=tar", commit)

        def unpack() -> None:
            with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
                tar.extractall(target, filter="data")

        await asyncio.to_thread(unpack)

    async def _git(self, *arguments: str, login: Login = Login()) -> str:
        return (await self._run(*arguments, login=login)).decode("utf-8", "replace").strip()

    async def _run(self, *arguments: str, login: Login = Login()) -> bytes:
        ended = await run("git", *arguments, environment=self._environment(login), cwd=self.folder)
        if ended.code != 0:
            raise GitFailed(ended.words or f"git ended with {ended.code}")
        return ended.output

    def _environment(self, login: Login) -> dict[str, str]:
        settings = {"safe.directory": "*", "protocol.file.allow": "always", "gc.auto": "0"}
        if login.header:
            settings["http.extraHeader"] = f"Authorization: {login.header}"
        return {
            **git_environment(self.folder, settings),
            "GIT_DIR": str(self.folder),
            "GIT_ASKPASS": "true",
        }


def _ref(ref: Mapping[str, Any]) -> tuple[str, str]:
    """The ref to fetch, and how revisions call it."""
    if ref.get("name"):
        return str(ref["name"]), str(ref["name"])
    if ref.get("tag"):
        return f"refs/tags/{ref['tag']}", str(ref["tag"])
    branch = str(ref.get("branch") or "master")
    return f"refs/heads/{branch}", branch
