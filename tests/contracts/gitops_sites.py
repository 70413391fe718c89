"""The GitOps agents that the contract is held against, with the branches that they follow."""

import asyncio
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import yaml

from adapters.kubernetes.flux import FluxAgent
from adapters.kubernetes.kinds import GIT_REPOSITORY, KUSTOMIZATION
from adapters.memory.gitops_agent import MemoryGitOpsAgent
from domain.kernel.work import Partition
from domain.ports import GitOpsAgent
from domain.provided import EnvironmentHandle, ProvidedResource, ProvidedSync
from tests.environments import Json, RunningCluster, namespace_of, until


class GitOpsSite(Protocol):
    """An agent, and the others who have to do with what it looks after."""

    @property
    def agent(self) -> GitOpsAgent: ...

    async def connect(self, environment: EnvironmentHandle) -> None:
        """The environment gets an agent; before it has none."""

    async def commit(self, environment: EnvironmentHandle, objects: Sequence[Json]) -> str:
        """The commit by which the environment's branch has these objects and no others."""

    async def break_branch(self, environment: EnvironmentHandle) -> str:
        """The commit by which the branch holds nothing that could be applied."""

    async def hold(self) -> None:
        """What is asked for stays under way until `finish`."""

    async def finish(self) -> None: ...

    async def scale(self, environment: EnvironmentHandle, name: str, replicas: int, before: int) -> None:
        """Somebody changes a Deployment by hand."""

    async def delete(self, environment: EnvironmentHandle, resource: ProvidedResource) -> None: ...

    async def traces(self, environment: EnvironmentHandle) -> object:
        """What any work of the agent would change."""


async def handled(site: GitOpsSite, environment: EnvironmentHandle, token: str) -> ProvidedSync:
    """Ask for it, twice as always, and wait until it has been carried out."""
    for _ in range(2):
        await site.agent.reconcile(environment, token=token)

    async def read() -> ProvidedSync | None:
        return await site.agent.sync(environment)

    found = await until(read, lambda sync: sync is not None and sync.handled_token == token)
    assert found is not None
    return found


class MemorySite(GitOpsSite):
    def __init__(self) -> None:
        self._heads: dict[EnvironmentHandle, str] = {}
        self._broken: set[str] = set()
        self._memory = MemoryGitOpsAgent(self._head)

    @property
    def agent(self) -> GitOpsAgent:
        return self._memory

    async def _head(self, partition: Partition, environment: str) -> str | None:
        head = self._heads.get(EnvironmentHandle(partition, environment))
        if head in self._broken:
            self._memory.fail("kustomize build failed")
        return head

    def unconnected(self, environment: EnvironmentHandle) -> None:
        self._memory.disconnect(environment)

    async def connect(self, environment: EnvironmentHandle) -> None:
        self._memory.connect(environment)

    async def commit(self, environment: EnvironmentHandle, objects: Sequence[Json]) -> str:
        if self._heads.get(environment) in self._broken:
            self._memory.finish()
        self._memory.applies(environment, [_resource(environment, one) for one in objects])
        return self._next(environment)

    async def break_branch(self, environment: EnvironmentHandle) -> str:
        sha = self._next(environment)
        self._broken.add(sha)
        return sha

    async def hold(self) -> None:
        self._memory.hold()

    async def finish(self) -> None:
        self._memory.finish()

    async def scale(self, environment: EnvironmentHandle, name: str, replicas: int, before: int) -> None:
        resource = ProvidedResource("apps/v1", "Deployment", namespace_of(environment), name)
        self._memory.drifted(environment, resource, f"spec.replicas is {replicas}, not {before}")

    async def delete(self, environment: EnvironmentHandle, resource: ProvidedResource) -> None:
        self._memory.drifted(environment, resource, "is gone")

    async def traces(self, environment: EnvironmentHandle) -> object:
        return self._memory.effects.copy()

    def _next(self, environment: EnvironmentHandle) -> str:
        sha = f"{len(self._heads) + int(self._heads.get(environment, '0'), 16) + 1:040x}"
        self._heads[environment] = sha
        return sha


class FluxSite(GitOpsSite):
    def __init__(self, cluster: RunningCluster, folder: Path) -> None:
        self._cluster, self._folder = cluster, folder
        self.api = cluster.api()
        self._agent = FluxAgent(self.api)

    @property
    def agent(self) -> GitOpsAgent:
        return self._agent

    async def connect(self, environment: EnvironmentHandle) -> None:
        await self._cluster.connect(environment, self._repository(environment))

    async def commit(self, environment: EnvironmentHandle, objects: Sequence[Json]) -> str:
        files = {f"{number}.yaml": yaml.safe_dump(one) for number, one in enumerate(objects)}
        return await self._commit(
            environment, {**files, "kustomization.yaml": yaml.safe_dump({"resources": list(files)})}
        )

    async def break_branch(self, environment: EnvironmentHandle) -> str:
        return await self._commit(environment, {"kustomization.yaml": "resources: [missing.yaml]\n"})

    async def hold(self) -> None:
        """Nothing becomes healthy while no pod gets on."""
        await self._cluster.pause("pods")

    async def finish(self) -> None:
        await self._cluster.resume()

    async def scale(self, environment: EnvironmentHandle, name: str, replicas: int, before: int) -> None:
        where = {"namespace": namespace_of(environment), "name": name}
        patch = {"spec": {"replicas": replicas}}
        drift = {"apiVersion": "apps/v1", "kind": "Deployment", **where, "patch": patch}
        await self._cluster.local("POST", "drift", drift)

    async def delete(self, environment: EnvironmentHandle, resource: ProvidedResource) -> None:
        what = {"apiVersion": resource.api_version, "kind": resource.kind, "name": resource.name}
        where = {"namespace": namespace_of(environment), "delete": True}
        await self._cluster.local("POST", "drift", {**what, **where})

    async def traces(self, environment: EnvironmentHandle) -> object:
        namespace = namespace_of(environment)
        paths = GIT_REPOSITORY.path(namespace, "gitops"), KUSTOMIZATION.path(namespace, namespace)
        return [(await self._cluster.get(path))["metadata"]["resourceVersion"] for path in paths]

    def _repository(self, environment: EnvironmentHandle) -> Path:
        return self._folder / namespace_of(environment)

    async def _commit(self, environment: EnvironmentHandle, files: dict[str, str]) -> str:
        repository = self._repository(environment)
        if not repository.exists():
            repository.mkdir(parents=True)
            await _git(repository, "init", "-q", "-b", f"env/{environment.environment}")
        for path in repository.iterdir():
            if path.name != ".git":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        for name, content in files.items():
            (repository / name).write_text(content)
        await _git(repository, "add", "-A")
        await _git(repository, "commit", "-q", "--allow-empty", "-m", "change")
        return await _git(repository, "rev-parse", "HEAD")


async def _git(repository: Path, *arguments: str) -> str:
    who = {"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@factory.example"}
    who |= {name.replace("AUTHOR", "COMMITTER"): value for name, value in who.items()}
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    process = await asyncio.create_subprocess_exec(
        *("git", "-C", str(repository), *arguments),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **who, **alone},
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, arguments
    return out.decode().strip()


def _resource(environment: EnvironmentHandle, one: dict[str, Any]) -> ProvidedResource:
    return ProvidedResource(
        one["apiVersion"], one["kind"], namespace_of(environment), one["metadata"]["name"]
    )
