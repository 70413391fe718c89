"""What promotion tests begin with: a GitOps repository, a module with its sources, approved releases."""

from dataclasses import dataclass
from typing import Any

from domain.devops.delivery.delivery_policy import ConfigureDelivery, DeliveryPolicy, Severity
from domain.devops.packaging.container_image import ContainerImage, ImageScanResult, ScanState
from domain.devops.pipelines.build_result import ArtifactItem
from domain.devops.release.arrangement import branch_of
from domain.devops.release.deployment_target import DeploymentTarget
from domain.devops.release.environment_promotion import EnvironmentPromotion, PromoteDeployment
from domain.devops.release.release_plan import PlanRelease, ReleasePlan, ReleasePlanned
from domain.devops.source_control.repository import Repository
from domain.provided import EnvironmentHandle, FileContent
from tests.deployment import APP, BASE, SOURCES
from tests.domain.devops.release.given import (
    ADA,
    ALAN,
    HEIDI,
    IMAGE,
    MODULE,
    built,
    image,
    store,
    to_decide,
)
from tests.domain.devops.source_control.given import a_repository
from tests.domain.world import World
from tests.orchestrations import Between

PATH = ("dev", "test", "staging", "prod")


@dataclass
class Delivery:
    """A project that promotes: `module` is the repository of what it ships, `gitops` that of environments."""

    world: World
    gitops: Repository
    module: Repository

    async def configure(self, *environments: dict[str, Any], **settings: Any) -> None:
        """These environments, or the usual path; nothing happens automatically unless they say so."""
        self.world.actor = HEIDI
        every = environments or [an_environment(name) for name in PATH]
        given = {"gitops_repository_id": self.gitops.repository_id, "environments": every}
        await self.world.when(ConfigureDelivery.model_validate(given | settings))

    async def a_release(
        self,
        version: str,
        target: str = "prod",
        *,
        approved: bool = True,
        module_id: str = MODULE,
        same_objects: bool = False,
        **changes: Any,
    ) -> ReleasePlan:
        """Of a commit of its own, planned by Ada and approved by Alan."""
        world = self.world
        # Two modules of one environment have objects of their own names.
        suffix = "" if same_objects or module_id == MODULE else f"nameSuffix: -{module_id}\n"
        base = (SOURCES[BASE] + suffix).encode()
        changes_made = [
            FileContent(f"src/{version}.py", "add", version.encode()),
            FileContent(BASE, "edit", base),
        ]
        sha = world.git.push(self.module.handle, "main", changes_made, author="eve@connectsoft.example")
        digest = "sha256:" + version.encode().hex().ljust(64, "0")
        item = IMAGE.model_copy(update={"digest": digest, "tag": version, "name": f"{APP}:{version}"})
        build = await built(
            world, self.module, sha, artifacts=(item,), build_number=version, module_id=module_id
        )
        await store(world, _scanned(world, item))
        world.actor = ADA
        command = PlanRelease.model_validate(
            {"build_result_id": build.build_result_id, "target_environment": target, **changes}
        )
        planned = (await world.when(command)).only(ReleasePlanned)
        plan = await world.read(ReleasePlan, planned.release_id)
        if approved:
            await self.approve(plan)
        return plan

    async def approve(self, plan: ReleasePlan) -> None:
        self.world.actor = ALAN
        await self.world.given(to_decide(plan))

    async def another_repository(self) -> Repository:
        self.world.actor = HEIDI
        return await a_repository(self.world, name=self.world.name("environments"))

    async def reject(self, plan: ReleasePlan) -> None:
        self.world.actor = ALAN
        await self.world.given(to_decide(plan, decision="Rejected"))

    async def release(self, release_id: str) -> ReleasePlan:
        return await self.world.read(ReleasePlan, release_id)

    async def planned_again(self, plan: ReleasePlan, target: str) -> ReleasePlan:
        """The same build for another environment, approved."""
        self.world.actor = ADA
        command = PlanRelease.model_validate(
            {"build_result_id": plan.build_result_id, "target_environment": target}
        )
        planned = (await self.world.when(command)).only(ReleasePlanned)
        again = await self.release(planned.release_id)
        await self.approve(again)
        return again

    async def promote(
        self,
        plan: ReleasePlan,
        to: str | None = None,
        *,
        between: Between | None = None,
        **changes: Any,
    ) -> EnvironmentPromotion:
        """Ask for it and play it to its end."""
        promotion = await self.ask(plan, to, **changes)
        await self.world.played(between)
        return await self.again(promotion)

    async def ask(self, plan: ReleasePlan, to: str | None = None, **changes: Any) -> EnvironmentPromotion:
        """Ask for it; its orchestration waits for `world.played`."""
        self.world.actor = ADA
        command = PromoteDeployment.model_validate(
            {"release_id": plan.release_id, "to_environment": to, **changes}
        )
        happened = await self.world.given(command)
        id = happened.journal.outcome.reply["aggregate"]["id"]
        return await self.world.read(EnvironmentPromotion, id)

    async def promoted(self, plan: ReleasePlan, *environments: str) -> None:
        """Through these environments, each of which must let it pass."""
        for name in environments:
            promotion = await self.promote(plan, name)
            assert promotion.status == "Completed", f"{name}: {promotion.status} {promotion.reason}"

    async def again(self, promotion: EnvironmentPromotion) -> EnvironmentPromotion:
        return await self.world.read(EnvironmentPromotion, promotion.promotion_id)

    async def target(self, environment: str, module_id: str = MODULE) -> DeploymentTarget:
        id = DeploymentTarget.id_for(self.world.partition, module_id, environment)
        return await self.world.read(DeploymentTarget, id)

    async def head(self, environment: str) -> str | None:
        return await self.world.git.branch_head(self.gitops.handle, branch_of(environment))

    async def committed(self, environment: str) -> dict[str, bytes]:
        """What the environment's branch has, by path."""
        head = await self.head(environment)
        assert head is not None
        paths = await self.world.git.file_paths(self.gitops.handle, head)
        read = {path: await self.world.git.file(self.gitops.handle, head, path) for path in paths}
        return {path: content for path, content in read.items() if content is not None}

    def handle(self, environment: str) -> EnvironmentHandle:
        return EnvironmentHandle(self.world.partition, environment)

    async def policy(self) -> DeliveryPolicy:
        return await self.world.read(DeliveryPolicy, DeliveryPolicy.id_for(self.world.partition))


