"""What a run of tests comes to: its results, and the artifacts that the templates' pipelines publish."""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from domain.kernel.naming import image_repository

if TYPE_CHECKING:
    from tests.domain.world import World

_NUSPEC = """<?xml version="1.0"?>
<package xmlns="http://schemas.microsoft.com/packaging/2013/05/nuspec.xsd">
  <metadata>
    <id>{id}</id><version>{version}</version><authors>factory</authors><description>generated</description>
    <dependencies>{dependencies}</dependencies>
  </metadata>
</package>
"""


@dataclass(frozen=True)
class Build:
    """`packages` and `images` are how many of each it produces."""

    result: str = "succeeded"
    passed: int = 12
    failed: int = 0
    coverage: float | None = 87.5
    packages: int = 1
    images: int = 1


GOOD = Build()


def nupkg(package_id: str, version: str, content: bytes = b"assembly", dependencies: str = "") -> bytes:
    """A NuGet package; the same arguments give the same bytes."""
    specification = _NUSPEC.format(id=package_id, version=version, dependencies=dependencies)
    types = '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
    files = {
        f"{package_id}.nuspec": specification.encode(),
        "[Content_Types].xml": types.encode(),
        f"lib/net10.0/{package_id}.dll": content,
    }
    return zipped(files)


def zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in files.items():
            archive.writestr(zipfile.ZipInfo(path, (2026, 1, 1, 0, 0, 0)), data)
    return buffer.getvalue()


def finish(world: "World", run_id: int, build: Build) -> None:
    """Let a run of the memory host come to this build; its images are pushed and scanned clean."""
    found = next(run for run in world.pipelines.runs_of(world.partition) if run.run_id == run_id)
    version = found.build_number
    artifacts: dict[str, Mapping[str, bytes]] = {}
    if build.packages:
        names = [f"Reservations.Part{number}" for number in range(1, build.packages + 1)]
        artifacts["packages"] = {f"{name}.{version}.nupkg": nupkg(name, version) for name in names}
    if build.images:
        named = [_pushed(world, f"part-{number}", version) for number in range(1, build.images + 1)]
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
