"""A project that promotes: its modules have approved releases.

What a promotion begins with is put where the platform keeps it: the builds of many modules would take longer
than all of their promotions.
"""

import asyncio
import hashlib
from dataclasses import dataclass
from typing import Any

from adapters.azure_devops.marks import operation_of
from adapters.pulumi.places import Organizations
from domain.devops.delivery.delivery_policy import Severity
from domain.devops.infrastructure.infrastructure_plan import InfrastructurePlan
from domain.devops.packaging.container_image import ContainerImage, ImageScanResult, ScanState
from domain.devops.pipelines.build_result import ArtifactItem, ArtifactKind
from domain.devops.release.environment_promotion import EnvironmentPromotion
from domain.kernel.aggregate import Aggregate
from domain.kernel.values import derived_id
from domain.kernel.work import Partition
from domain.provided import StackHandle
from tests.deployment import APP, sources
from tests.domain.devops.release.given import REGISTRY, built, image, store
from tests.domain.scenarios import ADA, GRACE
from tests.domain.world import World
from tests.end_to_end.doors import Doors, Payload
from tests.end_to_end.promoting_project import ENVIRONMENT, PromotingProject, pushed
from tests.end_to_end.waiting import eventually

OVER = ("Completed", "Failed", "Errored", "Canceled")


@dataclass(frozen=True)
class Release:
    """An approved one. The images of versions that do not make it are marked as such in the cluster."""

    module: str
    version: str
    id: str

    @property
    def module_id(self) -> str:
        return f"module-{self.module}"


