"""What a person on call does to a promotion that is not over: end it, or let it through."""

from domain.devops.release import release
from domain.devops.release.deployment_target import DeploymentTarget
from domain.devops.release.environment_promotion import EnvironmentPromotion
from domain.devops.release.promotion_state import Bypass, PromotionStatus, Reason
from domain.kernel.command import Setting
from domain.kernel.errors import require
from domain.kernel.values import Identifier
from domain.kernel.work import Work


class CancelPromotion(Setting):
    """End a promotion: one that has begun goes back to what was there before. One on its way back already
    goes on with it, also where its orchestration had been terminated."""

    promotion_id: Identifier
    reason: Reason


class BypassFreeze(Setting):
    """Let a promotion go on in spite of freezes and of a stopped line. Never in spite of a hold, or of what
    its release lacks."""

    promotion_id: Identifier
    reason: Reason


@release.handler
async def cancel_promotion(command: CancelPromotion, work: Work) -> None:
    promotion = await work.get(EnvironmentPromotion, command.promotion_id)
    require(not promotion.status.is_over, f"promotion {promotion.promotion_id} is already {promotion.status}")
    if promotion.status is not PromotionStatus.ROLLING_BACK:
        target = await DeploymentTarget.of(work, promotion.module_id, promotion.to_environment)
        reason = f"canceled by {work.actor.name}: {command.reason}"
        promotion.fail(reason, PromotionStatus.CANCELED, target.verified, work.now)
        if promotion.status.is_over:
            target.leave(promotion.promotion_id)
    # Where its orchestration was terminated, it is begun anew to finish this.
    work.orchestrate(promotion)


@release.handler
async def bypass_freeze(command: BypassFreeze, work: Work) -> None:
    promotion = await work.get(EnvironmentPromotion, command.promotion_id)
    require(not promotion.status.is_over, f"promotion {promotion.promotion_id} is already {promotion.status}")
    require(promotion.bypass is None, f"promotion {promotion.promotion_id} has a bypass already")
    promotion.bypass = Bypass(reason=command.reason, bypassed_by=work.actor.name, bypassed_at=work.now)
