"""DeploymentTarget: one module in one environment: what is there, what was last found good, and who may
change it. Promotions queue here, and the one in front holds the target until it is over."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from domain.devops.delivery.delivery_policy import DeliveryPolicy
from domain.devops.delivery.deployment_policy import DnsLabel
from domain.devops.delivery.environments import EnvironmentName
from domain.devops.pipelines.semantic_version import SemanticVersion, precedence
from domain.devops.release import release
from domain.devops.release.arrangement import Arrangement
from domain.devops.source_control.git_names import CommitSha
from domain.kernel.aggregate import Aggregate
from domain.kernel.command import Setting
from domain.kernel.errors import Rejected, require
from domain.kernel.values import Identifier, Line, Model, ModuleId, Person, Timestamp, derived_id
from domain.kernel.work import Partition, Work

Reason = Annotated[Line, Field(max_length=400)]

MOST_QUEUED = 50


class HoldDeployment(Setting):
    """Keep the module as it is in the environment until the hold is lifted."""

    module_id: ModuleId
    environment: EnvironmentName
    reason: Reason


class LiftHold(Setting):
    """Let the module be changed in the environment again."""

    module_id: ModuleId
    environment: EnvironmentName
    reason: Reason


class Hold(Model):
    """`version` is what is kept; None where nothing has been deployed yet."""

    version: SemanticVersion | None
    reason: Reason
    held_by: Person
    held_at: Timestamp


class Verified(Model):
    """The last release that passed its gates here: what a failed promotion goes back to."""

    promotion_id: Identifier
    release_id: Identifier
    version: SemanticVersion
    manifest_id: Identifier
    arrangement: Arrangement
    verified_at: Timestamp


class Queued(Model):
    """A promotion that is not over. An automatic one gives way to a newer one; one whose release is not
    ready keeps no other waiting."""

    promotion_id: Identifier
    release_id: Identifier
    version: SemanticVersion
    automatic: bool
    is_ready: bool


@release.aggregate(prefix="target", collection="deployment-targets")
class DeploymentTarget(Aggregate):
    deployment_target_id: Identifier
    module_id: ModuleId
    environment: EnvironmentName
    queue: tuple[Queued, ...] = ()
    promotion_id: Identifier | None = None
    """The promotion that holds the target."""
    fence: int = 0
    """Counts the holders: whoever comes with an older number has lost the target."""
    arrangement: Arrangement = Arrangement(slots=())
    """What is in Git."""
    commit_sha: CommitSha | None = None
    gateway: DnsLabel = "gateway"
    """The one that its traffic was last committed for."""
    verified: Verified | None = None
    hold: Hold | None = None

    @staticmethod
    def id_for(partition: Partition, module_id: str, environment: str) -> str:
        """Follows from module and environment: that is what makes it the only one."""
        return derived_id("target", partition.tenant_id, partition.project_id, module_id, environment)

    @classmethod
    async def of(cls, work: Work, module_id: str, environment: str) -> "DeploymentTarget":
        """The target, made where nothing has been promoted to it yet."""
        id = cls.id_for(work.partition, module_id, environment)
        target = await work.find(cls, id)
        if target is None:
            target = cls(deployment_target_id=id, module_id=module_id, environment=environment)
            work.add(target)
        return target

    def underway(self, release_id: str) -> Queued | None:
        """The promotion of this release that is not over, if there is one."""
        return next((one for one in self.queue if one.release_id == release_id), None)

    def has_newer(self, version: str) -> bool:
        """Whether a newer version was found good here, or is on its way."""
        versions = [one.version for one in self.queue]
        if self.verified is not None:
            versions.append(self.verified.version)
        return any(precedence(one) > precedence(version) for one in versions)

    def enqueue(self, queued: Queued) -> None:
        require(
            len(self.queue) < MOST_QUEUED,
            f"{MOST_QUEUED} promotions of {self.module_id} to {self.environment} are waiting already",
        )
        self.queue = (*self.queue, queued)

    def newer_than(self, promotion_id: str) -> Queued | None:
        """The last automatic promotion behind this one: an automatic one gives way to it."""
        ids = [one.promotion_id for one in self.queue]
        behind = self.queue[ids.index(promotion_id) + 1 :]
        return next((one for one in reversed(behind) if one.automatic), None)

    def in_front_of(self, promotion_id: str) -> Queued | None:
        """The promotion that must be over before this one begins."""
        ids = [one.promotion_id for one in self.queue]
        before = self.queue[: ids.index(promotion_id)]
        return next((one for one in before if one.is_ready), None)

    def make_ready(self, promotion_id: str) -> None:
        """Its release lacks nothing any more: from now on it has its place in the queue."""
        self.queue = tuple(
            one.model_copy(update={"is_ready": True}) if one.promotion_id == promotion_id else one
            for one in self.queue
        )

    def take(self, promotion_id: str) -> int:
        """Hold the target; answers the holder's fencing number."""
        require(self.promotion_id is None, f"promotion {self.promotion_id} holds {self.environment}")
        require(self.in_front_of(promotion_id) is None, f"promotion {promotion_id} is not in front")
        others = tuple(one for one in self.queue if one.promotion_id != promotion_id)
        taken = next(one for one in self.queue if one.promotion_id == promotion_id)
        self.queue = (taken.model_copy(update={"is_ready": True}), *others)
        self.promotion_id = promotion_id
        self.fence += 1
        return self.fence

    def require_held(self, promotion_id: str, fence: int | None) -> None:
        require(
            self.promotion_id == promotion_id and self.fence == fence,
            f"promotion {promotion_id} has lost {self.module_id} in {self.environment}",
        )

    def arrange(self, arrangement: Arrangement, commit_sha: str) -> None:
        """What has been committed for it."""
        self.arrangement, self.commit_sha = arrangement, commit_sha

    def verify(self, verified: Verified) -> None:
        self.verified = verified

    def leave(self, promotion_id: str) -> None:
        """The promotion is over, whether it held the target or only waited for it."""
        self.queue = tuple(one for one in self.queue if one.promotion_id != promotion_id)
        if self.promotion_id == promotion_id:
            self.promotion_id = None

    def keep(self, reason: str, by: str, at: datetime) -> None:
        if self.hold is not None:
            raise Rejected(f"{self.module_id} is already held in {self.environment}: {self.hold.reason}")
        version = self.verified.version if self.verified is not None else None
        self.hold = Hold(version=version, reason=reason, held_by=by, held_at=at)

    def lift(self) -> None:
        require(self.hold is not None, f"{self.module_id} is not held in {self.environment}")
        self.hold = None


@release.handler
async def hold_deployment(command: HoldDeployment, work: Work) -> None:
    environment = (await DeliveryPolicy.of(work)).environment(command.environment)
    target = await DeploymentTarget.of(work, command.module_id, environment.name)
    target.keep(command.reason, work.actor.name, work.now)


@release.handler
async def lift_hold(command: LiftHold, work: Work) -> None:
    # Also where the environment is off the path by now: it may come back, and with it the hold.
    target = await DeploymentTarget.of(work, command.module_id, command.environment)
    target.lift()
