"""What a build produced is recorded: its packages go to their feed, its images are found in the registry."""

from domain.devops.delivery.delivery_policy import DeliveryPolicy
from domain.devops.packaging import packaging
from domain.devops.packaging.container_image import ContainerImage, ImageStatus, look_at
from domain.devops.packaging.package_publication import (
    PackagePublication,
    PublicationStatus,
    dependencies_of,
)
from domain.devops.pipelines.build_artifacts import dependencies_in
from domain.devops.pipelines.build_result import ArtifactItem, BuildResult
from domain.kernel.command import Observation
from domain.kernel.errors import Rejected
from domain.kernel.values import Identifier
from domain.kernel.work import Work
from domain.ports import BlobStore, ContainerRegistry, ImageScanner, PackageFeed


class ObserveBuildOutputs(Observation):
    """A build has completed: publish its packages, find its images."""

    build_result_id: Identifier


@packaging.handler
async def observe_build_outputs(
    command: ObserveBuildOutputs,
    work: Work,
    blobs: BlobStore,
    feed: PackageFeed,
    registry: ContainerRegistry,
    scanner: ImageScanner,
) -> None:
    build = await work.get(BuildResult, command.build_result_id)
    if not build.is_successful:
        return  # nothing of it is shipped
    policy = await DeliveryPolicy.of(work)
    for item in build.packages:
        await _publish(item, build, work, blobs, feed)
    for item in build.images:
        await _find(item, build, work, policy, registry, scanner)


async def _publish(
    item: ArtifactItem, build: BuildResult, work: Work, blobs: BlobStore, feed: PackageFeed
) -> None:
    assert item.blob and item.package_id and item.version and item.feed
    id = PackagePublication.id_for(work.partition, item.feed, item.package_id, item.version)
    publication = await work.find(PackagePublication, id)
    if publication is not None and publication.status is PublicationStatus.PUBLISHED:
        return  # a version is published once; whether it is this build's content, its release asks
    if publication is None:
        publication = PackagePublication(
            publication_id=id,
            build_result_id=build.build_result_id,
            package_id=item.package_id,
            version=item.version,
            feed=item.feed,
            status=PublicationStatus.REFUSED,
        )
        work.add(publication)
    publication.build_result_id = build.build_result_id
    try:
        content = await item.blob.read(work.partition, blobs)
        publication.dependencies = dependencies_of(dependencies_in(content))
        await feed.publish(work.partition, item.feed, item.package_id, item.version, content)
    except Rejected as refused:
        publication.problem = refused.sentence
    else:
        publication.publish(item.blob.sha256, work.now)


async def _find(
    item: ArtifactItem,
    build: BuildResult,
    work: Work,
    policy: DeliveryPolicy,
    registry: ContainerRegistry,
    scanner: ImageScanner,
) -> None:
    assert item.registry and item.repository and item.tag and item.digest
    id = ContainerImage.id_for(work.partition, item.registry, item.digest)
    image = await work.find(ContainerImage, id)
    if image is None:
        image = ContainerImage(
            image_id=id,
            build_result_id=build.build_result_id,
            repository_name=item.repository,
            tag=item.tag,
            digest=item.digest,
            registry=item.registry,
        )
        work.add(image)
    elif image.status is not ImageStatus.BUILT:
        # An earlier build named this image in a way that did not hold; this one may have it right.
        image.build_result_id, image.repository_name, image.tag = (
            build.build_result_id,
            item.repository,
            item.tag,
        )
    try:
        await look_at(image, work, policy, registry, scanner, (item.repository, item.tag))
    except Rejected as refused:  # a foreign registry, or a repository of another project's
        image.problem = refused.sentence
