"""The steps of a promotion, as the orchestration in functions/promotion.py has them taken.

Each calls the outside first, idempotently, and then changes promotion and target in one transaction. Whoever
has lost the target in between is refused by its fencing number.
"""

from domain.devops.delivery.delivery_policy import DeliveryPolicy
from domain.devops.delivery.deployment_policy import ManifestType
from domain.devops.delivery.environments import EnvironmentPolicy
from domain.devops.delivery.stack_outputs import without_secrets
from domain.devops.release import release
from domain.devops.release.arrangement import Arrangement, SlotName, deployments, services, stages
from domain.devops.release.arrangement import Candidate as CandidateVersion
from domain.devops.release.deployment_manifest import DeploymentManifest, manifest_of
from domain.devops.release.deployment_target import DeploymentTarget, Verified
from domain.devops.release.desired_state import carries, commit_arrangement, require_no_clash
from domain.devops.release.environment_promotion import EnvironmentPromotion
from domain.devops.release.health_gates import Candidate, configured_checks, rollout_checks, sync_check
from domain.devops.release.promotion_guards import frozen, held, queued, stopped, unready
from domain.devops.release.promotion_path import completion_key, require_on_path
from domain.devops.release.promotion_state import (
    GateCheck,
    GateKind,
    GateOutcome,
    PromotionStatus,
)
from domain.devops.release.readiness import readiness_of
from domain.devops.release.release_plan import ReleasePlan, ReleaseStatus
from domain.kernel.command import Step
from domain.kernel.errors import Rejected, Unavailable
from domain.kernel.values import Identifier
from domain.kernel.work import Work
from domain.ports import (
    BlobStore,
    GitOpsAgent,
    GitProvider,
    HealthProbe,
    InfrastructureEngine,
    ManifestRenderer,
    MetricSource,
    Workloads,
)
from domain.provided import EnvironmentHandle, StackHandle


class StepOfPromotion(Step):
    promotion_id: Identifier


class BeginPromotion(StepOfPromotion):
    """Take the target, or find out what to wait for."""


class RenderPromotionManifest(StepOfPromotion):
    """Render the release for the environment, and plan the steps of the strategy."""


class CommitPromotionStep(StepOfPromotion):
    """Commit what the step is to bring, and have it applied."""


class VerifyPromotionStep(StepOfPromotion):
    """Look at the step's gates."""


class CompletePromotion(StepOfPromotion):
    """All steps have passed."""


async def held_by(work: Work, promotion_id: str) -> tuple[EnvironmentPromotion, DeploymentTarget]:
    """The promotion and the target that it must still hold."""
    promotion = await work.get(EnvironmentPromotion, promotion_id)
    target = await DeploymentTarget.of(work, promotion.module_id, promotion.to_environment)
    target.require_held(promotion.promotion_id, promotion.fence)
    return promotion, target


@release.handler
async def begin_promotion(command: BeginPromotion, work: Work) -> None:
    promotion = await work.get(EnvironmentPromotion, command.promotion_id)
    if promotion.status is not PromotionStatus.PENDING:
        return
    target = await DeploymentTarget.of(work, promotion.module_id, promotion.to_environment)
    plan = await work.get(ReleasePlan, promotion.release_id)
    policy = await DeliveryPolicy.of(work)
    over = await _not_to_begin(promotion, target, plan, policy, work)
    if over is not None:
        promotion.fail(over, PromotionStatus.CANCELED, None, work.now)
        target.leave(promotion.promotion_id)
        return
    lacking = unready(await readiness_of(plan, work, work.now))
    if lacking is None:
        target.make_ready(promotion.promotion_id)
    waiting_for = (
        lacking
        or await stopped(promotion, work)
        or await frozen(promotion, policy, work)
        or held(target)
        or queued(promotion, target)
    )
    if waiting_for is not None:
        promotion.wait(waiting_for)
        return
    promotion.begin(target.take(promotion.promotion_id), work.now)


async def _not_to_begin(
    promotion: EnvironmentPromotion,
    target: DeploymentTarget,
    plan: ReleasePlan,
    policy: DeliveryPolicy,
    work: Work,
) -> str | None:
    """Why it will never begin."""
    status = plan.status_at(work.now)
    if status in (ReleaseStatus.REJECTED, ReleaseStatus.EXPIRED):
        return f"release {plan.release_id} is {status}"
    newer = target.newer_than(promotion.promotion_id) if promotion.automatic else None
    if newer is not None:
        return f"promotion {newer.promotion_id} of version {newer.version} has come since"
    try:
        await require_on_path(plan, policy.environment(promotion.to_environment), policy, work)
    except Rejected as off:
        return off.sentence
    return None


@release.handler
async def render_promotion_manifest(
    command: RenderPromotionManifest,
    work: Work,
    git: GitProvider,
    renderer: ManifestRenderer,
    blobs: BlobStore,
    engine: InfrastructureEngine,
) -> None:
    promotion, target = await held_by(work, command.promotion_id)
    if promotion.next_step != "RenderPromotionManifest":
        return
    plan = await work.get(ReleasePlan, promotion.release_id)
    environment = (await DeliveryPolicy.of(work)).environment(promotion.to_environment)
    outputs = None
    if environment.manifest.type is ManifestType.PULUMI_OUTPUT:
        outputs = without_secrets((await engine.stack(_stack(environment, work))).outputs)
    manifest = await manifest_of(plan, environment, work, git, renderer, blobs, outputs)
    candidate = CandidateVersion(
        manifest_id=manifest.manifest_id, release_id=plan.release_id, version=plan.version
    )
    live = target.verified.arrangement if target.verified is not None else None
    planned = stages(promotion.strategy, live, candidate, environment.canary_weights)
    promotion.plan_steps(manifest.manifest_id, planned)


