"""What a release ships, by the ids under which packages and images are recorded, and the steps it takes."""

from domain.devops.delivery.environments import DeploymentStrategy
from domain.devops.packaging.container_image import ContainerImage
from domain.devops.packaging.package_publication import PackagePublication
from domain.devops.pipelines.build_result import ArtifactItem, ArtifactKind, BuildResult
from domain.kernel.errors import Rejected
from domain.kernel.values import Identifier, Model
from domain.kernel.work import Partition


class ReleaseArtifact(Model):
    """A part of the release: a package as published, an image by its digest, or a file of the build."""

    name: str
    kind: ArtifactKind
    publication_id: Identifier | None = None
    content_sha256: str | None = None
    """of a package, as the build made it"""
    image_id: Identifier | None = None


class ReleaseStep(Model):
    """One step of the strategy."""

    position: int
    name: str
    description: str


# As `arrangement.stages` carries them out, each until the environment's health gates have passed: where
# nothing runs yet every strategy is one Deploy, and Widen comes as often as the environment has shares.
_STEPS: dict[DeploymentStrategy, tuple[tuple[str, str], ...]] = {
    DeploymentStrategy.ROLLING_UPDATE: (("Deploy", "replace the running instances one after another"),),
    DeploymentStrategy.BLUE_GREEN: (
        ("DeployGreen", "start the new version beside the running one"),
        ("SwitchTraffic", "send all traffic to the new version"),
        ("RetireBlue", "stop the version before"),
    ),
    DeploymentStrategy.CANARY: (
        ("DeployCanary", "start the new version for a first share of the traffic"),
        ("Widen", "send it more of the traffic, share by share"),
        ("Complete", "send all traffic to the new version"),
        ("RetireStable", "stop the version before"),
    ),
}


def steps_of(strategy: DeploymentStrategy) -> tuple[ReleaseStep, ...]:
    return tuple(
        ReleaseStep(position=position, name=name, description=description)
        for position, (name, description) in enumerate(_STEPS[strategy], start=1)
    )


def artifacts_of(build: BuildResult, default_feed: str, partition: Partition) -> tuple[ReleaseArtifact, ...]:
    """Raises `Rejected` for an artifact that does not say what it is."""
    return tuple(_artifact(item, default_feed, partition) for item in build.artifacts or ())


def _artifact(item: ArtifactItem, default_feed: str, partition: Partition) -> ReleaseArtifact:
    if item.kind is ArtifactKind.PACKAGE:
        if item.package_id is None or item.version is None:
            raise Rejected(f"package {item.name} of the build has no id or version: build it again")
        feed = item.feed or default_feed
        publication = PackagePublication.id_for(partition, feed, item.package_id, item.version)
        return ReleaseArtifact(
            name=item.name,
            kind=item.kind,
            publication_id=publication,
            content_sha256=item.blob.sha256 if item.blob is not None else None,
        )
    if item.kind is ArtifactKind.IMAGE:
        if item.registry is None or item.digest is None:
            raise Rejected(f"image {item.name} of the build has no registry or digest: build it again")
        image = ContainerImage.id_for(partition, item.registry, item.digest)
        return ReleaseArtifact(name=item.name, kind=item.kind, image_id=image)
    return ReleaseArtifact(name=item.name, kind=item.kind)
