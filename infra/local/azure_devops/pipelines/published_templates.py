"""The organization's shared pipeline templates: a repository with one commit and tag for each version."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from infra.local.azure_devops import clock
from infra.local.azure_devops.commit_builder import build_commits
from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.git_store import ZERO, RefUpdate
from infra.local.azure_devops.identities import LOCAL_SERVICE, deterministic_id
from infra.local.azure_devops.projects import project_named
from infra.local.azure_devops.repositories import save_repository
from infra.local.emulation.state import Json

PROJECT = "ConnectSoft"
REPOSITORY = "ConnectSoft.AzurePipelines"
_VERSIONS = Path(__file__).parents[1] / "templates"
# In order, with the moment that makes each commit the same in every organization.
_PUBLISHED: Mapping[str, str] = {"v1.0.0": "2025-03-03T09:00:00Z", "v1.1.0": "2025-09-01T09:00:00Z"}
_BRANCH = "refs/heads/main"


class PublishedTemplates:
    """Seeds each organization once."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._seeded: set[str] = set()
        self._lock = asyncio.Lock()

    async def ensure(self, org: str) -> None:
        if org.lower() in self._seeded:
            return
        async with self._lock:
            if org.lower() not in self._seeded:
                await self._seed(org)
                self._seeded.add(org.lower())

    async def _seed(self, org: str) -> None:
        emulator = self._emulator
        project = project_named(emulator, org, PROJECT)
        repository_id = deterministic_id("published-templates", org)
        done = emulator.state.get("published-templates", org.lower(), repository_id)
        if done is not None or emulator.state.get("repository-name", project["id"], REPOSITORY.lower()):
            return
        # What a process left that ended in the middle of this is made anew.
        await emulator.git.delete(repository_id)
        await emulator.git.create(repository_id)
        repository: Json = {
            "id": repository_id,
            "name": REPOSITORY,
            "org": org,
            "projectId": project["id"],
            "isDisabled": False,
            "defaultBranch": _BRANCH,
            "createdDate": clock.now(),
        }
        await self._commit(repository_id)
        refs = await emulator.git.refs(repository_id)
        with emulator.state.transaction():
            save_repository(emulator, repository)
            emulator.state.put("repository-name", project["id"], REPOSITORY.lower(), {"id": repository_id})
            emulator.state.put("published-templates", org.lower(), repository_id, {})
            # No push is recorded: what was there from the start takes no number from the organization.
            for name, object_id in refs.items():
                ref = {"name": name, "objectId": object_id, "creator": LOCAL_SERVICE.render()}
                emulator.state.put("ref", repository_id, name, ref)

    async def _commit(self, repository_id: str) -> None:
        source = self._emulator.options.templates or _VERSIONS
        versions = await asyncio.to_thread(lambda: [_files(source / version) for version in _PUBLISHED])
        commits, before = [], dict[str, str]()
        for (version, moment), files in zip(_PUBLISHED.items(), versions, strict=True):
            who = {"name": LOCAL_SERVICE.name, "email": LOCAL_SERVICE.email, "date": moment}
            commits.append(
                {
                    "comment": f"Publish {version}",
                    "author": who,
                    "committer": who,
                    "changes": _changes(before, files),
                }
            )
            before = files
        built = await build_commits(self._emulator.git, repository_id, None, commits, LOCAL_SERVICE)
        tags = [
            RefUpdate(f"refs/tags/{version}", commit, ZERO)
            for version, commit in zip(_PUBLISHED, built.commits, strict=True)
        ]
        tip = RefUpdate(_BRANCH, built.commits[-1], ZERO)
        await self._emulator.git.update_refs(repository_id, tip, *tags, built.holder)


def _files(folder: Path) -> dict[str, str]:
    return {
        "/" + path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[Json]:
    changes: list[Json] = [
        {"changeType": "delete", "item": {"path": path}} for path in before if path not in after
    ]
    for path, content in after.items():
        if before.get(path) != content:
            changes.append(
                {
                    "changeType": "edit" if path in before else "add",
                    "item": {"path": path},
                    "newContent": {"content": content, "contentType": "rawtext"},
                }
            )
    return changes
