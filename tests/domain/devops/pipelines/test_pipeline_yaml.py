"""The generated YAML, read back as the provider reads it."""

import re
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from domain.devops.delivery.delivery_policy import FeedReference
from domain.devops.pipelines.generation import VersionPrefix
from domain.devops.pipelines.module_type import ModuleType
from domain.devops.pipelines.pipeline_yaml import PipelineSource
from domain.devops.pipelines.semantic_version import SemanticVersion
from domain.kernel.naming import image_repository
from domain.kernel.values import ModuleId
from tests.domain.devops.pipelines.given import a_module, to_generate, yaml_on
from tests.domain.world import World

MODULE = "module-reservations-api"


async def document(world: World, **changes: Any) -> dict[str, Any]:
    """What is on the default branch after a pipeline has been generated."""
    repository = await a_module(world)
    await world.when(to_generate(repository, **changes))
    text = await yaml_on(world, repository)
    assert text is not None
    read: dict[str, Any] = yaml.safe_load(text)
    return read


async def test_it_extends_the_published_template_at_its_tag(world: World) -> None:
    found = await document(world, template_version="1.0.0")
    assert found["resources"]["repositories"] == [
        {
            "repository": "templates",
            "type": "git",
            "name": "ConnectSoft/ConnectSoft.AzurePipelines",
            "ref": "refs/tags/v1.0.0",
        }
    ]
    assert found["extends"]["template"] == "python-service.yml@templates"


@pytest.mark.parametrize("module_type", list(ModuleType))
async def test_each_module_type_extends_its_own_template(world: World, module_type: ModuleType) -> None:
    found = await document(world, module_type=module_type)
    assert found["extends"]["template"] == f"{module_type.template}@templates"


async def test_the_operations_mark_goes_through_to_the_template(world: World) -> None:
    found = await document(world)
    (parameter,) = found["parameters"]
    assert (parameter["name"], parameter["type"], parameter["default"]) == ("csOperationId", "string", "none")
    assert found["extends"]["parameters"]["csOperationId"] == "${{ parameters.csOperationId }}"


async def test_the_template_is_told_module_feed_and_image_repository(world: World) -> None:
    repository = await a_module(world)
    await world.when(to_generate(repository, target_feed="factory"))
    found = yaml.safe_load(await yaml_on(world, repository) or "")
    told = found["extends"]["parameters"]
    assert told["moduleId"] == MODULE
    assert told["feed"] == "factory"
    assert told["imageRepository"] == image_repository(world.partition, repository.name)
    assert found["variables"] == [
        {"name": "moduleId", "value": MODULE},
        {"name": "targetFeed", "value": "factory"},
    ]


async def test_its_own_commit_starts_no_run_and_every_other_one_on_the_default_branch_does(
    world: World,
) -> None:
    found = await document(world)
    assert found["trigger"] == {
        "branches": {"include": ["main"]},
        "paths": {"exclude": ["azure-pipelines.yml"]},
    }
    assert found["pr"] == "none"


async def test_every_build_number_is_a_semantic_version(world: World) -> None:
    found = await document(world, version_prefix="1.4")
    assert found["name"] == "1.4.$(Rev:r)"
    number: TypeAdapter[str] = TypeAdapter(SemanticVersion)
    for revision in ("1", "10", "4711"):
        number.validate_python(found["name"].replace("$(Rev:r)", revision))


@pytest.mark.parametrize("prefix", ["1", "1.2.3", "01.2", "1.", "v1.0", "1.0-rc"])
def test_a_prefix_that_would_number_builds_otherwise_is_not_taken(prefix: str) -> None:
    with pytest.raises(ValidationError, match="must be two numbers"):
        TypeAdapter(VersionPrefix).validate_python(prefix)


async def test_the_same_design_gives_the_same_bytes() -> None:
    texts = set()
    for _ in range(2):
        world = World()
        repository = await a_module(world)
        await world.when(to_generate(repository))
        texts.add(await yaml_on(world, repository))
        world.clock.step(3600)
    assert len(texts) == 1


def source(**changes: Any) -> PipelineSource:
    fields: dict[str, Any] = {
        "templates_repository": "ConnectSoft/ConnectSoft.AzurePipelines",
        "template": "python-service.yml",
        "template_version": "1.0.0",
        "default_branch": "main",
        "definition_path": "azure-pipelines.yml",
        "version_prefix": "1.0",
        "variables": {},
        "parameters": {},
    }
    return PipelineSource(**fields | changes)


def valid(kind: Any, pattern: str) -> st.SearchStrategy[str]:
    """Texts of this pattern that the type takes."""

    def fits(text: str) -> bool:
        try:
            TypeAdapter(kind).validate_python(text)
        except ValidationError:
            return False
        return True

    # Words and numbers that YAML takes for something else when nobody quotes them.
    awkward = st.sampled_from(
        ["yes", "no", "on", "null", "true", "1.0", "1e3", "0x1F", "1_000", "2026-06-11"]
    )
    return (awkward | st.from_regex(re.compile(pattern, re.ASCII), fullmatch=True)).filter(fits)


module_ids = valid(ModuleId, r"[A-Za-z0-9][A-Za-z0-9._-]{0,40}")
feeds = valid(FeedReference, r"[A-Za-z0-9]([A-Za-z0-9._-]{0,20}[A-Za-z0-9])?")
branches = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=30)


@given(
    module_id=module_ids, feed=feeds, branch=branches, prefix=st.from_regex(r"[1-9]\.[1-9]", fullmatch=True)
)
def test_whatever_the_names_are_the_yaml_says_what_was_put_in(
    module_id: str, feed: str, branch: str, prefix: str
) -> None:
    parameters = {"moduleId": module_id, "feed": feed}
    text = source(
        default_branch=branch, version_prefix=prefix, variables=parameters, parameters=parameters
    ).to_yaml()
    found = yaml.safe_load(text.encode())
    assert found["trigger"]["branches"]["include"] == [branch]
    assert found["name"] == f"{prefix}.$(Rev:r)"
    assert {one["name"]: one["value"] for one in found["variables"]} == parameters
    assert {name: found["extends"]["parameters"][name] for name in parameters} == parameters
    assert set(found["extends"]["parameters"]) == {"csOperationId", *parameters}
