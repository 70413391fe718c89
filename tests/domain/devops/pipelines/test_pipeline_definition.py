"""Generating a pipeline on a branch that takes commits: from which template, once, superseding the prior."""

import pytest

from domain.devops.delivery.delivery_policy import ConfigureDelivery
from domain.devops.pipelines.generation import PipelineStage
from domain.devops.pipelines.module_type import ModuleType
from domain.devops.pipelines.pipeline_definition import (
    DEFINITION_PATH,
    HOOK_EVENTS,
    PipelineDefinition,
    PipelineGenerated,
    generate_pipeline,
)
from domain.devops.pipelines.reconciliation import ObservePipeline
from domain.kernel.errors import NotFound, Unavailable
from domain.kernel.values import timestamp
from domain.provided import FileContent
from tests.domain.devops.pipelines.given import (
    a_module,
    a_pipeline,
    pipeline_of,
    push,
    to_generate,
    yaml_on,
)
from tests.domain.devops.source_control.given import a_repository, head_of
from tests.domain.world import World


async def test_generating_records_the_definition_and_commits_its_yaml(world: World) -> None:
    repository = await a_module(world)
    happened = await world.when(to_generate(repository))
    head = await head_of(world, repository)
    definition = await pipeline_of(world, repository)
    assert happened.only(PipelineGenerated).pipeline_id == definition.id
    assert happened.envelopes[0].payload == {
        "pipelineId": definition.id,
        "repositoryId": repository.id,
        "moduleId": "module-reservations-api",
        "moduleType": "PythonService",
        "definitionPath": "azure-pipelines.yml",
        "templateVersion": "1.1.0",
        "supersededTemplateVersion": None,
        "targetFeed": "packages",
        "commitSha": head,
        "generatedAt": timestamp(world.clock.now()),
    }
    assert (definition.status, definition.proposal, definition.superseded) == ("Active", None, ())
    assert {hook.event_type for hook in definition.webhooks} == set(HOOK_EVENTS)
    assert (await yaml_on(world, repository) or "").startswith("# Generated from python-service.yml")


async def test_its_stages_are_those_that_the_provider_reads(world: World) -> None:
    _, definition = await a_pipeline(world)
    assert definition.stages == (
        PipelineStage(name="build", display_name="Build", depends_on=(), jobs=("build",)),
        PipelineStage(name="package", display_name="Package", depends_on=("build",), jobs=("package",)),
    )


async def test_a_new_pipeline_takes_the_newest_published_template(world: World) -> None:
    world.pipelines.templates(["1.9.0", "1.10.0", "2.0.0"])
    _, definition = await a_pipeline(world)
    assert definition.template_version == "2.0.0"


async def test_an_older_published_template_may_be_asked_for(world: World) -> None:
    _, definition = await a_pipeline(world, template_version="1.0.0")
    assert definition.template_version == "1.0.0"


async def test_a_template_version_that_is_not_published_is_refused_by_name(world: World) -> None:
    repository = await a_module(world)
    before = world.effects
    no = await world.refused(to_generate(repository, template_version="9.9.9"))
    assert no == "template version 9.9.9 is not a published one; the newest is 1.1.0"
    assert world.effects == before


async def test_without_any_published_template_nothing_is_generated(world: World) -> None:
    world.pipelines.templates([])
    no = await world.refused(to_generate(await a_module(world)))
    assert no == "ConnectSoft/ConnectSoft.AzurePipelines has no published version"


@pytest.mark.parametrize(
    "paths", [("docs/guide.md",), ("pyproject.toml", "package.json")], ids=["none", "two"]
)
async def test_files_that_do_not_tell_the_type_are_refused_with_what_to_do(
    world: World, paths: tuple[str, ...]
) -> None:
    repository = await a_module(world, *paths)
    no = await world.refused(to_generate(repository))
    assert no == "the files do not tell the module's type: send GeneratePipeline with a moduleType"
    happened = await world.when(to_generate(repository, module_type="FrontEnd"))
    assert happened.only(PipelineGenerated).module_type is ModuleType.FRONT_END


async def test_a_type_that_is_given_goes_before_the_files(world: World) -> None:
    repository = await a_module(world, "Api.csproj", "Program.cs")
    await world.when(to_generate(repository, module_type="DotNetLibrary"))
    assert (await pipeline_of(world, repository)).module_type is ModuleType.DOTNET_LIBRARY


async def test_what_the_provider_finds_wrong_is_the_refusal_and_nothing_is_committed(world: World) -> None:
    repository = await a_module(world)
    world.pipelines.invalid("python-service.yml", "python-service.yml: parameter 'feed' is unknown")
    before = await head_of(world, repository)
    no = await world.refused(to_generate(repository))
    assert no == "python-service.yml: parameter 'feed' is unknown"
    assert await head_of(world, repository) == before
    assert world.git.repository(repository.handle).pull_requests == {}
    assert world.pipelines.effects["pipeline_hook"] == 0


