"""BuildResult: the normalized outcome of a pipeline run; recorded once, when the run is over.

It is made by the observation of its run (`pipeline_run.py`).
"""

from collections.abc import AsyncIterator, Iterable
from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import Field

from domain.devops.pipelines import pipelines
from domain.devops.source_control.git_names import BranchName, CommitSha
from domain.kernel.aggregate import Aggregate
from domain.kernel.errors import require
from domain.kernel.event import Event
from domain.kernel.values import Identifier, Model, ModuleId, Person, Timestamp, derived_id
from domain.kernel.work import Partition
from domain.ports import BlobStore
from domain.provided import BlobHandle

CoveragePercentage = Annotated[float, Field(ge=0, le=100)]


class BuildStatus(StrEnum):
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELED = "Canceled"

    @classmethod
    def of_jobs(cls, results: Iterable[str | None]) -> "BuildStatus":
        """What the underlying jobs come to; a run whose every job was skipped built nothing."""
        found = [result for result in results if result != "skipped"]
        if any(result in ("failed", "abandoned") for result in found):
            return cls.FAILED
        if any(result not in ("succeeded", "succeededWithIssues") for result in found):
            return cls.CANCELED
        return cls.SUCCEEDED if found else cls.CANCELED


class BlobReference(Model):
    """Where content lies, and what proves it."""

    uri: str
    sha256: str
    size: int
    """bytes"""

    @classmethod
    def to(cls, blob: BlobHandle) -> Self:
        return cls(uri=blob.uri, sha256=blob.sha256, size=blob.size)

    @classmethod
    async def store(cls, content: bytes, partition: Partition, path: str, blobs: BlobStore) -> Self:
        """Raises `Rejected` where something else is stored there."""

        async def once() -> AsyncIterator[bytes]:
            yield content

        return cls.to(await blobs.put(partition, path, once()))

    @property
    def handle(self) -> BlobHandle:
        return BlobHandle(self.uri, self.sha256, self.size)

    async def read(self, partition: Partition, blobs: BlobStore) -> bytes:
        """All of it. Raises `Rejected` where what is stored no longer has the checksum."""
        return b"".join([part async for part in blobs.read(partition, self.handle)])


class ArtifactKind(StrEnum):
    """`File` is an artifact as the run published it; packages and images are what such artifacts hold."""

    FILE = "File"
    PACKAGE = "Package"
    IMAGE = "Image"


class ArtifactItem(Model):
    """Something that the run produced. Packages lie in Blob until they are in their feed; images are named
    by what the registry will prove."""

    name: str
    kind: ArtifactKind
    blob: BlobReference | None = None
    package_id: str | None = None
    version: str | None = None
    feed: str | None = None
    registry: str | None = None
    repository: str | None = None
    tag: str | None = None
    digest: str | None = None


class TestSummary(Model):
    """One suite's counts; `other` are the skipped and the inconclusive."""

    __test__ = False  # pytest would take it for a test

    suite: str
    passed: int
    failed: int
    other: int


@pipelines.event("Observability", "Marketplace")
class BuildCompleted(Event):
    """A build finished, with its test results and artifacts."""

    build_result_id: Identifier
    pipeline_run_id: Identifier
    pipeline_id: Identifier
    repository_id: Identifier
    module_id: ModuleId
    status: BuildStatus
    tests_passed: int
    tests_failed: int
    coverage: float | None
    artifacts: tuple[str, ...]
    branch: str
    on_default_branch: bool
    commit_sha: str
    build_number: str
    logs_uri: str | None
    completed_at: Timestamp


@pipelines.aggregate(prefix="build", collection="builds")
class BuildResult(Aggregate):
    immutable: ClassVar = {"artifacts": "artifacts are immutable once recorded"}

    build_result_id: Identifier
    pipeline_run_id: Identifier
    pipeline_id: Identifier
    repository_id: Identifier
    module_id: ModuleId
    status: BuildStatus
    tests_passed: int
    tests_failed: int
    test_summaries: tuple[TestSummary, ...] = ()
    coverage: CoveragePercentage | None = None
    artifacts: tuple[ArtifactItem, ...] | None = None
    problems: tuple[str, ...] = ()
    """What the artifacts say and can't be taken at its word; such a build is not released."""
    logs_uri: str | None = None
    log: BlobReference | None = None
    requested_by: Person
    """Who started the run at the provider; of the platform's own runs, its account there."""
    branch: BranchName
    on_default_branch: bool
    commit_sha: CommitSha
    build_number: str
    completed_at: Timestamp

    @staticmethod
    def id_for(pipeline_run_id: str) -> str:
        """Follows from the run: that is what makes it the only one of its run."""
        return derived_id("build", pipeline_run_id)

    @property
    def packages(self) -> tuple[ArtifactItem, ...]:
        return self._of(ArtifactKind.PACKAGE)

    @property
    def images(self) -> tuple[ArtifactItem, ...]:
        return self._of(ArtifactKind.IMAGE)

    def _of(self, kind: ArtifactKind) -> tuple[ArtifactItem, ...]:
        return tuple(item for item in self.artifacts or () if item.kind is kind)

    def complete(self, artifacts: tuple[ArtifactItem, ...]) -> None:
        self.artifacts = artifacts
        self.record(
            BuildCompleted(
                build_result_id=self.build_result_id,
                pipeline_run_id=self.pipeline_run_id,
                pipeline_id=self.pipeline_id,
                repository_id=self.repository_id,
                module_id=self.module_id,
                status=self.status,
                tests_passed=self.tests_passed,
                tests_failed=self.tests_failed,
                coverage=self.coverage,
                artifacts=tuple(item.name for item in artifacts),
                branch=self.branch,
                on_default_branch=self.on_default_branch,
                commit_sha=self.commit_sha,
                build_number=self.build_number,
                logs_uri=self.logs_uri,
                completed_at=self.completed_at,
            )
        )

    @property
    def is_successful(self) -> bool:
        """Green, with no test failed: a pipeline can be green though its tests are not."""
        return self.status is BuildStatus.SUCCEEDED and not self.tests_failed and not self.problems

    def require_successful(self) -> None:
        """Raises `Rejected` where nothing of it may be shipped."""
        number = self.build_number
        require(
            self.status is BuildStatus.SUCCEEDED,
            f"build {number} is {self.status}: a release references a successful build"
            + (f" ({self.tests_failed} tests failed)" if self.tests_failed else ""),
        )
        require(
            not self.tests_failed,
            f"build {number} has {self.tests_failed} failed tests: a release references a successful build",
        )
        require(not self.problems, f"build {number} can't be released: {'; '.join(self.problems)}")
