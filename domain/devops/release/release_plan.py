"""ReleasePlan: the plan to ship a build to an environment; it keeps the decisions that let it or end it."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar, override

from pydantic import TypeAdapter, ValidationError

from domain.devops.delivery.delivery_policy import DeliveryPolicy, policy_hash
from domain.devops.delivery.environments import DeploymentStrategy, EnvironmentName, ReleasePolicy
from domain.devops.delivery.identities import Identity, People
from domain.devops.pipelines.build_result import BuildResult
from domain.devops.pipelines.semantic_version import SemanticVersion, same_version
from domain.devops.release import release
from domain.devops.release.approvals import ApprovalDecision, ApproverIdentity, Decision, approvers_of
from domain.devops.release.contents import ReleaseArtifact, ReleaseStep, artifacts_of, steps_of
from domain.devops.release.contributors import Contributor, contributors_of
from domain.devops.source_control.git_names import CommitSha
from domain.kernel.aggregate import Aggregate, UniqueKey
from domain.kernel.command import Command
from domain.kernel.errors import Rejected, require
from domain.kernel.event import Event
from domain.kernel.values import Identifier, ModuleId, Person, Timestamp
from domain.kernel.work import Work
from domain.ports import GitProvider


class ReleaseStatus(StrEnum):
    """`Expired` is never stored: it is what a pending release becomes as time passes."""

    PENDING_APPROVAL = "PendingApproval"
    APPROVED = "Approved"
    REJECTED = "Rejected"
    EXPIRED = "Expired"


class PlanRelease(Command):
    """Plan to ship a build: as the version that its number says, into the first environment of the path, by
    the environment's default strategy, unless told otherwise."""

    build_result_id: Identifier
    version: SemanticVersion | None = None
    target_environment: EnvironmentName | None = None
    strategy: DeploymentStrategy | None = None


@release.event("Governance", "Observability")
class ReleasePlanned(Event):
    """A release plan exists, pending approval."""

    release_id: Identifier
    module_id: ModuleId
    build_result_id: Identifier
    version: str
    target_environment: str
    strategy: DeploymentStrategy
    required_approvals: int
    planned_by: Person
    planned_at: Timestamp


@release.aggregate(prefix="rel", collection="releases", id_field="release_id")
class ReleasePlan(Aggregate):
    immutable: ClassVar = {
        "build_result_id": "a release ships the build that it was planned for",
        "policy": "a release is judged by the policy that it was planned under",
        "planned_by": "who planned a release stays who planned it",
    }

    release_id: Identifier
    module_id: ModuleId
    build_result_id: Identifier
    repository_id: Identifier
    commit_sha: CommitSha
    version: SemanticVersion
    target_environment: EnvironmentName
    strategy: DeploymentStrategy
    required_approvals: int
    status: ReleaseStatus = ReleaseStatus.PENDING_APPROVAL
    planned_at: Timestamp
    expires_at: Timestamp
    planned_by: Identity
    initiator: Identity | None
    """The person whose deed it is: of an automatic plan, whoever set it off."""
    contributors: tuple[Contributor, ...]
    policy: ReleasePolicy
    policy_hash: str
    artifacts: tuple[ReleaseArtifact, ...]
    steps: tuple[ReleaseStep, ...]
    decisions: tuple[Decision, ...] = ()

    def unique_keys(self) -> tuple[UniqueKey, ...]:
        return (version_key(self.module_id, self.target_environment, self.version),)

    def status_at(self, now: datetime) -> ReleaseStatus:
        """What was approved in time does not expire."""
        if self.status is ReleaseStatus.PENDING_APPROVAL and now >= self.expires_at:
            return ReleaseStatus.EXPIRED
        return self.status

    @override
    def shown(self, now: datetime) -> dict[str, Any]:
        return {**super().shown(now), "status": self.status_at(now)}

    @property
    def approvers(self) -> tuple[ApproverIdentity, ...]:
        return approvers_of(self.decisions)

    def plan(self) -> None:
        self.record(
            ReleasePlanned(
                release_id=self.release_id,
                module_id=self.module_id,
                build_result_id=self.build_result_id,
                version=self.version,
                target_environment=self.target_environment,
                strategy=self.strategy,
                required_approvals=self.required_approvals,
                planned_by=self.planned_by.name,
                planned_at=self.planned_at,
            )
        )

    def require_pending(self) -> None:
        require(
            self.status is ReleaseStatus.PENDING_APPROVAL,
            f"release {self.release_id} is already {self.status}",
        )

    def require_undecided_by(self, approver: ApproverIdentity, people: People) -> None:
        """A person has one part in the decisions on a release: deciding, or being stood for."""
        for identity in approver.everyone:
            earlier = any(people.same(identity.names, one.approver.names) for one in self.decisions)
            require(not earlier, f"{identity.name} has already decided on release {self.release_id}")

    def decide(self, decision: Decision) -> None:
        """Keep a decision; a rejection is the end of it."""
        self.decisions = (*self.decisions, decision)
        if decision.decision is ApprovalDecision.REJECTED:
            self.status = ReleaseStatus.REJECTED

    def approve(self) -> None:
        self.status = ReleaseStatus.APPROVED


