"""Takes a finished run's log and artifacts into Blob, and reads what the artifacts hold."""

from dataclasses import dataclass

from domain.devops.pipelines import build_artifacts
from domain.devops.pipelines.build_result import ArtifactItem, ArtifactKind, BlobReference
from domain.devops.pipelines.pipeline_definition import PipelineDefinition
from domain.kernel.errors import Rejected
from domain.kernel.work import Work
from domain.ports import BlobStore, PipelineProvider
from domain.provided import BlobHandle


@dataclass(frozen=True)
class Stored:
    log: BlobReference
    artifacts: tuple[ArtifactItem, ...]
    problems: tuple[str, ...]


async def store_build(
    work: Work,
    run_id: int,
    folder: str,
    definition: PipelineDefinition,
    provider: PipelineProvider,
    blobs: BlobStore,
) -> Stored:
    """Store under the folder; a repeat finds what an earlier try has stored."""
    log = await _stored_log(work, run_id, folder, provider, blobs)
    items: list[ArtifactItem] = []
    problems: list[str] = []
    for name in sorted(await provider.artifact_names(work.partition, run_id)):
        content = provider.artifact(work.partition, run_id, name)
        try:
            stored = await blobs.put(work.partition, f"{folder}/artifacts/{name}.zip", content)
            blob = BlobReference.to(stored)
            items.append(ArtifactItem(name=name, kind=ArtifactKind.FILE, blob=blob))
            if name in (build_artifacts.PACKAGES, build_artifacts.IMAGES):
                items += await _held(work, folder, name, blob, definition, blobs)
        except Rejected as refused:
            problems.append(f"artifact {name}: {refused.sentence}")
    return Stored(BlobReference.to(log), tuple(items), tuple(problems))


async def _stored_log(
    work: Work, run_id: int, folder: str, provider: PipelineProvider, blobs: BlobStore
) -> BlobHandle:
    """An earlier try may have stored the log as it was then, and the provider have added to it since: then
    this try's is kept beside it, under its own name."""
    for name in ("log.txt", f"log-{work.command_id}-{work.now:%H%M%S%f}.txt"):
        try:
            return await blobs.put(work.partition, f"{folder}/{name}", provider.logs(work.partition, run_id))
        except Rejected as refused:
            refusal = refused
    raise refusal


async def _held(
    work: Work,
    folder: str,
    name: str,
    blob: BlobReference,
    definition: PipelineDefinition,
    blobs: BlobStore,
) -> list[ArtifactItem]:
    if blob.size > build_artifacts.LARGEST:
        raise Rejected(f"it is larger than {build_artifacts.LARGEST} bytes")
    archive = await blob.read(work.partition, blobs)
    if name == build_artifacts.IMAGES:
        return [
            ArtifactItem(
                name=f"{image.repository}:{image.tag}",
                kind=ArtifactKind.IMAGE,
                registry=image.registry,
                repository=image.repository,
                tag=image.tag,
                digest=image.digest,
            )
            for image in build_artifacts.images_in(archive)
        ]
    items = []
    for package in build_artifacts.packages_in(archive):
        file = f"{folder}/packages/{package.package_id}.{package.version}.nupkg"
        items.append(
            ArtifactItem(
                name=f"{package.package_id} {package.version}",
                kind=ArtifactKind.PACKAGE,
                blob=await BlobReference.store(package.content, work.partition, file, blobs),
                package_id=package.package_id,
                version=package.version,
                feed=definition.target_feed,
            )
        )
    return items
