"""EnvironmentPromotion: the act of promoting a release from one environment to the next in the path.

The aggregate says what comes next (`next_step`), and the orchestration in functions/promotion.py has it done:
so a promotion that is under way goes on under a newer version of this code, too.
"""

from datetime import datetime
from typing import Any, ClassVar

from domain.devops.delivery.delivery_policy import DeliveryPolicy
from domain.devops.delivery.deployment_policy import HealthGates
from domain.devops.delivery.environments import DeploymentStrategy, EnvironmentName
from domain.devops.pipelines.semantic_version import SemanticVersion
from domain.devops.release import release
from domain.devops.release.arrangement import Arrangement, Stage
from domain.devops.release.deployment_target import DeploymentTarget, Queued, Verified
from domain.devops.release.promotion_path import completion_key, next_environment, require_on_path
from domain.devops.release.promotion_state import (
    Bypass,
    GateCheck,
    HealthGateResult,
    PromotionStatus,
    PromotionStep,
    Rollback,
    StepStatus,
    WaitingFor,
    judged,
    with_checks,
)
from domain.devops.release.release_plan import ReleasePlan, ReleaseStatus
from domain.kernel.aggregate import Aggregate, UniqueKey
from domain.kernel.command import Command
from domain.kernel.errors import Rejected, require
from domain.kernel.event import Event
from domain.kernel.values import Identifier, ModuleId, Person, Timestamp, timestamp
from domain.kernel.work import Work


class PromoteDeployment(Command):
    """Promote a release into an environment: the next on its way unless named, by the environment's default
    strategy (in the last one, the release's own) unless named.

    An `automatic` promotion is one that nobody asked for: it does nothing where the environment is not
    promoted to automatically, or has a newer version already.
    """

    release_id: Identifier
    to_environment: EnvironmentName | None = None
    strategy: DeploymentStrategy | None = None
    automatic: bool = False


@release.event("Runtime & Cloud", "Observability")
class DeploymentPromoted(Event):
    """A release was promoted to an environment; after a rollback, the one that the environment is back at."""

    release_id: Identifier
    version: str
    environment: str
    strategy: DeploymentStrategy
    deployment_manifest_id: Identifier