def _stack(environment: EnvironmentPolicy, work: Work) -> StackHandle:
    source = environment.infrastructure
    if source is None:
        raise Rejected(f"{environment.name} has no infrastructure whose outputs could be rendered")
    return StackHandle(work.partition, environment.name, source.engine, source.stack)


@release.handler
async def commit_promotion_step(
    command: CommitPromotionStep, work: Work, git: GitProvider, blobs: BlobStore, agent: GitOpsAgent
) -> None:
    promotion, target = await held_by(work, command.promotion_id)
    step = promotion.step
    if step is None or promotion.next_step != "CommitPromotionStep":
        return
    waiting_for = await stopped(promotion, work) or held(target)
    promotion.wait(waiting_for)
    if waiting_for is not None:
        return
    # Off the path by now: it goes no further.
    (await DeliveryPolicy.of(work)).environment(promotion.to_environment)
    await require_no_clash(target, step.arrangement, work, git, blobs)
    message = f"Promote {promotion.module_id} {promotion.version} to {promotion.to_environment}: {step.name}"
    sha = await commit_arrangement(
        target, step.arrangement, message, promotion.requested_at, work, git, blobs, agent
    )
    handle = EnvironmentHandle(work.partition, promotion.to_environment)
    await agent.reconcile(handle, token=work.command_id)
    target.arrange(step.arrangement, sha)
    promotion.commit_step(sha, work.now)


@release.handler
async def verify_promotion_step(
    command: VerifyPromotionStep,
    work: Work,
    git: GitProvider,
    blobs: BlobStore,
    agent: GitOpsAgent,
    workloads: Workloads,
    probe: HealthProbe,
    metrics: MetricSource,
) -> None:
    promotion, target = await held_by(work, command.promotion_id)
    step = promotion.step
    if step is None or step.commit_sha is None or promotion.next_step != "VerifyPromotionStep":
        return
    policy = (await DeliveryPolicy.of(work)).environment(promotion.to_environment)
    checks = [await synced(target, step.arrangement, step.commit_sha, work, git, blobs, agent)]
    if checks[0].outcome is GateOutcome.PASSED:
        candidate = await candidate_in(promotion, step.arrangement, step.candidate, work)
        checks += await rollout_checks(candidate, workloads)
        if all(check.outcome is GateOutcome.PASSED for check in checks):
            # What is not up yet would fail them, and has the time to come up.
            checks += await configured_checks(candidate, policy, probe, metrics)
    failed = promotion.look(tuple(checks), policy.gates, work.now)
    if failed is not None:
        promotion.fail(failed, PromotionStatus.FAILED, target.verified, work.now)


async def synced(
    target: DeploymentTarget,
    arrangement: Arrangement,
    commit_sha: str,
    work: Work,
    git: GitProvider,
    blobs: BlobStore,
    agent: GitOpsAgent,
) -> GateCheck:
    """Another module's commit may have come on top of this one: what counts is that this is in it."""
    try:
        sync = await agent.sync(EnvironmentHandle(work.partition, target.environment))
    except Unavailable as away:
        # As long as a step may take: a cluster that does not answer has not refused it.
        return GateCheck(GateKind.SYNC, "gitops", GateOutcome.INCONCLUSIVE, str(away))
    applied = sync.applied_sha if sync is not None else None
    carried = (
        applied is not None
        and applied != commit_sha
        and await carries(applied, target, arrangement, work, git, blobs)
    )
    return sync_check(sync, commit_sha, carried=carried)


async def candidate_in(
    promotion: EnvironmentPromotion, arrangement: Arrangement, slot: SlotName, work: Work
) -> Candidate:
    placed = arrangement.slot(slot)
    assert placed is not None, f"{slot} is not in the arrangement"
    manifest = await work.get(DeploymentManifest, placed.manifest_id)
    return Candidate(
        environment=EnvironmentHandle(work.partition, promotion.to_environment),
        module_id=promotion.module_id,
        deployments=deployments(slot, manifest.resources),
        services=services(slot, manifest.resources),
    )


@release.handler
async def complete_promotion(command: CompletePromotion, work: Work) -> None:
    promotion, target = await held_by(work, command.promotion_id)
    if promotion.next_step != "CompletePromotion":
        return
    key = completion_key(promotion.module_id, promotion.to_environment, promotion.build_result_id)
    first = await work.holder(key) is None
    promotion.complete(work.now, is_first_of_build=first)
    target.verify(
        Verified(
            promotion_id=promotion.promotion_id,
            release_id=promotion.release_id,
            version=promotion.version,
            manifest_id=promotion.manifest_id or "",
            arrangement=target.arrangement,
            verified_at=work.now,
        )
    )
    target.leave(promotion.promotion_id)
