"""Releases to promote: of builds that are recorded straight away, planned by the command."""

from typing import Any

from adapters.memory.git_provider import MemoryGitProvider
from domain.catalogue import catalogue
from domain.devops.delivery.delivery_policy import Severity
from domain.devops.packaging.container_image import ContainerImage, ImageScanResult, ImageStatus, ScanState
from domain.devops.pipelines.build_result import ArtifactItem, ArtifactKind, BuildResult, BuildStatus
from domain.devops.source_control.repository import Repository
from domain.kernel.aggregate import Aggregate
from domain.kernel.naming import image_repository
from domain.kernel.values import Redaction
from domain.kernel.work import Work
from domain.provided import FileContent, RepositoryHandle
from domain.sealing import Sealer
from functions.bootstrap import now
from infra.local.bench.round_trips import BENCH, HERE, REDACTION_KEY, Bench
from infra.local.processes import ROOT

ENVIRONMENT = "dev"
REGISTRY, IMAGE = "registry.invalid", "reservations-api"
SOURCES = ROOT / "infra" / "local" / "demo" / "service" / "deploy" / "base"


class Releases:
    """Makes them in a project whose one environment is promoted to automatically, without a soak."""

    def __init__(self, measured: Bench) -> None:
        self._measured, self._sealer = measured, Sealer(catalogue(), Redaction(REDACTION_KEY))
        self._count = 0

    async def prepare(self) -> None:
        """The project, and what its environment has outside: whatever is committed runs at once and well."""
        _, gitops = await self._measured.handle("ProvisionRepository", {"name": "promoted-environments"})
        _, module = await self._measured.handle("ProvisionRepository", {"name": "promoted"})
        self._repository_id = module["repositoryId"]
        self._sources = await self._handle(module["repositoryId"])
        files = [FileContent(f"deploy/base/{one.name}", "add", one.read_bytes()) for one in SOURCES.iterdir()]
        self._git.push(self._sources, "main", files)
        self._measured.gitops = await self._handle(gitops["repositoryId"])
        environment = {"name": ENVIRONMENT, "autoPromote": True, "manifest": {"path": "deploy/base"}}
        policy: dict[str, object] = {
            "gitopsRepositoryId": gitops["repositoryId"],
            "environments": [environment],
        }
        await self._measured.handle("ConfigureDelivery", policy)

    @property
    def _git(self) -> MemoryGitProvider:
        return self._measured.git

    async def _handle(self, repository_id: str) -> RepositoryHandle:
        loaded = await self._measured.store.load(HERE, Repository, repository_id)
        assert loaded is not None
        return loaded.aggregate.handle

    async def one(self, module: str) -> str:
        """The id of a release of the next version of a module, planned and not approved."""
        self._count += 1
        version, number = f"1.0.{self._count}", f"{self._count:064x}"
        change = FileContent(f"src/{version}.py", "add", version.encode())
        sha = self._git.push(self._sources, "main", [change])
        item = ArtifactItem(
            name=f"{IMAGE}:{version}",
            kind=ArtifactKind.IMAGE,
            registry=REGISTRY,
            repository=image_repository(HERE, IMAGE),
            tag=version,
            digest=f"sha256:{number}",
        )
        build = self._build(module, version, sha, item)
        await self._store(build, _scanned(build, item))
        _, planned = await self._measured.handle("PlanRelease", {"buildResultId": build.build_result_id})
        return planned["releaseId"]

    def _build(self, module: str, version: str, sha: str, item: ArtifactItem) -> BuildResult:
        return BuildResult(
            build_result_id=f"build-bench-{version}",
            pipeline_run_id=f"run-bench-{version}",
            pipeline_id="pipeline-bench",
            repository_id=self._repository_id,
            module_id=module,
            status=BuildStatus.SUCCEEDED,
            tests_passed=12,
            tests_failed=0,
            artifacts=(item,),
            requested_by="outside",
            branch="main",
            on_default_branch=True,
            commit_sha=sha,
            build_number=version,
            completed_at=now(),
        )

    async def _store(self, *aggregates: Aggregate) -> None:
        """As if observations had come to them."""
        command: dict[str, Any] = {"runId": self._count}
        work = Work(self._measured.envelope("ObserveRun", command), BENCH, now(), self._measured.store)
        for aggregate in aggregates:
            work.add(aggregate)
        transaction = self._sealer.seal(catalogue().handlers["ObserveRun"], work)
        committed = await self._measured.store.commit(transaction)
        await self._measured.store.settle(committed.journal)


def _scanned(build: BuildResult, item: ArtifactItem) -> ContainerImage:
    assert item.repository and item.tag and item.digest
    return ContainerImage(
        image_id=ContainerImage.id_for(HERE, REGISTRY, item.digest),
        build_result_id=build.build_result_id,
        repository_name=item.repository,
        tag=item.tag,
        names=(item.name,),
        digest=item.digest,
        registry=REGISTRY,
        status=ImageStatus.BUILT,
        scan_result=ImageScanResult(state=ScanState.PASSED, scanned_at=now(), failing_severity=Severity.HIGH),
    )
