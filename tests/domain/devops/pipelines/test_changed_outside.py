"""What somebody does to a generated pipeline at the provider: it is not released, and can be restored."""

from domain.devops.pipelines.build_result import BuildResult
from domain.devops.pipelines.pipeline_definition import DEFINITION_PATH, PipelineGenerated
from domain.devops.pipelines.pipeline_run import ObserveRun
from domain.devops.source_control.repository import Repository
from domain.provided import FileContent
from tests.domain.devops.pipelines.given import a_pipeline, pipeline_of, to_generate, yaml_on
from tests.domain.devops.source_control.given import head_of
from tests.domain.world import World

BY_HAND = b"""\
parameters: [{name: csOperationId, type: string, default: none}]
steps: [{bash: echo it is fine}]
"""


def rewrite(world: World, repository: Repository) -> str:
    """Somebody puts a YAML of their own in its place; the commit's sha."""
    return world.git.push(repository.handle, "main", [FileContent(DEFINITION_PATH, "edit", BY_HAND)])


async def built(world: World, repository: Repository, external_id: str) -> BuildResult:
    """A good run of what is on main, started at the provider."""
    run_id = world.pipelines.queue(repository.handle, external_id, "main", "manual")
    world.pipelines.start(run_id)
    world.pipelines.finish(run_id, tests=(3, 0))
    completed = (await world.when(ObserveRun(run_id=run_id))).facts[-1]
    return await world.read(BuildResult, vars(completed)["build_result_id"])


async def test_a_build_of_the_generated_yaml_is_good(world: World) -> None:
    repository, definition = await a_pipeline(world)
    assert (await built(world, repository, definition.external_id)).is_successful


async def test_nothing_is_released_of_a_yaml_by_hand(world: World) -> None:
    repository, definition = await a_pipeline(world)
    sha = rewrite(world, repository)
    build = await built(world, repository, definition.external_id)
    assert build.problems == (f"{DEFINITION_PATH} at {sha[:10]} is not the generated one",)
    assert not build.is_successful


async def test_a_superseded_yaml_was_generated_too(world: World) -> None:
    repository, definition = await a_pipeline(world, template_version="1.0.0")
    head = await head_of(world, repository, "main")
    await world.git.create_branch(repository.handle, "maintenance", head)
    await world.when(to_generate(repository, template_version="1.1.0"))
    run_id = world.pipelines.queue(repository.handle, definition.external_id, "maintenance", "manual")
    world.pipelines.start(run_id)
    world.pipelines.finish(run_id)
    completed = (await world.when(ObserveRun(run_id=run_id))).facts[-1]
    assert (await world.read(BuildResult, vars(completed)["build_result_id"])).problems == ()


async def test_who_asks_for_the_pipeline_again_gets_it_back_and_a_merge_leaves_it_alone(world: World) -> None:
    repository, definition = await a_pipeline(world)
    generated = await yaml_on(world, repository)
    rewrite(world, repository)
    assert (await world.when(to_generate(repository, merged_into="main"))).facts == ()
    (await world.when(to_generate(repository))).only(PipelineGenerated)
    assert await yaml_on(world, repository) == generated
    assert (await pipeline_of(world, repository)).external_id == definition.external_id
    assert (await world.when(to_generate(repository))).facts == ()
    assert (await built(world, repository, definition.external_id)).is_successful
