"""A real git repository that Flux follows."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.local.kubernetes.bootstrap import SOURCE, connect_environment
from infra.local.kubernetes.resources import GIT_REPOSITORY, KUSTOMIZATION
from tests.infra.test_azure_devops.git_client import git
from tests.infra.test_kubernetes.client import TOKEN, Home, Json

_tokens = itertools.count(1)
ASKED = "reconcile.fluxcd.io/requestedAt"


class GitOps:
    def __init__(self, home: Home, folder: Path) -> None:
        self.home = home
        self.folder = folder

    @classmethod
    async def connected(cls, home: Home, folder: Path) -> GitOps:
        """Over an empty kustomization, which Flux is about to apply."""
        made = cls(home, folder / "repository")
        made.folder.mkdir()
        await made.git("init", "-q", "-b", "main")
        await made.commit({"kustomization.yaml": {"resources": []}})
        await made.connect()
        return made

    async def connect(self, url: str | None = None, interval: str = "10m", **login: str) -> None:
        await connect_environment(
            self.home.cluster.url,
            TOKEN,
            namespace=self.home.name,
            git_url=url or f"file://{self.folder}",
            git_username=login.get("user", "flux"),
            git_password=login.get("password", "secret"),
            branch="main",
            path="./env",
            interval=interval,
        )

    async def git(self, *arguments: str) -> str:
        code, out = await git(*arguments, cwd=self.folder)
        assert code == 0, out
        return out.strip()

    async def commit(self, files: Mapping[str, Any]) -> str:
        """Files below `env` with the objects in them, as text or as objects, None to remove; the revision."""
        for name, content in files.items():
            file = self.folder / "env" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                file.unlink()
            else:
                objects = content if isinstance(content, list) else [content]
                file.write_text(content if isinstance(content, str) else yaml.safe_dump_all(objects))
        await self.git("add", "-A")
        await self.git("commit", "-qm", "change")
        return await self.revision()

    async def objects(self, *objects: Json) -> str:
        """Commit exactly these."""
        return await self.commit(
            {"kustomization.yaml": {"resources": ["objects.yaml"]}, "objects.yaml": list(objects)}
        )

    async def revision(self) -> str:
        return f"main@sha1:{await self.git('rev-parse', 'HEAD')}"

    async def ask(self) -> str:
        """Annotate the source, and the kustomization once the source has looked; the token."""
        token = f"token-{next(_tokens)}"
        patch = {"metadata": {"annotations": {ASKED: token}}}
        await self.home.merge(GIT_REPOSITORY, SOURCE, patch)
        await self.home.until(GIT_REPOSITORY, SOURCE, lambda body: _handled(body) == token)
        await self.home.merge(KUSTOMIZATION, self.home.name, patch)
        return token

    async def reconciled(self) -> Json:
        """The kustomization after a run that was asked for has ended."""
        token = await self.ask()
        return await self.until(lambda body: _handled(body) == token and not _is_underway(body))

    async def until_applied(self) -> Json:
        revision = await self.revision()
        return await self.until(
            lambda body: body["status"].get("lastAppliedRevision") == revision and not _is_underway(body)
        )

    async def stays_still(self) -> None:
        """Nothing happens to the kustomization for longer than a run takes."""
        held = await self.home.get(KUSTOMIZATION, self.home.name)
        version = held["metadata"]["resourceVersion"]
        query = f"fieldSelector=metadata.name={self.home.name}&resourceVersion={version}"
        path = KUSTOMIZATION.path(self.home.name)
        with pytest.raises(AssertionError, match="last seen: nothing"):
            await self.home.cluster.watch(path, lambda *_: True, query, timeout=0.5)
        assert held["status"].get("lastAttemptedRevision") != await self.revision()

    async def until(self, wanted: Callable[[Json], bool]) -> Json:
        return await self.home.until(KUSTOMIZATION, self.home.name, wanted)


def _handled(body: Json) -> Any:
    return body["status"].get("lastHandledReconcileAt")


def _is_underway(body: Json) -> bool:
    return any(
        condition["type"] == "Ready" and condition["status"] == "Unknown"
        for condition in body["status"].get("conditions", [])
    )
