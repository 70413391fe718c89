"""What a run of tests comes to: its results, and the artifacts that the templates' pipelines publish."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.kernel.naming import image_repository
from tests.packages import nupkg

if TYPE_CHECKING:
    from tests.domain.world import World


@dataclass(frozen=True)
class Build:
    """`packages` and `images` are how many of each it produces; the first image is called as its repository
    is, as the templates' pipelines call theirs."""

    result: str = "succeeded"
    passed: int = 12
    failed: int = 0
    coverage: float | None = 87.5
    packages: int = 1
    images: int = 1


GOOD = Build()


def finish(world: "World", run_id: int, build: Build) -> None:
    """Let a run of the memory host come to this build; its images are pushed and scanned clean."""
    found = next(run for run in world.pipelines.runs_of(world.partition) if run.run_id == run_id)
    version = found.build_number
    artifacts: dict[str, Mapping[str, bytes]] = {}
    if build.packages:
        names = [f"Reservations.Part{number}" for number in range(1, build.packages + 1)]
        artifacts["packages"] = {f"{name}.{version}.nupkg": nupkg(name, version) for name in names}
    if build.images:
        pipeline = next(p for p in world.pipelines.pipelines_of(world.partition) if p.id == found.pipeline_id)
        name = world.git.repository(pipeline.repository).name
        more = [f"{name}-part-{number}" for number in range(2, build.images + 1)]
        named = [_pushed(world, one, version) for one in (name, *more)]
        artifacts["images"] = {"images.json": json.dumps(named).encode()}
    world.pipelines.finish(
        run_id,
        build.result,
        tests=(build.passed, build.failed),
        coverage=build.coverage,
        artifacts=artifacts,
        log="built\n",
    )


def _pushed(world: "World", name: str, version: str) -> dict[str, str]:
    repository = image_repository(world.partition, name)
    manifest = world.registry.push(world.partition, repository, version, f"{name} {version}".encode())
    world.scanner.scan_result(world.partition, world.registry.registry, repository, manifest.digest)
    return {
        "registry": world.registry.registry,
        "repository": repository,
        "tag": version,
        "digest": manifest.digest,
    }
