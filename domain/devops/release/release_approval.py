"""ReleaseApproval: one person's decision on a release, and the evaluation of the policy that it rests on."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import Field

from domain.devops.delivery.delivery_policy import DeliveryPolicy
from domain.devops.delivery.environments import DeploymentStrategy
from domain.devops.delivery.identities import Delegation, PersonName
from domain.devops.pipelines.build_result import BuildResult
from domain.devops.release import release
from domain.devops.release.approvals import (
    ApprovalDecision,
    ApproverIdentity,
    Decision,
    Delegated,
    PolicyCheckResult,
    count,
)
from domain.devops.release.approver import approver_of
from domain.devops.release.contributors import Contributor
from domain.devops.release.duties import duty_checks, require_segregated, segregated
from domain.devops.release.readiness import require_met, standing
from domain.devops.release.release_line import LastApproved, ReleaseLine
from domain.devops.release.release_plan import ReleasePlan
from domain.kernel.aggregate import Aggregate
from domain.kernel.command import Command
from domain.kernel.errors import require
from domain.kernel.event import Event
from domain.kernel.values import NO_NUL, Identifier, Model, ModuleId, Person, Timestamp, derived_id
from domain.kernel.work import Work

Comment = Annotated[str, Field(max_length=2000), NO_NUL]


class PolicyInputs(Model):
    """What the policy was evaluated on."""

    planner: Person
    initiator: Person | None
    contributors: tuple[Contributor, ...]
    approver: ApproverIdentity
    approved_before: tuple[ApproverIdentity, ...]
    delegation: Delegated | None


class PolicyEvaluationResult(Model):
    """The policy by its hash, what it was evaluated on, and what each of its rules said, this decision
    included."""

    policy_hash: str
    inputs: PolicyInputs
    checks: tuple[PolicyCheckResult, ...]

    @property
    def is_satisfied(self) -> bool:
        return all(check.passed for check in self.checks)


class ApproveRelease(Command):
    """Decide on a release, by default to approve it; `on_behalf_of` names who delegated that to the actor."""

    release_id: Identifier
    decision: ApprovalDecision = ApprovalDecision.APPROVED
    comment: Comment = ""
    on_behalf_of: PersonName | None = None


@release.event("Governance", "Observability")
class ReleaseApproved(Event):
    """A release passed its policy and all approvals that it asks for."""

    release_id: Identifier
    module_id: ModuleId
    build_result_id: Identifier
    version: str
    target_environment: str
    strategy: DeploymentStrategy
    approved_by: tuple[Person, ...]
    policy_hash: str
    approved_at: Timestamp


@release.aggregate(prefix="appr", collection="release-approvals", id_field="approval_id")
class ReleaseApproval(Aggregate):
    immutable: ClassVar = {
        "decision": "a decision is immutable once recorded",
        "decided_at": "a decision is immutable once recorded",
        "comment": "a decision is immutable once recorded",
        "approver": "a decision is immutable once recorded",
        "policy_result": "what the policy said is immutable once recorded",
    }

    approval_id: Identifier
    release_id: Identifier
    approver: ApproverIdentity
    comment: str
    policy_result: PolicyEvaluationResult | None = None
    decision: ApprovalDecision | None = None
    decided_at: Timestamp | None = None

    @staticmethod
    def id_for(release_id: str, person: str) -> str:
        """Follows from release and person: that is what makes a person decide once."""
        return derived_id("appr", release_id, person)

    def decide(self, decision: ApprovalDecision, at: datetime) -> None:
        require(self.policy_result is not None, "policy must have been evaluated before the decision")
        self.decision, self.decided_at = decision, at

    def as_decision(self) -> Decision:
        """As the release keeps it."""
        assert self.decision is not None and self.decided_at is not None
        return Decision(
            approval_id=self.approval_id,
            approver=self.approver,
            decision=self.decision,
            decided_at=self.decided_at,
        )

    def complete(self, plan: ReleasePlan, approvers: Sequence[ApproverIdentity], at: datetime) -> None:
        """This was the approval that the release still lacked beside the others."""
        require(self.decision is ApprovalDecision.APPROVED, "only an approval completes a release")
        self.record(
            ReleaseApproved(
                release_id=plan.release_id,
                module_id=plan.module_id,
                build_result_id=plan.build_result_id,
                version=plan.version,
                target_environment=plan.target_environment,
                strategy=plan.strategy,
                approved_by=tuple(one.person.name for one in approvers),
                policy_hash=plan.policy_hash,
                approved_at=at,
            )
        )


def _inputs(
    plan: ReleasePlan,
    before: tuple[ApproverIdentity, ...],
    approver: ApproverIdentity,
    delegation: Delegation | None,
) -> PolicyInputs:
    return PolicyInputs(
        planner=plan.planned_by.name,
        initiator=plan.initiator.name if plan.initiator is not None else None,
        contributors=plan.contributors,
        approver=approver,
        approved_before=before,
        delegation=Delegated(
            from_person=delegation.from_,
            to_person=delegation.to,
            starts_at=delegation.starts_at,
            ends_at=delegation.ends_at,
        )
        if delegation is not None
        else None,
    )


@release.handler
async def approve_release(command: ApproveRelease, work: Work) -> None:
    plan = await work.get(ReleasePlan, command.release_id)
    policy = await DeliveryPolicy.of(work)
    people = policy.people
    approver, delegation = approver_of(work.actor, command.on_behalf_of, plan, policy, work.now)
    duties = duty_checks(plan, approver, people)
    require_segregated(duties)
    plan.require_undecided_by(approver, people)
    require_met(standing(plan, await work.find(BuildResult, plan.build_result_id), work.now))
    plan.require_pending()
    approval = ReleaseApproval(
        approval_id=ReleaseApproval.id_for(plan.release_id, people.canonical(approver.person.names)),
        release_id=plan.release_id,
        approver=approver,
        comment=command.comment,
    )
    approves = command.decision is ApprovalDecision.APPROVED
    before = segregated(plan, people)
    counted = (*before, approver) if approves else before
    result = PolicyEvaluationResult(
        policy_hash=plan.policy_hash,
        inputs=_inputs(plan, before, approver, delegation),
        checks=(*duties, *count(plan.policy.approvals, counted, people)),
    )
    approval.policy_result = result
    approval.decide(command.decision, work.now)
    work.add(approval)
    plan.decide(approval.as_decision())
    if approves and result.is_satisfied:
        plan.approve()
        approval.complete(plan, counted, work.now)
        await _move_line(plan, work)


async def _move_line(plan: ReleasePlan, work: Work) -> None:
    """The next release of the module into this environment is compared to this one."""
    id = ReleaseLine.id_for(work.partition, plan.module_id, plan.target_environment)
    line = await work.find(ReleaseLine, id)
    approved = LastApproved(
        repository_id=plan.repository_id,
        release_id=plan.release_id,
        version=plan.version,
        commit_sha=plan.commit_sha,
        approved_at=work.now,
    )
    if line is not None:
        line.move(approved)
        return
    work.add(
        ReleaseLine(
            release_line_id=id,
            module_id=plan.module_id,
            environment=plan.target_environment,
            **dict(approved),
        )
    )
