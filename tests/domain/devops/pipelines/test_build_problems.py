"""What is wrong with a build: recorded with it, and such a build is not released."""

import zipfile
from collections.abc import AsyncIterator
from typing import Any, override

import pytest

from adapters.memory.pipeline_provider import MemoryPipelineProvider
from domain.devops.pipelines import build_artifacts
from domain.devops.pipelines.build_result import (
    ArtifactKind,
    BuildStatus,
)
from domain.devops.release.release_plan import PlanRelease
from domain.kernel.work import Partition
from tests.domain.devops.pipelines.given import ARTIFACTS, PACKAGE, finished
from tests.domain.world import World
from tests.packages import nupkg, zipped

PROBLEMS: list[tuple[dict[str, Any], str]] = [
    ({"packages": {"a.nupkg": b"no zip"}}, "artifact packages: it is not a zip that can be read"),
    (
        {"packages": {"a.nupkg": zipped({"a.nuspec": b"<a>"})}},
        "artifact packages: a.nupkg: .nuspec is not XML",
    ),
    (
        {"packages": {"a.nupkg": zipped({"a.nuspec": b"<!DOCTYPE a><a/>"})}},
        "artifact packages: a.nupkg: .nuspec has a DTD",
    ),
    (
        {"packages": {"a/p.nupkg": PACKAGE, "b/p.nupkg": nupkg("Reservations", "1.0.1", b"other")}},
        "artifact packages: ",
    ),
    ({"images": {"images.json": b"{"}}, "artifact images: images.json is not JSON"),
    ({"images": {"images.json": b'[{"tag": "x"}]'}}, "artifact images: images.json: 0.registry"),
]


@pytest.mark.parametrize(
    ("artifacts", "problem"),
    PROBLEMS,
    ids=["no package", "no XML", "a DTD", "two contents of one version", "no JSON", "no image"],
)
async def test_what_is_wrong_in_artifacts_is_recorded_and_such_a_build_is_not_released(
    world: World, artifacts: dict[str, dict[str, bytes]], problem: str
) -> None:
    _, build = await finished(world, tests=(3, 0), artifacts=artifacts | {"drop": {"a": b"x"}})
    assert build.status is BuildStatus.SUCCEEDED
    (recorded,) = build.problems
    assert recorded.startswith(problem)
    assert {"drop", *artifacts} == {i.name for i in build.artifacts or () if i.kind is ArtifactKind.FILE}
    assert build.packages == build.images == ()
    assert not build.is_successful
    no = await world.refused(PlanRelease(build_result_id=build.id))
    assert no == f"build 1.0.1 can't be released: {recorded}"


async def test_a_bomb_among_the_artifacts_is_recorded_as_such(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_artifacts, "LARGEST", 50_000)
    _, unpacked = await finished(
        world, artifacts={"packages": {"a.nupkg": zipped({"zeros": bytes(60_000)}, zipfile.ZIP_DEFLATED)}}
    )
    assert unpacked.problems == ("artifact packages: it is too large unpacked",)
    monkeypatch.setattr(build_artifacts, "LARGEST", 50)
    _, too_large = await finished(world, artifacts={"packages": {"zeros": bytes(40)}})
    assert too_large.problems == ("artifact packages: it is larger than 50 bytes",)


class ForgetfulPipelines(MemoryPipelineProvider):
    """Deletes the artifact `drop` as soon as it has named it."""

    @override
    def artifact(self, partition: Partition, run_id: int, name: str) -> AsyncIterator[bytes]:
        return super().artifact(partition, run_id, "gone" if name == "drop" else name)


async def test_an_artifact_that_the_provider_does_not_give_is_a_problem_of_the_build(world: World) -> None:
    world.pipelines = ForgetfulPipelines(world.git, world.clock.now)
    _, build = await finished(world, artifacts=ARTIFACTS)
    assert build.problems == ("artifact drop: run 1 has no artifact gone",)
    assert len(build.packages) == len(build.images) == 1


@pytest.mark.parametrize("result", ["failed", "canceled"])
async def test_a_build_that_did_not_succeed_is_not_released(world: World, result: str) -> None:
    _, build = await finished(world, result)
    assert not build.is_successful
    no = await world.refused(PlanRelease(build_result_id=build.id))
    assert no == f"build 1.0.1 is {build.status}: a release references a successful build"


async def test_a_green_build_with_failed_tests_is_not_released(world: World) -> None:
    _, build = await finished(world, tests=(10, 2))
    assert not build.is_successful
    no = await world.refused(PlanRelease(build_result_id=build.id))
    assert no == "build 1.0.1 has 2 failed tests: a release references a successful build"