class Promotions(PromotingProject):
    """`known` are the promotions that were asked for, by their ids."""

    def __init__(self, doors: Doors) -> None:
        super().__init__(doors)
        self._world = World(store=self.store)
        self._world.partition = self.partition
        self._shas: dict[str, str] = {}
        self._writing = asyncio.Lock()
        self.known: dict[str, Release] = {}

    async def release(self, module: str, version: str) -> Release:
        """Built from the module's commit, planned by ada and approved by grace."""
        async with self._writing:
            if module not in self._shas:
                self._shas[module] = await self._written(module)
        item = _image(self.partition, module, version)
        build = await built(
            self._world,
            self.modules,
            self._shas[module],
            artifacts=(item,),
            build_number=version,
            module_id=f"module-{module}",
        )
        await store(self._world, self._scanned(item))
        payload = {"buildResultId": build.build_result_id, "targetEnvironment": ENVIRONMENT}
        planned = await self.project.post("PlanRelease", payload, by=ADA)
        id: str = planned.fact["payload"]["releaseId"]
        decision = {"releaseId": id, "decision": "Approved"}
        approved = await self.project.post("ApproveRelease", decision, by=GRACE)
        assert approved.status == 200, approved.text
        return Release(module, version, id)

    async def _written(self, module: str) -> str:
        """A commit of the module's own, for what it deploys is called as it is."""
        files = {path: content.replace(APP, module) for path, content in sources(ENVIRONMENT).items()}
        if self._shas:
            files = {path: content for path, content in files.items() if module in content}
        return await pushed(self.provided(self.modules), files, "edit" if self._shas else "add")

    def _scanned(self, item: ArtifactItem) -> ContainerImage:
        assert item.registry is not None and item.digest is not None
        passed = ImageScanResult(
            state=ScanState.PASSED, scanned_at=self._world.clock.now(), failing_severity=Severity.HIGH
        )
        return image(
            self._world,
            image_id=ContainerImage.id_for(self.partition, item.registry, item.digest),
            repository_name=item.repository,
            digest=item.digest,
            tag=item.tag,
            names=[item.name],
            scan_result=passed,
        )

    async def mark_unhealthy(self, release: Release) -> None:
        """Whatever runs this release's image answers its health checks with errors from now on."""
        mark = {"match": _digest(release.module, release.version), "unhealthy": True}
        async with self.doors.session.put(f"{self.cluster_url}/_local/images", json=mark) as answer:
            assert answer.ok, await answer.text()

    def promotion_id(self, release: Release) -> str:
        """Known before it is asked for: an id follows from the command that makes it."""
        return self._made_by("PromoteDeployment", f"promote-{release.id}", EnvironmentPromotion)

    async def promote(self, release: Release, strategy: str | None = None) -> str:
        """Ask for it; a host that is killed meanwhile answers nothing, and is asked no more than once."""
        id = self.promotion_id(release)
        self.known[id] = release
        payload = {"releaseId": release.id} | ({"strategy": strategy} if strategy else {})
        await self._asked("PromoteDeployment", payload, f"promote-{release.id}")
        return id

    def plan_id(self, environment: str) -> str:
        return self._made_by("ProvisionInfrastructure", f"provision-{environment}", InfrastructurePlan)

    async def provision(self, environment: str) -> str:
        await self._asked("ProvisionInfrastructure", {"environment": environment}, f"provision-{environment}")
        return self.plan_id(environment)

    async def provisioned(self, environment: str) -> None:
        """It is, and that by one update at the engine."""
        await eventually(
            lambda: self.project.view("infrastructure-plans", self.plan_id(environment)),
            lambda found: found["status"] == "Provisioned",
            within=60,
            poll=0.1,
        )
        await self.ended(self.plan_id(environment))
        stack = StackHandle(self.partition, environment, "Pulumi", f"shop/{environment}")
        ready, path = self.doors.cloud.pulumi.ready, Organizations("{tenantId}-{projectId}").stack(stack)
        headers = {"Authorization": f"token {ready['token']}"}
        async with self.doors.session.get(f"{ready['url']}{path}/deployments", headers=headers) as answer:
            assert answer.ok, await answer.text()
            found = await answer.json()
        operations = [one["pulumiOperation"] for one in found["deployments"]]
        assert operations.count("update") == 1, operations

    def _made_by(self, command: str, key: str, kind: type[Aggregate]) -> str:
        scope = (self.project.tenant, self.project.name)
        return derived_id(kind.id_prefix, *scope, derived_id("cmd", *scope, command, key), 1)

    async def _asked(self, command: str, payload: Payload, key: str) -> None:
        answer = await self.project.post(command, payload, key=key)
        assert answer.status == 202, f"{answer.status} {answer.text}"

    async def committed(self, id: str) -> None:
        """Wait until the first step of a promotion is in Git."""
        await eventually(
            lambda: self.project.view("promotions", id),
            lambda found: any(step["commitSha"] for step in found["steps"]),
            within=60,
        )

    async def over(self, id: str, within: float = 60) -> dict[str, Any]:
        """A promotion once it is over."""
        return await eventually(
            lambda: self.project.view("promotions", id),
            lambda found: found["status"] in OVER,
            within,
            poll=0.1,
        )

    async def commits(self) -> list[dict[str, Any]]:
        """What promotions have committed to the environment's branch, with their changes."""
        found = [
            one for one in await self.gitops.commits(f"env/{ENVIRONMENT}") if operation_of(one["comment"])
        ]
        # The branch grew from the repository's own first commit.
        found = [one for one in found if one["parents"]]
        paths = [f"commits/{one['commitId']}/changes" for one in found]
        listed = await asyncio.gather(*(self.gitops.call("GET", path) for path in paths))
        return [one | {"changes": each["changes"]} for one, each in zip(found, listed, strict=True)]


def _digest(module: str, version: str) -> str:
    return f"sha256:{hashlib.sha256(f'{module} {version}'.encode()).hexdigest()}"


def _image(partition: Partition, module: str, version: str) -> ArtifactItem:
    return ArtifactItem(
        name=f"{module}:{version}",
        kind=ArtifactKind.IMAGE,
        registry=REGISTRY,
        repository=f"{partition.tenant_id}/{partition.project_id}/{module}",
        tag=version,
        digest=_digest(module, version),
    )
