"""Generating again: once per design, and what a newer design replaces is kept."""

from typing import Any

import pytest

from domain.devops.pipelines.pipeline_definition import (
    PipelineGenerated,
)
from tests.domain.devops.pipelines.given import (
    a_pipeline,
    pipeline_of,
    to_generate,
    yaml_on,
)
from tests.domain.devops.source_control.given import head_of
from tests.domain.world import World


@pytest.mark.parametrize(
    "wishes",
    [{}, {"template_version": "1.1.0"}, {"module_type": "PythonService", "merged_into": "main"}],
    ids=["nothing more", "the same version", "as after a merge"],
)
async def test_a_second_command_of_the_same_design_changes_nothing(
    world: World, wishes: dict[str, Any]
) -> None:
    repository, definition = await a_pipeline(world)
    before, head = world.effects, await head_of(world, repository)
    assert (await world.when(to_generate(repository, **wishes))).facts == ()
    assert world.effects == before
    assert await head_of(world, repository) == head
    assert (await pipeline_of(world, repository)).state() == definition.state()


async def test_a_newer_template_changes_nothing_until_it_is_asked_for(world: World) -> None:
    repository, _ = await a_pipeline(world)
    world.pipelines.templates(["1.1.0", "2.0.0"])
    assert (await world.when(to_generate(repository))).facts == ()
    assert (await pipeline_of(world, repository)).template_version == "1.1.0"


async def test_a_regeneration_supersedes_the_prior_definition_and_commits_once(world: World) -> None:
    repository, first = await a_pipeline(world, template_version="1.0.0")
    world.clock.step(60)
    before = world.effects
    fact = (await world.when(to_generate(repository, template_version="1.1.0"))).only(PipelineGenerated)
    assert world.effects - before == {"commit": 1}
    second = await pipeline_of(world, repository)
    assert (second.id, second.external_id) == (first.id, first.external_id)
    assert (second.template_version, fact.superseded_template_version) == ("1.1.0", "1.0.0")
    (prior,) = second.superseded
    assert (prior.template_version, prior.yaml_sha256) == ("1.0.0", first.yaml_sha256)
    assert (prior.commit_sha, prior.generated_at) == (first.commit_sha, first.generated_at)
    assert second.yaml_sha256 != first.yaml_sha256
    assert "refs/tags/v1.1.0" in (await yaml_on(world, repository) or "")


async def test_every_definition_that_was_superseded_is_kept(world: World) -> None:
    repository, _ = await a_pipeline(world, template_version="1.0.0")
    for version in ("1.1.0", "1.0.0", "1.1.0"):
        await world.when(to_generate(repository, template_version=version))
    found = await pipeline_of(world, repository)
    assert [one.template_version for one in found.superseded] == ["1.0.0", "1.1.0", "1.0.0"]
    assert found.aggregate_version == 4


@pytest.mark.parametrize(
    ("wish", "kept"),
    [
        ({"target_feed": "factory"}, {"module_type": "PythonService", "version_prefix": "1.4"}),
        ({"version_prefix": "2.0"}, {"module_type": "PythonService", "target_feed": "packages"}),
        ({"module_type": "FrontEnd"}, {"target_feed": "packages", "version_prefix": "1.4"}),
    ],
)
async def test_what_a_regeneration_does_not_name_stays_as_it_is(
    world: World, wish: dict[str, Any], kept: dict[str, Any]
) -> None:
    repository, _ = await a_pipeline(world, version_prefix="1.4", template_version="1.0.0")
    (await world.when(to_generate(repository, **wish))).only(PipelineGenerated)
    found = (await pipeline_of(world, repository)).model_dump(mode="json")
    expected = wish | kept | {"template_version": "1.0.0"}
    assert {name: found[name] for name in expected} == expected