def version_key(module_id: str, environment: str, version: str) -> UniqueKey:
    """Unique per module and environment, for good: what was said about a version stays true of it."""
    return UniqueKey(
        "release-version",
        (module_id, environment, same_version(version)),
        f"version {version} of {module_id} is already planned for {environment}",
    )


_VERSION: TypeAdapter[str] = TypeAdapter(SemanticVersion)


def _version(wanted: str | None, build: BuildResult) -> str:
    if wanted is not None:
        return wanted
    try:
        return _VERSION.validate_python(build.build_number)
    except ValidationError:
        raise Rejected(
            f"build number {build.build_number} is not a semantic version: name the release's version"
        ) from None


async def _require_unplanned(key: UniqueKey, version: str, work: Work) -> None:
    holder = await work.holder(key)
    if holder is None:
        return
    earlier = await work.find(ReleasePlan, holder)
    if earlier is None or earlier.status_at(work.now) is ReleaseStatus.PENDING_APPROVAL:
        raise Rejected(key.sentence)
    raise Rejected(
        f"{key.sentence} as {holder}, which is {earlier.status_at(work.now)}:"
        " build it again, or plan it under another version"
    )


@release.handler
async def plan_release(command: PlanRelease, work: Work, git: GitProvider) -> None:
    build = await work.get(BuildResult, command.build_result_id)
    build.require_successful()
    policy = await DeliveryPolicy.of(work)
    environment = policy.environment(command.target_environment)
    strategy = environment.strategy(command.strategy)
    version = _version(command.version, build)
    key = version_key(build.module_id, environment.name, version)
    await _require_unplanned(key, version, work)
    judged_by = policy.for_release(environment)
    behind = work.actor.behind
    plan = ReleasePlan(
        release_id=work.new_id(ReleasePlan),
        module_id=build.module_id,
        build_result_id=build.build_result_id,
        repository_id=build.repository_id,
        commit_sha=build.commit_sha,
        version=version,
        target_environment=environment.name,
        strategy=strategy,
        required_approvals=environment.approvals.required_approvals,
        planned_at=work.now,
        expires_at=work.now + timedelta(hours=environment.approvals.expires_after_hours),
        planned_by=policy.people.identity(work.actor.name, *work.actor.aliases),
        initiator=policy.people.identity(behind) if behind is not None else None,
        contributors=await contributors_of(build, environment.name, policy.people, work, git),
        policy=judged_by,
        policy_hash=policy_hash(judged_by),
        artifacts=artifacts_of(build, policy.target_feed, work.partition),
        steps=steps_of(strategy),
    )
    work.add(plan)
    plan.plan()