async def test_a_repository_whose_default_branch_is_still_to_come_gets_no_pipeline(world: World) -> None:
    repository = await a_repository(world, initialize=False)
    no = await world.refused(to_generate(repository))
    assert no == "default branch main must exist before commits are accepted"


async def test_a_repository_that_nobody_knows_is_not_found(world: World) -> None:
    repository = (await a_module(world)).model_copy(update={"repository_id": "repo-9"})
    with pytest.raises(NotFound, match="Repository repo-9 does not exist"):
        await world.when(to_generate(repository))


async def test_the_feed_of_a_new_pipeline_is_the_delivery_policys(world: World) -> None:
    await world.when(ConfigureDelivery(target_feed="factory"))
    repository, definition = await a_pipeline(world)
    assert definition.target_feed == "factory"
    assert "feed: factory" in (await yaml_on(world, repository) or "")
    await world.when(ConfigureDelivery(target_feed="elsewhere"))
    assert (await world.when(to_generate(repository))).facts == (), "a policy is for what comes later"


async def test_a_merge_into_another_branch_generates_nothing(world: World) -> None:
    repository = await a_module(world)
    before = world.effects
    assert (await world.when(to_generate(repository, merged_into="release/1.4"))).facts == ()
    assert world.effects == before
    id = PipelineDefinition.id_for(repository.id, DEFINITION_PATH)
    assert await world.store.load(world.partition, PipelineDefinition, id) is None


async def test_two_repositories_have_a_pipeline_each(world: World) -> None:
    first_repository, first = await a_pipeline(world)
    second_repository, second = await a_pipeline(world)
    assert first.id != second.id
    assert first.external_id != second.external_id
    assert [one.repository_id for one in (first, second)] == [first_repository.id, second_repository.id]


def test_a_path_has_one_definition_in_its_repository() -> None:
    ids = {PipelineDefinition.id_for(r, p) for r in ("repo-1", "repo-2") for p in ("a.yml", "b.yml")}
    assert len(ids) == 4
    assert PipelineDefinition.id_for("repo-1", "a.yml") in ids


async def test_a_name_that_another_yaml_holds_at_the_provider_is_refused(world: World) -> None:
    repository, other = await a_module(world), await a_module(world)
    await world.pipelines.ensure_pipeline(other.handle, repository.name, "ci.yml", "main")
    no = await world.refused(to_generate(repository))
    assert no == f"the pipeline name {repository.name} is taken by another YAML, /ci.yml"


async def test_a_yaml_that_is_there_already_is_taken_as_it_is(world: World) -> None:
    repository, definition = await a_pipeline(world)
    twin = await a_module(world)
    text = await yaml_on(world, repository) or ""
    own = text.replace(repository.name, twin.name)
    world.git.push(twin.handle, "main", [FileContent(DEFINITION_PATH, "add", own.encode())])
    before = world.effects
    fact = (await world.when(to_generate(twin))).only(PipelineGenerated)
    assert world.effects - before == {"pipeline": 1, "pipeline_hook": 4}
    assert fact.commit_sha == await head_of(world, twin)
    assert fact.template_version == definition.template_version


async def test_a_yaml_that_somebody_wrote_by_hand_is_replaced(world: World) -> None:
    repository = await a_module(world, "pyproject.toml", DEFINITION_PATH)
    await world.when(to_generate(repository))
    assert "python-service.yml@templates" in (await yaml_on(world, repository) or "")


async def test_a_generation_that_crashed_after_its_commit_is_recorded_by_its_repeat(world: World) -> None:
    repository = await a_module(world)
    command = to_generate(repository)
    envelope = world.envelope(command)
    await generate_pipeline(command, world.work(command, envelope), world.git, world.pipelines)
    push(world, repository, "src/later.py")
    before = world.effects
    (await world.when(command, envelope)).only(PipelineGenerated)
    assert world.effects == before


@pytest.mark.parametrize("lost", ["ensure_pipeline", "preview", "register_pipeline_hooks"])
async def test_an_answer_that_got_lost_is_found_by_the_repeat(world: World, lost: str) -> None:
    repository = await a_module(world)
    envelope = world.envelope(to_generate(repository))
    before = world.effects
    world.pipelines.lose_answer(lost)
    with pytest.raises(Unavailable):
        await world.dispatch(envelope)
    reply = (await world.dispatch(envelope, may_be_repeat=True)).outcome.reply
    assert [event["eventType"] for event in reply["events"]] == ["PipelineGenerated"]
    assert world.effects - before == {"pipeline": 1, "pipeline_hook": 4, "commit": 1}


async def test_service_hooks_that_somebody_removed_are_there_again_after_a_look(world: World) -> None:
    _, definition = await a_pipeline(world)
    (found,) = world.pipelines.pipelines_of(world.partition)
    del found.hooks["build.complete"]
    assert (await world.when(ObservePipeline(pipeline_id=definition.id))).facts == ()
    assert set(found.hooks) == set(HOOK_EVENTS)
    mended = await world.read(PipelineDefinition, definition.id)
    assert {one.subscription_id for one in mended.webhooks} == {
        one.subscription_id for one in found.hooks.values()
    }
