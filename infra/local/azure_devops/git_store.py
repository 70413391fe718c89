"""Bare repositories on disk, driven by the git command line; one writer at a time per repository."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.local.azure_devops.errors import PROTECTED_BRANCH
from infra.local.emulation.programs import git_environment

ZERO = "0" * 40

# Read by receive-pack through core.hooksPath: the refs that a push may not touch come in the environment.
_UPDATE_HOOK = f"""#!/bin/sh
case "$1" in
refs/heads/*|refs/tags/*) ;;
*) echo "TF401027: You need the Git permission to update $1." >&2; exit 1 ;;
esac
if printf '%s\\n' "$AZURE_DEVOPS_PROTECTED_REFS" | grep -Fxq -- "$1"; then
  echo "{PROTECTED_BRANCH}" >&2
  exit 1
fi
"""

_SETTINGS = {
    "gc.auto": "0",
    "receive.autogc": "false",
    "receive.denyDeleteCurrent": "ignore",
    "http.receivepack": "true",
    "uploadpack.allowAnySHA1InWant": "true",
    "uploadpack.allowFilter": "true",
}


class GitFailed(RuntimeError):
    """git ended with a code that the caller did not expect."""


@dataclass(frozen=True)
class Output:
    code: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        return self.stdout.decode("utf-8", "replace").strip()


@dataclass(frozen=True)
class RefUpdate:
    name: str
    new: str
    old: str


class GitStore:
    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self._hooks = root / "hooks"
        self._hooks.mkdir(exist_ok=True)
        hook = self._hooks / "update"
        hook.write_text(_UPDATE_HOOK)
        hook.chmod(0o755)
        self._locks: dict[str, asyncio.Lock] = {}
        self._processes = asyncio.Semaphore(8)

    def path(self, repository_id: str) -> Path:
        return self.root / f"{repository_id}.git"

    def lock(self, repository_id: str) -> asyncio.Lock:
        """Held by whoever writes to the repository, from its checks to the record of its push."""
        return self._locks.setdefault(repository_id, asyncio.Lock())

    def environment(self) -> dict[str, str]:
        settings = {**_SETTINGS, "core.hooksPath": str(self._hooks)}
        return {**git_environment(self.root, settings), "TZ": "UTC"}

    async def run(
        self,
        repository_id: str,
        *arguments: str,
        stdin: bytes = b"",
        expect: Sequence[int] = (0,),
        environment: dict[str, str] | None = None,
    ) -> Output:
        """Run git in the repository; a code outside expect raises GitFailed with git's own words."""
        async with self._processes:
            process = await asyncio.create_subprocess_exec(
                "git",
                "--git-dir",
                str(self.path(repository_id)),
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={**self.environment(), **(environment or {})},
            )
            stdout, stderr = await process.communicate(stdin)
        code = process.returncode if process.returncode is not None else -1
        if code not in expect:
            words = stderr.decode("utf-8", "replace").strip()
            raise GitFailed(f"git {arguments[0]} ended with {code}: {words}")
        return Output(code, stdout, stderr)

    async def create(self, repository_id: str) -> None:
        await self.run(repository_id, "init", "-q", "--bare", "--template=", "-b", "main")

    async def delete(self, repository_id: str) -> None:
        await asyncio.to_thread(shutil.rmtree, self.path(repository_id), True)
        self._locks.pop(repository_id, None)

    async def refs(self, repository_id: str, *patterns: str) -> dict[str, str]:
        """Ref names with their object ids; without patterns branches and tags."""
        found = await self.run(
            repository_id,
            "for-each-ref",
            "--format=%(objectname) %(refname)",
            *(patterns or ("refs/heads", "refs/tags")),
        )
        pairs = (line.split(" ", 1) for line in found.text.splitlines())
        return {name: object_id for object_id, name in pairs}

    async def ref(self, repository_id: str, name: str) -> str | None:
        """The object id of exactly this ref."""
        return (await self.refs(repository_id, name)).get(name)

    async def commit_id(self, repository_id: str, revision: str) -> str | None:
        """The commit that a revision names, or None."""
        found = await self.run(
            repository_id,
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            revision + "^{commit}",
            expect=(0, 1, 128),
        )
        return found.text if found.code == 0 else None

    async def update_refs(self, repository_id: str, *updates: RefUpdate) -> None:
        """All updates or none, each against its old value; zeros mean absent."""
        lines = "".join(
            f"delete {u.name} {u.old}\n" if u.new == ZERO else f"update {u.name} {u.new} {u.old}\n"
            for u in updates
        )
        await self.run(repository_id, "update-ref", "--stdin", stdin=lines.encode())

    async def is_ancestor(self, repository_id: str, ancestor: str, descendant: str) -> bool:
        found = await self.run(
            repository_id, "merge-base", "--is-ancestor", ancestor, descendant, expect=(0, 1)
        )
        return found.code == 0


async def valid_ref_name(git: GitStore, repository_id: str, name: str) -> bool:
    if not name.startswith(("refs/heads/", "refs/tags/")):
        return False
    return (await git.run(repository_id, "check-ref-format", name, expect=(0, 1))).code == 0
