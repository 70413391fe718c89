"""What pipeline tests begin with: a module's repository, its pipeline, a run of it, what the run came to."""

import json
from collections.abc import AsyncIterator
from typing import Any, override

from adapters.memory.blob_store import MemoryBlobStore
from domain.devops.pipelines.build_result import BuildResult
from domain.devops.pipelines.pipeline_definition import (
    DEFINITION_PATH,
    GeneratePipeline,
    PipelineDefinition,
    PipelineGenerated,
)
from domain.devops.pipelines.pipeline_run import ObserveRun, PipelineRun, PipelineRunStarted, RunPipeline
from domain.devops.source_control.pull_request import PullRequest, PullRequestOpened
from domain.devops.source_control.repository import BranchProtection, Repository
from domain.kernel.work import Partition
from domain.provided import BlobHandle, FileContent
from tests.domain.devops.source_control.given import a_repository, head_of
from tests.domain.happened import Happened
from tests.domain.world import World
from tests.packages import nupkg

PYTHON = ("pyproject.toml", "src/app.py")
CHECK = "build/validate"
CHECKED = BranchProtection(required_checks=(CHECK,))

PACKAGE = nupkg("Reservations", "1.0.1")
IMAGE = {
    "registry": "registry.invalid",
    "repository": "connectsoft/proj-booking-saas/api",
    "tag": "1.0.1",
    "digest": f"sha256:{'a' * 64}",
}
ARTIFACTS = {
    "drop": {"app.txt": b"built"},
    "packages": {"Reservations.1.0.1.nupkg": PACKAGE},
    "images": {"images.json": json.dumps([IMAGE]).encode()},
}


def push(world: World, repository: Repository, *paths: str, branch: str = "main") -> str:
    """Somebody pushes files; the commit's sha."""
    changes = [FileContent(path, "add", b"content") for path in paths]
    return world.git.push(repository.handle, branch, changes)


async def a_module(world: World, *paths: str, **changes: Any) -> Repository:
    """A repository with these files, by default a Python service's."""
    repository = await a_repository(world, **changes)
    push(world, repository, *(paths or PYTHON))
    return repository


def to_generate(repository: Repository, **changes: Any) -> GeneratePipeline:
    return GeneratePipeline.model_validate({"repository_id": repository.repository_id} | changes)


async def pipeline_of(world: World, repository: Repository) -> PipelineDefinition:
    id = PipelineDefinition.id_for(repository.repository_id, DEFINITION_PATH)
    return await world.read(PipelineDefinition, id)


async def a_pipeline(world: World, **changes: Any) -> tuple[Repository, PipelineDefinition]:
    """Generated for a Python service; nothing follows from it by itself."""
    repository = await a_module(world)
    (await world.when(to_generate(repository, **changes))).only(PipelineGenerated)
    return repository, await pipeline_of(world, repository)


async def a_proposal(world: World, **changes: Any) -> tuple[Repository, PullRequest]:
    """A first YAML that waits in a pull request to its protected branch, the reactions done."""
    repository = await a_module(world, protection=CHECKED)
    fact = (await world.given(to_generate(repository, **changes))).only(PullRequestOpened)
    return repository, await world.read(PullRequest, fact.pull_request_id)


def pass_checks(world: World, repository: Repository, number: int) -> None:
    """A pull request of the platform's own completes itself then."""
    world.git.set_status(repository.handle, number, CHECK, "succeeded")


async def yaml_on(world: World, repository: Repository, branch: str = "main") -> str | None:
    head = await head_of(world, repository, branch)
    content = await world.git.file(repository.handle, head, DEFINITION_PATH)
    return None if content is None else content.decode()


async def a_run(world: World, **changes: Any) -> tuple[Repository, PipelineRun]:
    """Started by a command, and nothing has been observed of it."""
    repository, definition = await a_pipeline(world)
    command = RunPipeline.model_validate({"pipeline_id": definition.pipeline_id} | changes)
    fact = (await world.when(command)).only(PipelineRunStarted)
    return repository, await world.read(PipelineRun, fact.pipeline_run_id)


async def observed(world: World, run: PipelineRun | int, *, adopt: bool = False) -> Happened:
    """A service hook of this run, or of a run with this id, is delivered."""
    run_id = run if isinstance(run, int) else run.run_id
    return await world.when(ObserveRun(run_id=run_id, adopt=adopt))


async def again(world: World, run: PipelineRun) -> PipelineRun:
    return await world.read(PipelineRun, run.pipeline_run_id)


async def build_of(world: World, run: PipelineRun) -> BuildResult:
    return await world.read(BuildResult, BuildResult.id_for(run.pipeline_run_id))


async def run_of(world: World, definition: PipelineDefinition, run_id: int) -> PipelineRun | None:
    id = PipelineRun.id_for(definition.pipeline_id, run_id)
    loaded = await world.store.load(world.partition, PipelineRun, id)
    return None if loaded is None else loaded.aggregate


async def finished(world: World, result: str = "succeeded", **how: Any) -> tuple[PipelineRun, BuildResult]:
    """A run that came to this at the provider, and was observed."""
    _, run = await a_run(world)
    world.pipelines.start(run.run_id)
    world.pipelines.finish(run.run_id, result, **how)
    await observed(world, run)
    return await again(world, run), await build_of(world, run)


class LosingBlobs(MemoryBlobStore):
    """The answer of one `put` is lost, the how-manieth says `lost`."""

    lost = 0

    @override
    async def put(self, partition: Partition, name: str, content: AsyncIterator[bytes]) -> BlobHandle:
        if self.lost == self.calls["put"]:
            self.lose_answer("put")
        return await super().put(partition, name, content)
