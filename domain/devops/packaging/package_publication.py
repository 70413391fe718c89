"""PackagePublication: a NuGet package version published to a feed.

It is made by the observation of what its build produced (`build_outputs.py`).
"""

from enum import StrEnum
from typing import ClassVar

from domain.devops.delivery.delivery_policy import FeedReference
from domain.devops.packaging import packaging
from domain.devops.pipelines.build_artifacts import FoundDependency, PackageId
from domain.devops.pipelines.semantic_version import SemanticVersion
from domain.kernel.aggregate import Aggregate
from domain.kernel.event import Event
from domain.kernel.values import Identifier, Model, Timestamp, derived_id
from domain.kernel.work import Partition


class PublicationStatus(StrEnum):
    """`Refused`: the feed has another content under this version, or takes no such package."""

    PUBLISHED = "Published"
    REFUSED = "Refused"


class PackageDependency(Model):
    """`version_range` in NuGet's notation."""

    package_id: str
    version_range: str
    target_framework: str | None = None


@packaging.event()
class PackagePublished(Event):
    """A NuGet package was published to its feed."""

    publication_id: Identifier
    build_result_id: Identifier
    package_id: str
    version: str
    feed: str
    content_sha256: str
    published_at: Timestamp


@packaging.aggregate(prefix="pkg", collection="packages", id_field="publication_id")
class PackagePublication(Aggregate):
    immutable: ClassVar = {
        "version": "published versions are immutable",
        "content_sha256": "published versions are immutable",
    }

    publication_id: Identifier
    build_result_id: Identifier
    package_id: PackageId
    version: SemanticVersion
    feed: FeedReference
    status: PublicationStatus
    problem: str | None = None
    content_sha256: str | None = None
    """of what is published: what was refused may be followed by another build's"""
    published_at: Timestamp | None = None
    dependencies: tuple[PackageDependency, ...] = ()

    @staticmethod
    def id_for(partition: Partition, feed: str, package_id: str, version: str) -> str:
        """Follows from package, version and feed: that is what makes them unique. NuGet's names know no
        letter case, and two versions that differ in build metadata only are one to it."""
        scope = (partition.tenant_id, partition.project_id)
        name = (feed.casefold(), package_id.casefold(), version.partition("+")[0].casefold())
        return derived_id("pkg", *scope, *name)

    def publish(self, content_sha256: str, at: Timestamp) -> None:
        self.status, self.problem, self.published_at = PublicationStatus.PUBLISHED, None, at
        self.content_sha256 = content_sha256
        self.record(
            PackagePublished(
                publication_id=self.publication_id,
                build_result_id=self.build_result_id,
                package_id=self.package_id,
                version=self.version,
                feed=self.feed,
                content_sha256=content_sha256,
                published_at=at,
            )
        )

    def promotion_problem(self, content_sha256: str | None = None) -> str | None:
        """Why what is released with this content may not be promoted; None: it may."""
        name = f"package {self.package_id} {self.version}"
        if self.status is not PublicationStatus.PUBLISHED:
            return f"{name} is not published: {self.problem}"
        if content_sha256 not in (None, self.content_sha256):
            return f"{name} is published with other content than this build's"
        return None


def dependencies_of(found: tuple[FoundDependency, ...]) -> tuple[PackageDependency, ...]:
    return tuple(
        PackageDependency(
            package_id=one.package_id, version_range=one.version_range, target_framework=one.target_framework
        )
        for one in found
    )
