"""DeploymentManifest: what to deploy of a release in an environment, rendered once and never changed."""

import hashlib
from collections.abc import Mapping
from typing import Annotated, ClassVar

from domain.devops.delivery.deployment_policy import ManifestType
from domain.devops.delivery.environments import EnvironmentName, EnvironmentPolicy
from domain.devops.pipelines.build_result import BlobReference, BuildResult
from domain.devops.pipelines.semantic_version import SemanticVersion
from domain.devops.release import release
from domain.devops.release.manifest_resources import ManifestResource
from domain.devops.release.release_plan import ReleasePlan
from domain.devops.release.rendering import render
from domain.devops.source_control.git_names import CommitSha
from domain.devops.source_control.repository import Repository
from domain.kernel.aggregate import Aggregate
from domain.kernel.event import Event
from domain.kernel.values import Identifier, ModuleId, Timestamp, derived_id, matching
from domain.kernel.work import Partition, Work
from domain.ports import BlobStore, GitProvider, ManifestRenderer

Checksum = Annotated[str, matching(r"[0-9a-f]{64}", "must be a SHA-256 in lower-case hexadecimal digits")]


@release.event()
class DeploymentManifestRendered(Event):
    """A deployment manifest was rendered and versioned."""

    manifest_id: Identifier
    release_id: Identifier
    module_id: ModuleId
    environment: str
    manifest_type: ManifestType
    version: str
    content_uri: str
    checksum: str
    rendered_at: Timestamp


_ONCE = "a manifest is immutable once rendered"


@release.aggregate(prefix="man", collection="manifests", id_field="manifest_id")
class DeploymentManifest(Aggregate):
    immutable: ClassVar = {
        "release_id": "a manifest is tied to exactly one release",
        "module_id": _ONCE,
        "environment": _ONCE,
        "manifest_type": _ONCE,
        "content_uri": _ONCE,
        "checksum": _ONCE,
        "size": _ONCE,
        "version": _ONCE,
        "source_commit_sha": _ONCE,
        "resources": _ONCE,
        "rendered_at": _ONCE,
    }

    manifest_id: Identifier
    release_id: Identifier
    module_id: ModuleId
    environment: EnvironmentName
    manifest_type: ManifestType
    content_uri: str
    checksum: Checksum
    size: int
    """bytes"""
    version: SemanticVersion
    source_commit_sha: CommitSha
    resources: tuple[ManifestResource, ...]
    rendered_at: Timestamp

    @staticmethod
    def id_for(partition: Partition, release_id: str, environment: str, checksum: str) -> str:
        """Follows from what it holds and for whom: that is what makes the same one the only one."""
        return derived_id("man", partition.tenant_id, partition.project_id, release_id, environment, checksum)

    @property
    def blob(self) -> BlobReference:
        return BlobReference(uri=self.content_uri, sha256=self.checksum, size=self.size)

    def render(self) -> None:
        self.record(
            DeploymentManifestRendered(
                manifest_id=self.manifest_id,
                release_id=self.release_id,
                module_id=self.module_id,
                environment=self.environment,
                manifest_type=self.manifest_type,
                version=self.version,
                content_uri=self.content_uri,
                checksum=self.checksum,
                rendered_at=self.rendered_at,
            )
        )


async def manifest_of(
    plan: ReleasePlan,
    environment: EnvironmentPolicy,
    work: Work,
    git: GitProvider,
    renderer: ManifestRenderer,
    blobs: BlobStore,
    outputs: Mapping[str, str] | None = None,
) -> DeploymentManifest:
    """The release's manifest for an environment, from the sources of the release's own commit; `outputs` are
    those of the environment's stack. Rendered to the same bytes again, it is the one that is there already.

    Raises `Rejected` with what the tool says, or what a manifest may not be.
    """
    build = await work.get(BuildResult, plan.build_result_id)
    repository = await work.get(Repository, plan.repository_id)
    rendered = await render(plan, environment, build.images, repository.handle, git, renderer, outputs)
    checksum = hashlib.sha256(rendered.content).hexdigest()
    id = DeploymentManifest.id_for(work.partition, plan.release_id, environment.name, checksum)
    found = await work.find(DeploymentManifest, id)
    if found is not None:
        return found
    blob = await BlobReference.store(rendered.content, work.partition, f"manifests/{id}.yaml", blobs)
    manifest = DeploymentManifest(
        manifest_id=id,
        release_id=plan.release_id,
        module_id=plan.module_id,
        environment=environment.name,
        manifest_type=environment.manifest.type,
        content_uri=blob.uri,
        checksum=checksum,
        size=len(rendered.content),
        version=plan.version,
        source_commit_sha=plan.commit_sha,
        resources=rendered.resources,
        rendered_at=work.now,
    )
    work.add(manifest)
    manifest.render()
    return manifest


async def content(manifest: DeploymentManifest, partition: Partition, blobs: BlobStore) -> bytes:
    """What was rendered. Raises `Rejected` where what is stored no longer has the checksum."""
    return await manifest.blob.read(partition, blobs)