@release.aggregate(prefix="promotion", collection="promotions", id_field="promotion_id")
class EnvironmentPromotion(Aggregate):
    immutable: ClassVar = {"release_id": "a promotion is of one release"}

    promotion_id: Identifier
    release_id: Identifier
    module_id: ModuleId
    build_result_id: Identifier
    version: SemanticVersion
    from_environment: EnvironmentName | None
    """None into the first environment."""
    to_environment: EnvironmentName
    strategy: DeploymentStrategy
    status: PromotionStatus = PromotionStatus.PENDING
    promoted_by: Person
    promoted_at: Timestamp | None = None
    automatic: bool
    requested_at: Timestamp
    began_at: Timestamp | None = None
    ended_at: Timestamp | None = None
    waiting_for: WaitingFor | None = None
    bypass: Bypass | None = None
    fence: int | None = None
    manifest_id: Identifier | None = None
    steps: tuple[PromotionStep, ...] = ()
    gate_results: tuple[HealthGateResult, ...] = ()
    rollback: Rollback | None = None
    reason: str | None = None
    """Why it was not completed."""
    is_first_of_build: bool = False
    """Whether no other promotion had brought this build here before."""

    def unique_keys(self) -> tuple[UniqueKey, ...]:
        if not self.is_first_of_build:
            return ()
        return (completion_key(self.module_id, self.to_environment, self.build_result_id),)

    @property
    def step(self) -> PromotionStep | None:
        """The step that it is at."""
        return next((one for one in self.steps if one.status is not StepStatus.PASSED), None)

    @property
    def next_step(self) -> str | None:
        """The orchestration's next step; None when it is over."""
        if self.status is PromotionStatus.PENDING:
            return "BeginPromotion"
        if self.status is PromotionStatus.ROLLING_BACK:
            back = self.rollback is not None and self.rollback.commit_sha is not None
            return "VerifyRollback" if back else "RollBackPromotion"
        if self.status is not PromotionStatus.IN_PROGRESS:
            return None
        if self.manifest_id is None:
            return "RenderPromotionManifest"
        if self.step is None:
            return "CompletePromotion"
        return "CommitPromotionStep" if self.step.commit_sha is None else "VerifyPromotionStep"

    def standing(self) -> dict[str, Any]:
        """What the orchestration goes by: the next step, and what ends a wait for it."""
        until = self.waiting_for.until if self.waiting_for is not None else None
        return {
            "status": self.status,
            "next": self.next_step,
            "until": timestamp(until) if until is not None else None,
            "position": self.step.position if self.step is not None else None,
        }

    def wait(self, waiting_for: WaitingFor | None) -> None:
        self.waiting_for = waiting_for

    def begin(self, fence: int, now: datetime) -> None:
        self.status, self.fence, self.began_at, self.waiting_for = (
            PromotionStatus.IN_PROGRESS,
            fence,
            now,
            None,
        )

    def plan_steps(self, manifest_id: str, stages: tuple[Stage, ...]) -> None:
        self.manifest_id = manifest_id
        self.steps = tuple(PromotionStep.of(position, stage) for position, stage in enumerate(stages, 1))

    def commit_step(self, commit_sha: str, now: datetime) -> None:
        self._change_step(commit_sha=commit_sha, committed_at=now, status=StepStatus.VERIFYING)

    def look(self, checks: tuple[GateCheck, ...], gates: HealthGates, now: datetime) -> str | None:
        """Take over what the gates say of the step; the sentence where it has failed."""
        step = self.step
        assert step is not None
        self.gate_results = with_checks(self.gate_results, step.position, checks, now)
        changes, failure = judged(step, checks, gates, now)
        self._change_step(**changes)
        return None if failure is None else f"{step.name}: {failure}"

    def _change_step(self, **changes: Any) -> None:
        at = self.step
        self.steps = tuple(one.model_copy(update=changes) if one is at else one for one in self.steps)

    def complete(self, now: datetime, *, is_first_of_build: bool) -> None:
        require(self.status is PromotionStatus.IN_PROGRESS, f"promotion {self.promotion_id} is {self.status}")
        require(
            bool(self.steps) and self.step is None,
            f"health gates of promotion {self.promotion_id} have not all passed",
        )
        self.status, self.promoted_at, self.ended_at = PromotionStatus.COMPLETED, now, now
        self.is_first_of_build = is_first_of_build
        self.record(self._promoted(self.release_id, self.version, self.manifest_id or ""))

    def fail(self, reason: str, status: PromotionStatus, back_to: Verified | None, now: datetime) -> None:
        """It goes no further. Once there are steps one of them may be in Git, whatever is known of it: then
        the way back comes first."""
        self.reason, self.waiting_for = reason, None
        if not self.steps:
            self.end(status, now)
            return
        self.status = PromotionStatus.ROLLING_BACK
        self.rollback = Rollback(
            ends_as=status,
            release_id=back_to.release_id if back_to else None,
            version=back_to.version if back_to else None,
            manifest_id=back_to.manifest_id if back_to else None,
            arrangement=back_to.arrangement if back_to else Arrangement(slots=()),
            begun_at=now,
        )

    def roll_back(self, commit_sha: str, now: datetime) -> None:
        """The way back is in Git."""
        assert self.rollback is not None
        self.rollback = self.rollback.model_copy(update={"commit_sha": commit_sha, "committed_at": now})

    def confirm_rollback(self, now: datetime) -> None:
        """The environment is as it was: Git and environment have moved together, and that is one fact."""
        assert self.rollback is not None
        back = self.rollback
        self.rollback = back.model_copy(update={"confirmed_at": now})
        if back.release_id is not None and back.version is not None and back.manifest_id is not None:
            self.record(self._promoted(back.release_id, back.version, back.manifest_id))
        self.end(back.ends_as, now)

    def end(self, status: PromotionStatus, now: datetime) -> None:
        self.status, self.ended_at, self.waiting_for = status, now, None

    def _promoted(self, release_id: str, version: str, manifest_id: str) -> DeploymentPromoted:
        return DeploymentPromoted(
            release_id=release_id,
            version=version,
            environment=self.to_environment,
            strategy=self.strategy,
            deployment_manifest_id=manifest_id,
        )


@release.handler
async def promote_deployment(command: PromoteDeployment, work: Work) -> None:
    plan = await work.get(ReleasePlan, command.release_id)
    policy = await DeliveryPolicy.of(work)
    environment = await next_environment(command.to_environment, plan, policy, work)
    if command.automatic and (
        environment is None or not environment.auto_promote or policy.gitops_repository_id is None
    ):
        return
    if environment is None:
        raise Rejected(f"release {plan.release_id} has been promoted as far as {plan.target_environment}")
    require(
        policy.gitops_repository_id is not None,
        "the project has no GitOps repository: configure the delivery policy's gitopsRepositoryId",
    )
    require(
        plan.status_at(work.now) not in (ReleaseStatus.REJECTED, ReleaseStatus.EXPIRED),
        f"release {plan.release_id} is {plan.status_at(work.now)}",
    )
    await require_on_path(plan, environment, policy, work)
    target = await DeploymentTarget.of(work, plan.module_id, environment.name)
    underway = target.underway(plan.release_id)
    if command.automatic and (underway is not None or target.has_newer(plan.version)):
        return
    require(underway is None, f"release {plan.release_id} is being promoted to {environment.name} already")
    own = plan.strategy if environment.name == plan.target_environment else None
    before = policy.before(environment.name)
    promotion = EnvironmentPromotion(
        promotion_id=work.new_id(EnvironmentPromotion),
        release_id=plan.release_id,
        module_id=plan.module_id,
        build_result_id=plan.build_result_id,
        version=plan.version,
        from_environment=before.name if before is not None else None,
        to_environment=environment.name,
        strategy=environment.strategy(command.strategy or own),
        promoted_by=work.actor.behind or work.actor.name,
        automatic=command.automatic,
        requested_at=work.now,
    )
    target.enqueue(
        Queued(
            promotion_id=promotion.promotion_id,
            release_id=plan.release_id,
            version=plan.version,
            automatic=command.automatic,
            is_ready=plan.status is ReleaseStatus.APPROVED,
        )
    )
    work.add(promotion)
    work.orchestrate(promotion)