def an_environment(name: str, **changes: Any) -> dict[str, Any]:
    """Any strategy is valid; a release rolls unless it says otherwise."""
    strategies = ["RollingUpdate", "BlueGreen", "Canary"]
    return {"name": name, "strategies": strategies, **changes}


def _scanned(world: World, item: ArtifactItem) -> Any:
    """The item's image, found in the registry and scanned clean."""
    assert item.registry is not None and item.digest is not None
    return image(
        world,
        image_id=ContainerImage.id_for(world.partition, item.registry, item.digest),
        digest=item.digest,
        tag=item.tag,
        names=[item.name],
        scan_result=ImageScanResult(
            state=ScanState.PASSED, scanned_at=world.clock.now(), failing_severity=Severity.HIGH
        ),
    )


async def a_delivery(world: World, *environments: dict[str, Any], **settings: Any) -> Delivery:
    world.actor = HEIDI
    gitops = await a_repository(world, name=world.name("environments"))
    module = await a_repository(world, name=world.name("reservations"))
    changes = [FileContent(path, "add", content.encode()) for path, content in SOURCES.items()]
    world.git.push(module.handle, "main", changes, author="eve@connectsoft.example")
    delivery = Delivery(world, gitops, module)
    await delivery.configure(*environments, **settings)
    return delivery
