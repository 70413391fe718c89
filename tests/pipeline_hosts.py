"""The two hosts that the contract of `PipelineProvider` is held against, each beside its Git host."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

import pytest

from adapters.azure_devops import AzureDevOpsPipelines
from adapters.memory.git_provider import MemoryGitProvider
from adapters.memory.pipeline_provider import MemoryPipelineProvider
from domain.kernel.work import Partition
from domain.ports import GitProvider, PipelineProvider
from domain.provided import FileContent, ProvidedRun, RepositoryHandle
from tests.azure_devops import AzureDevOpsEmulator, project_path
from tests.git_hosts import EmulatorHost
from tests.pipeline_yaml import PATH, YAML


@dataclass(frozen=True)
class PipelineCensus:
    """What there is in a partition; `standing` are the runs that were not taken back again."""

    pipelines: int
    runs: int
    standing: int
    hooks: int


class PipelineHost(Protocol):
    """A host of pipelines as its other users have it. Its runs go on by themselves, or are moved on."""

    @property
    def git(self) -> GitProvider: ...
    @property
    def pipelines(self) -> PipelineProvider: ...

    async def lose_answer(self, method: str) -> None:
        """The next call of this method has its effect, but its answer doesn't arrive."""

    async def push(self, handle: RepositoryHandle, path: str, content: str) -> str: ...
    async def census(self, partition: Partition) -> PipelineCensus: ...

    async def finished(self, partition: Partition, run_id: int, result: str = "succeeded") -> ProvidedRun:
        """The run once it has ended, as its YAML says: of `YAML` with three tests, coverage, an artifact."""

    async def gate(self, partition: Partition, environment: str) -> None:
        """From now on it wants somebody's approval."""

    async def at_gate(self, partition: Partition, run_id: int) -> str:
        """The approval that the run waits for, once it does."""


class MemoryPipelines(PipelineHost):
    def __init__(self) -> None:
        self._git = MemoryGitProvider()
        self._pipelines = MemoryPipelineProvider(self._git)

    @property
    def git(self) -> GitProvider:
        return self._git

    @property
    def pipelines(self) -> PipelineProvider:
        return self._pipelines

    async def lose_answer(self, method: str) -> None:
        self._pipelines.lose_answer(method)

    async def push(self, handle: RepositoryHandle, path: str, content: str) -> str:
        repository = self._git.repository(handle)
        there = path in repository.commits[repository.refs["main"]].tree
        change = FileContent(path, "edit" if there else "add", content.encode())
        return self._git.push(handle, "main", [change])

    async def census(self, partition: Partition) -> PipelineCensus:
        pipelines = self._pipelines.pipelines_of(partition)
        return PipelineCensus(
            pipelines=len(pipelines),
            runs=len(self._pipelines.runs_of(partition)),
            standing=sum(run.result != "canceled" for run in self._pipelines.runs_of(partition)),
            hooks=sum(len(pipeline.hooks) for pipeline in pipelines),
        )

    async def finished(self, partition: Partition, run_id: int, result: str = "succeeded") -> ProvidedRun:
        (run,) = (one for one in self._pipelines.runs_of(partition) if one.run_id == run_id)
        if run.state == "notStarted":
            self._pipelines.start(run_id)
        if result == "succeeded":
            log = "hello from the build\n"
            artifacts = {"packages": {"one.txt": b"one\n"}}
            suites = [("unit", 2, 1, 0)]
            self._pipelines.finish(
                run_id, result, tests=(2, 1), coverage=75.0, suites=suites, artifacts=artifacts, log=log
            )
        else:
            self._pipelines.finish(run_id, result)
        return run.view()

    async def gate(self, partition: Partition, environment: str) -> None:
        """A run meets its gate where `at_gate` is asked for."""

    async def at_gate(self, partition: Partition, run_id: int) -> str:
        self._pipelines.start(run_id)
        return self._pipelines.ask_approval(run_id)


_WRITES = {
    "ensure_pipeline": ("POST", "/_apis/pipelines$"),
    "register_pipeline_hooks": ("POST", "/hooks/subscriptions$"),
    "run_pipeline": ("POST", r"/pipelines/\d+/runs$"),
    "decide": ("PATCH", "/pipelines/approvals$"),
}


class EmulatorPipelines(PipelineHost):
    def __init__(self, host: EmulatorHost) -> None:
        self.emulator: AzureDevOpsEmulator = host.emulator
        self._host = host
        self.adapter = AzureDevOpsPipelines(host.adapter.projects)

    @property
    def git(self) -> GitProvider:
        return self._host.git

    @property
    def pipelines(self) -> PipelineProvider:
        return self.adapter

    async def lose_answer(self, method: str) -> None:
        await self.emulator.fault("cut-after-commit", *_WRITES[method])

    async def push(self, handle: RepositoryHandle, path: str, content: str) -> str:
        return await self.emulator.push(handle, "main", path, content)

    async def census(self, partition: Partition) -> PipelineCensus:
        project = project_path(partition)
        builds = await self.emulator.values(f"{project}/build/builds")
        hooks = await self.emulator.values(f"{partition.tenant_id}/_apis/hooks/subscriptions")
        return PipelineCensus(
            pipelines=len(await self.emulator.values(f"{project}/build/definitions")),
            runs=len(builds),
            standing=sum(one.get("result") != "canceled" and one["status"] != "cancelling" for one in builds),
            hooks=len(hooks),
        )

    async def finished(self, partition: Partition, run_id: int, result: str = "succeeded") -> ProvidedRun:
        async with asyncio.timeout(30):
            while True:
                found = await self.adapter.run(partition, run_id)
                if found is not None and found.state == "completed":
                    break
                await asyncio.sleep(0.1)
        assert found.result == result
        return found

    async def gate(self, partition: Partition, environment: str) -> None:
        path = f"_local/environments/{partition.tenant_id}/{partition.project_id}/{environment}"
        await self.emulator.request("PUT", path, {"approvers": ["ada@example.com"]})

    async def at_gate(self, partition: Partition, run_id: int) -> str:
        async with asyncio.timeout(10):
            while not (found := await self.adapter.approvals(partition, run_id)):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        return found[0].approval_id


@pytest.fixture
async def emulator_pipelines(emulator_host: EmulatorHost) -> AsyncIterator[EmulatorPipelines]:
    yield EmulatorPipelines(emulator_host)


@pytest.fixture(params=["memory", "azure_devops"])
def host(request: pytest.FixtureRequest) -> PipelineHost:
    """Each test that asks for it runs twice."""
    if request.param == "memory":
        return MemoryPipelines()
    found: EmulatorPipelines = request.getfixturevalue("emulator_pipelines")
    return found


@pytest.fixture
async def source(host: PipelineHost, partition: Partition) -> RepositoryHandle:
    """A repository with `YAML` on main."""
    made = await host.git.create_repository(
        partition, "shop-api", "main", initialize=True, operation_id="cmd-provision"
    )
    handle = RepositoryHandle(partition, made.external_id)
    await host.push(handle, PATH, YAML)
    return handle


@pytest.fixture
async def pipeline(host: PipelineHost, source: RepositoryHandle) -> str:
    return await host.pipelines.ensure_pipeline(source, "shop-api", PATH, "main")


async def read(parts: AsyncIterator[bytes]) -> bytes:
    return b"".join([part async for part in parts])
