"""What a promotion is made of: its status, its steps, what gates said, and what it waits for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from domain.devops.delivery.deployment_policy import HealthGates
from domain.devops.pipelines.semantic_version import SemanticVersion
from domain.devops.release.arrangement import Arrangement, SlotName, Stage
from domain.devops.source_control.git_names import CommitSha
from domain.kernel.values import Identifier, Line, Model, Person, Timestamp

MOST_RESULTS = 500
"""Of gates, in all: one that comes and goes says something else at each look, and may for days."""

Reason = Annotated[Line, Field(max_length=400)]


class PromotionStatus(StrEnum):
    """Failed: the domain or a gate said no. Errored: something technical did not come back in time. Canceled:
    it ended before it had begun, or somebody ended it."""

    PENDING = "Pending"
    IN_PROGRESS = "InProgress"
    ROLLING_BACK = "RollingBack"
    COMPLETED = "Completed"
    FAILED = "Failed"
    ERRORED = "Errored"
    CANCELED = "Canceled"

    @property
    def is_over(self) -> bool:
        return self in (self.COMPLETED, self.FAILED, self.ERRORED, self.CANCELED)


class StepStatus(StrEnum):
    PENDING = "Pending"
    VERIFYING = "Verifying"
    SOAKING = "Soaking"
    PASSED = "Passed"
    FAILED = "Failed"


class PromotionStep(Model):
    """One commit to the environment's branch, and the gates that must pass after it. `candidate` is the slot
    that they look at."""

    position: int
    name: str
    arrangement: Arrangement
    candidate: SlotName
    status: StepStatus = StepStatus.PENDING
    commit_sha: CommitSha | None = None
    committed_at: Timestamp | None = None
    healthy_since: Timestamp | None = None
    unclear_since: Timestamp | None = None
    """When it was last found healthy no more."""
    ended_at: Timestamp | None = None

    @classmethod
    def of(cls, position: int, stage: Stage) -> "PromotionStep":
        return cls(
            position=position,
            name=stage.name,
            arrangement=stage.arrangement,
            candidate=stage.candidate,
        )


class GateKind(StrEnum):
    """Sync: the agent has applied the commit. Rollout: the workloads have come up."""

    SYNC = "Sync"
    ROLLOUT = "Rollout"
    HTTP = "Http"
    METRIC = "Metric"


class GateOutcome(StrEnum):
    """Only a positive result passes: what could not be found out is no pass."""

    PASSED = "Passed"
    FAILED = "Failed"
    INCONCLUSIVE = "Inconclusive"


@dataclass(frozen=True)
class GateCheck:
    """What one look at one gate found. One that is not `binding` is only recorded."""

    kind: GateKind
    gate: str
    outcome: GateOutcome
    sentence: str
    binding: bool = True


class HealthGateResult(Model):
    """What a gate said from one moment to another: each time that it says something else is one more."""

    step: int
    kind: GateKind
    gate: str
    outcome: GateOutcome
    sentence: str
    binding: bool
    first_seen_at: Timestamp
    last_seen_at: Timestamp


def with_checks(
    results: Sequence[HealthGateResult], step: int, checks: Iterable[GateCheck], now: datetime
) -> tuple[HealthGateResult, ...]:
    """The results with one more look at each gate; of too many the newest."""
    kept = list(results)
    for check in checks:
        found = HealthGateResult(
            step=step,
            kind=check.kind,
            gate=check.gate,
            outcome=check.outcome,
            sentence=check.sentence,
            binding=check.binding,
            first_seen_at=now,
            last_seen_at=now,
        )
        place = _last_of(kept, found)
        if place is not None and _says_the_same(kept[place], found):
            update = {"sentence": check.sentence, "last_seen_at": now}
            kept[place] = kept[place].model_copy(update=update)
        else:
            kept.append(found)
    return tuple(kept[-MOST_RESULTS:])


def _says_the_same(one: HealthGateResult, other: HealthGateResult) -> bool:
    return one.outcome is other.outcome and one.binding == other.binding


def _last_of(results: Sequence[HealthGateResult], found: HealthGateResult) -> int | None:
    key = (found.step, found.kind, found.gate)
    places = [place for place, one in enumerate(results) if (one.step, one.kind, one.gate) == key]
    return places[-1] if places else None


def judged(
    step: PromotionStep, checks: Sequence[GateCheck], gates: HealthGates, now: datetime
) -> tuple[dict[str, Any], str | None]:
    """What a look at its gates makes of a step; and, where it has failed, why."""
    assert step.committed_at is not None
    binding = [one for one in checks if one.binding]
    failed = [one.sentence for one in binding if one.outcome is GateOutcome.FAILED]
    unclear = [one.sentence for one in binding if one.outcome is GateOutcome.INCONCLUSIVE]
    unclear_since = now if step.healthy_since is not None else step.unclear_since or step.committed_at
    timeout, soak = timedelta(seconds=gates.timeout_seconds), timedelta(seconds=gates.soak_seconds)
    # In all, too, or what comes and goes would never end.
    too_long = now >= min(unclear_since + timeout, step.committed_at + timeout + soak)
    if not failed and unclear and too_long:
        failed = [f"not healthy within {gates.timeout_seconds} s: {'; '.join(unclear)}"]
    if failed:
        return {"status": StepStatus.FAILED, "ended_at": now}, "; ".join(failed)
    if unclear:
        return {
            "status": StepStatus.VERIFYING,
            "healthy_since": None,
            "unclear_since": unclear_since,
        }, None
    since = step.healthy_since or now
    if now < since + soak:
        return {"status": StepStatus.SOAKING, "healthy_since": since}, None
    return {"status": StepStatus.PASSED, "healthy_since": since, "ended_at": now}, None


class Waiting(StrEnum):
    """What a promotion waits for before it goes on."""

    APPROVAL = "Approval"
    READINESS = "Readiness"
    STOPPED_LINE = "StoppedLine"
    FREEZE = "Freeze"
    HOLD = "Hold"
    ANOTHER_PROMOTION = "AnotherPromotion"


class WaitingFor(Model):
    """`until` is when it ends by itself, where that is known."""

    what: Waiting
    sentence: str
    until: Timestamp | None = None


class Bypass(Model):
    """Somebody who may has let the promotion go on in spite of freezes and a stopped line."""

    reason: Reason
    bypassed_by: Person
    bypassed_at: Timestamp


class Rollback(Model):
    """The way back to what was there: Git first, then the environment. Without a release there was nothing,
    and the module is taken away again."""

    ends_as: PromotionStatus
    release_id: Identifier | None
    version: SemanticVersion | None
    manifest_id: Identifier | None
    arrangement: Arrangement
    begun_at: Timestamp
    commit_sha: CommitSha | None = None
    committed_at: Timestamp | None = None
    confirmed_at: Timestamp | None = None
    """When the environment was found as it had been; None where that could not be found in time."""
