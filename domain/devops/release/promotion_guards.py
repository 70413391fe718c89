"""What keeps a promotion from beginning for now: each guard says what it waits for."""

from collections.abc import Iterable
from datetime import datetime

from domain.devops.delivery.delivery_line import DeliveryLine
from domain.devops.delivery.delivery_policy import DeliveryPolicy
from domain.devops.delivery.deployment_policy import FreezeWindow
from domain.devops.release.deployment_target import DeploymentTarget
from domain.devops.release.environment_promotion import EnvironmentPromotion
from domain.devops.release.promotion_state import Waiting, WaitingFor
from domain.devops.release.readiness import Condition
from domain.kernel.work import Work

# Conditions that a person must meet; the others are met by machines in time.
_BY_PERSONS = frozenset({"approvals", "groupQuorum", "requiredApprover", "approved"})


def unready(conditions: Iterable[Condition]) -> WaitingFor | None:
    """What the release lacks."""
    unmet = [one for one in conditions if not one.met]
    if not unmet:
        return None
    by_persons = any(one.name in _BY_PERSONS for one in unmet)
    what = Waiting.APPROVAL if by_persons else Waiting.READINESS
    return WaitingFor(what=what, sentence="; ".join(one.sentence for one in unmet))


async def stopped(promotion: EnvironmentPromotion, work: Work) -> WaitingFor | None:
    """The stopped line of the environment, the project or the tenant."""
    if promotion.bypass is not None:
        return None
    for finder in (work, work.tenant_wide):
        stop = (await DeliveryLine.of(finder)).stop_in(promotion.to_environment)
        if stop is not None:
            sentence = f"the line was stopped by {stop.stopped_by}: {stop.reason}"
            return WaitingFor(what=Waiting.STOPPED_LINE, sentence=sentence)
    return None


async def frozen(promotion: EnvironmentPromotion, policy: DeliveryPolicy, work: Work) -> WaitingFor | None:
    """The freeze of the environment, the project or the tenant that ends last."""
    if promotion.bypass is not None:
        return None
    wide = await DeliveryPolicy.of(work.tenant_wide)
    windows = (
        *policy.environment(promotion.to_environment).freezes,
        *policy.freezes,
        *wide.freezes,
    )
    return _longest(windows, work.now)


def _longest(windows: Iterable[FreezeWindow], now: datetime) -> WaitingFor | None:
    ends = [(end, window.name) for window in windows if (end := window.end_at(now)) is not None]
    if not ends:
        return None
    end, name = max(ends)
    return WaitingFor(what=Waiting.FREEZE, sentence=f"freeze {name}", until=end)


def held(target: DeploymentTarget) -> WaitingFor | None:
    if target.hold is None:
        return None
    at = f" at {target.hold.version}" if target.hold.version is not None else ""
    sentence = f"{target.environment} is held{at} by {target.hold.held_by}: {target.hold.reason}"
    return WaitingFor(what=Waiting.HOLD, sentence=sentence)


def queued(promotion: EnvironmentPromotion, target: DeploymentTarget) -> WaitingFor | None:
    first = target.in_front_of(promotion.promotion_id)
    if first is None:
        return None
    sentence = f"promotion {first.promotion_id} of version {first.version} comes first"
    return WaitingFor(what=Waiting.ANOTHER_PROMOTION, sentence=sentence)
