"""The way back of a promotion that did not come off: Git, then the environment, and one fact of both."""

from contextlib import suppress
from datetime import timedelta

from domain.devops.delivery.delivery_policy import DeliveryPolicy
from domain.devops.delivery.deployment_policy import HealthGates
from domain.devops.release import release
from domain.devops.release.deployment_target import DeploymentTarget
from domain.devops.release.desired_state import commit_arrangement
from domain.devops.release.environment_promotion import EnvironmentPromotion
from domain.devops.release.health_gates import rollout_checks
from domain.devops.release.promotion_state import GateOutcome, PromotionStatus
from domain.devops.release.promotion_steps import StepOfPromotion, candidate_in, held_by, synced
from domain.kernel.errors import Rejected
from domain.kernel.work import Work
from domain.ports import BlobStore, GitOpsAgent, GitProvider, Workloads
from domain.provided import EnvironmentHandle


class FailPromotion(StepOfPromotion):
    """A step was refused or could not be taken: go back."""

    step: str
    """The one that did not come off."""
    reason: str
    errored: bool


class RollBackPromotion(StepOfPromotion):
    """Commit what was there before, and have it applied."""


class VerifyRollback(StepOfPromotion):
    """Look whether the environment is as it was."""


@release.handler
async def fail_promotion(command: FailPromotion, work: Work) -> None:
    promotion = await work.get(EnvironmentPromotion, command.promotion_id)
    target = await DeploymentTarget.of(work, promotion.module_id, promotion.to_environment)
    status = PromotionStatus.ERRORED if command.errored else PromotionStatus.FAILED
    if promotion.status in (PromotionStatus.PENDING, PromotionStatus.IN_PROGRESS):
        promotion.fail(command.reason, status, target.verified, work.now)
    elif promotion.status is PromotionStatus.ROLLING_BACK and command.step == promotion.next_step:
        # There is no further way back: it ends as it stands, and says so.
        promotion.reason = f"{promotion.reason}; the way back failed: {command.reason}"
        promotion.end(status, work.now)
    if promotion.status.is_over:
        target.leave(promotion.promotion_id)


@release.handler
async def roll_back_promotion(
    command: RollBackPromotion, work: Work, git: GitProvider, blobs: BlobStore, agent: GitOpsAgent
) -> None:
    promotion, target = await held_by(work, command.promotion_id)
    back = promotion.rollback
    if back is None or promotion.next_step != "RollBackPromotion":
        return
    to = f"to {back.version}" if back.version is not None else "to nothing"
    message = f"Roll {promotion.module_id} in {promotion.to_environment} back {to}: {promotion.reason}"
    sha = await commit_arrangement(
        target, back.arrangement, message[:400], promotion.requested_at, work, git, blobs, agent
    )
    # Where there is no agent any more, Git goes back all the same; that nobody applies it is seen later.
    with suppress(Rejected):
        await agent.reconcile(EnvironmentHandle(work.partition, target.environment), token=work.command_id)
    target.arrange(back.arrangement, sha)
    promotion.roll_back(sha, work.now)


@release.handler
async def verify_rollback(
    command: VerifyRollback,
    work: Work,
    git: GitProvider,
    blobs: BlobStore,
    agent: GitOpsAgent,
    workloads: Workloads,
) -> None:
    promotion, target = await held_by(work, command.promotion_id)
    back = promotion.rollback
    if back is None or back.commit_sha is None or promotion.next_step != "VerifyRollback":
        return
    timeout = timedelta(seconds=(await _gates(promotion.to_environment, work)).timeout_seconds)
    checks = [await synced(target, back.arrangement, back.commit_sha, work, git, blobs, agent)]
    if checks[0].outcome is GateOutcome.PASSED and back.arrangement.serving is not None:
        serving = back.arrangement.serving.name
        candidate = await candidate_in(promotion, back.arrangement, serving, work)
        checks += await rollout_checks(candidate, workloads)
    if all(check.outcome is GateOutcome.PASSED for check in checks):
        promotion.confirm_rollback(work.now)
        target.leave(promotion.promotion_id)
        return
    assert back.committed_at is not None
    if work.now >= back.committed_at + timeout:
        lacking = "; ".join(one.sentence for one in checks if one.outcome is not GateOutcome.PASSED)
        promotion.reason = f"{promotion.reason}; not found as it was before: {lacking}"
        promotion.end(back.ends_as, work.now)
        target.leave(promotion.promotion_id)


async def _gates(environment: str, work: Work) -> HealthGates:
    """The environment's, or the usual ones where it is off the path by now: it goes back all the same."""
    policy = await DeliveryPolicy.of(work)
    return next((one.gates for one in policy.environments if one.name == environment), HealthGates())
