"""What gitops tests begin with: an environment with a branch, an agent, and people who meddle with both."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, override

import yaml

from adapters.memory.gitops_agent import Head, MemoryGitOpsAgent
from domain.devops.delivery.delivery_policy import ConfigureDelivery
from domain.devops.gitops.gitops_sync_state import GitOpsSyncState, ObserveGitOps, SyncGitOps
from domain.devops.source_control.repository import Repository
from domain.kernel.naming import environment_namespace
from domain.provided import (
    EnvironmentHandle,
    FileContent,
    ProvidedDrift,
    ProvidedResource,
    ProvidedSync,
)
from tests.domain.devops.source_control.given import a_repository
from tests.domain.happened import Happened
from tests.domain.world import World

ENVIRONMENT, BRANCH = "dev", "env/dev"
NAMES = ("api", "web")


class Cluster(MemoryGitOpsAgent):
    """An agent, and what somebody does behind its back."""

    def __init__(self, head: Head) -> None:
        super().__init__(head)
        self.tokens: list[str] = []
        """What it was asked with."""
        self.is_deaf = False
        """True: it takes what it is asked for, and does nothing."""
        self.before_sync: Callable[[], Awaitable[object]] | None = None
        """What happens just before it next tells what it has come to."""
        self.after_drift: Callable[[], Awaitable[object]] | None = None
        """What happens just after what runs was compared next."""
        self._instead: dict[EnvironmentHandle, str] = {}

    def applied_instead(self, environment: EnvironmentHandle, sha: str) -> None:
        """Somebody has another commit applied, until the agent applies what is desired."""
        self._instead[environment] = sha

    @override
    def finish(self) -> None:
        super().finish()
        self._instead.clear()

    @override
    async def reconcile(self, environment: EnvironmentHandle, *, token: str) -> None:
        self.tokens.append(token)
        if self.is_deaf:
            return
        await super().reconcile(environment, token=token)
        found = await super().sync(environment)
        if found is not None and found.ready is True:
            self._instead.pop(environment, None)

    @override
    async def sync(self, environment: EnvironmentHandle) -> ProvidedSync | None:
        happening, self.before_sync = self.before_sync, None
        if happening is not None:
            await happening()
        found = await super().sync(environment)
        if found is None or environment not in self._instead:
            return found
        return replace(found, applied_sha=self._instead[environment])

    @override
    async def drift(
        self, environment: EnvironmentHandle, desired: Sequence[Mapping[str, Any]]
    ) -> Sequence[ProvidedDrift]:
        found = await super().drift(environment, desired)
        happening, self.after_drift = self.after_drift, None
        if happening is not None:
            await happening()
        return found


class Environment:
    """`dev` of a project with a GitOps repository."""

    def __init__(self, world: World, repository: Repository) -> None:
        self.world, self.repository = world, repository
        self.handle = EnvironmentHandle(world.partition, ENVIRONMENT)
        self.agent = world.agent = Cluster(self._head)

    async def _head(self, _: object, environment: str) -> str | None:
        return await self.world.git.branch_head(self.repository.handle, f"env/{environment}")

    @property
    async def head(self) -> str:
        found = await self.world.git.branch_head(self.repository.handle, BRANCH)
        assert found is not None
        return found

    async def commit(self, author: str = "ada@connectsoft.example") -> str:
        """We commit another version of its module; the commit."""
        world, handle = self.world, self.repository.handle
        if await world.git.branch_head(handle, BRANCH) is None:
            main = await world.git.branch_head(handle, "main")
            assert main is not None
            await world.git.create_branch(handle, BRANCH, main)
        version = world.name("version")
        made = await world.git.create_commit(
            handle,
            BRANCH,
            version,
            self._changes(files_of(version)),
            author=author,
            operation_id=version,
            since=world.clock.now(),
        )
        return made.sha

    async def push(self, files: Mapping[str, bytes] | None = None) -> str:
        """Somebody else pushes to its branch."""
        changes = self._changes(files or files_of(self.world.name("theirs")))
        return self.world.git.push(self.repository.handle, BRANCH, changes, author="eve")

    def _changes(self, files: Mapping[str, bytes]) -> list[FileContent]:
        repository = self.world.git.repository(self.repository.handle)
        there = repository.commits[repository.refs[BRANCH]].tree
        return [
            FileContent(path, "edit" if f"/{path}" in there else "add", content)
            for path, content in files.items()
        ]

    def reset(self, sha: str | None) -> None:
        """Somebody has the branch begin at another commit, or deletes it."""
        repository = self.world.git.repository(self.repository.handle)
        if sha is None:
            del repository.refs[BRANCH]
        else:
            repository.set_ref(BRANCH, sha, self.world.clock.now())

    async def tick(self) -> None:
        """The agent does by itself what it does every few minutes."""
        await MemoryGitOpsAgent.reconcile(self.agent, self.handle, token=self.world.name("interval"))
        self.agent.tokens = [one for one in self.agent.tokens if not one.startswith("interval")]

    def resource(self, name: str = "api") -> ProvidedResource:
        namespace = environment_namespace(self.world.partition, ENVIRONMENT)
        return ProvidedResource("v1", "ConfigMap", namespace, name)

    def drifts(self, name: str = "api", change: str = "data.version is changed") -> None:
        """Somebody changes an object in the cluster."""
        self.agent.drifted(self.handle, self.resource(name), change)

    async def look(self) -> Happened:
        """What the timer sends is handled."""
        return await self.world.when(ObserveGitOps(environment=ENVIRONMENT))

    async def sync(self) -> Happened:
        return await self.world.when(SyncGitOps(environment=ENVIRONMENT))

    async def refused(self, environment: str = ENVIRONMENT) -> str:
        return await self.world.refused(SyncGitOps(environment=environment))

    @property
    def id(self) -> str:
        return GitOpsSyncState.id_for(self.world.partition, ENVIRONMENT)

    async def find(self) -> GitOpsSyncState | None:
        loaded = await self.world.store.load(self.world.partition, GitOpsSyncState, self.id)
        return loaded.aggregate if loaded is not None else None

    @property
    async def state(self) -> GitOpsSyncState:
        return await self.world.read(GitOpsSyncState, self.id)


async def an_environment(world: World) -> Environment:
    """Nothing has been promoted to it yet."""
    repository = await a_repository(world)
    await world.when(ConfigureDelivery(gitops_repository_id=repository.repository_id))
    return Environment(world, repository)


async def a_synced_environment(world: World) -> Environment:
    """One commit is applied there, and found to be."""
    environment = await an_environment(world)
    await environment.commit()
    await environment.sync()
    return environment


def manifest(version: str) -> bytes:
    objects = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"version": version}}
        for name in NAMES
    ]
    return str(yaml.safe_dump_all(objects)).encode()


def kustomization(*resources: str) -> bytes:
    head = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    return str(yaml.safe_dump({**head, "resources": list(resources)})).encode()


def files_of(version: str) -> dict[str, bytes]:
    return {
        "kustomization.yaml": kustomization("reservations"),
        "reservations/kustomization.yaml": kustomization("manifest.yaml"),
        "reservations/manifest.yaml": manifest(version),
    }
