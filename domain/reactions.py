"""Every "when X happened, send Y", on one page."""

from domain.devops.delivery.delivery_policy import DeliveryPolicy, ReactionSwitch
from domain.devops.gitops.gitops_sync_state import SyncGitOps
from domain.devops.infrastructure.infrastructure_plan import (
    InfrastructureProvisioned,
    ProvisionInfrastructure,
)
from domain.devops.packaging.build_outputs import ObserveBuildOutputs
from domain.devops.pipelines.build_result import BuildCompleted, BuildStatus
from domain.devops.pipelines.pipeline_definition import GeneratePipeline, PipelineGenerated
from domain.devops.pipelines.pipeline_run import ObserveRun, PipelineRunStarted, RunPipeline
from domain.devops.pipelines.run_state import RunReason
from domain.devops.release.environment_promotion import DeploymentPromoted, PromoteDeployment
from domain.devops.release.release_approval import ReleaseApproved
from domain.devops.release.release_plan import PlanRelease
from domain.devops.source_control.branch import ObserveBranch
from domain.devops.source_control.pull_request import PullRequestMerged, PullRequestOpened
from domain.devops.source_control.pull_request_observation import ObservePullRequest
from domain.devops.source_control.repository import RepositoryProvisioned
from domain.kernel.envelope import Envelope
from domain.kernel.reaction import Reactions
from domain.kernel.work import Partition, Reader

reactions = Reactions()


async def following(fact: Envelope, store: Reader) -> list[Envelope]:
    """The commands that follow from a fact in its project."""
    if not reactions.has_switches(fact.event_type):
        return list(reactions.to(fact))
    partition = Partition(fact.tenant_id, fact.project_id)
    stored = await store.load(partition, DeliveryPolicy, DeliveryPolicy.id_for(partition))
    return list(reactions.to(fact, () if stored is None else stored.aggregate.switched_off))


@reactions.reaction
def take_in_default_branch(event: RepositoryProvisioned) -> ObserveBranch | None:
    """A repository came with a default branch: give it its own aggregate, protected as asked."""
    if event.head_commit_sha is None:
        return None
    return ObserveBranch(repository_id=event.repository_id, name=event.default_branch)


@reactions.reaction
def read_first_evaluation(event: PullRequestOpened) -> ObservePullRequest:
    """Policies are evaluated after the pull request opens: read their first verdict."""
    return ObservePullRequest(repository_id=event.repository_id, number=event.number)


@reactions.switchable(ReactionSwitch.GENERATE_PIPELINE)
def generate_pipeline(event: PullRequestMerged) -> GeneratePipeline:
    """What is merged is to be built. Where there is a pipeline already, nothing is generated, and so the
    chain ends: later merges are built by the pipeline's own trigger."""
    return GeneratePipeline(repository_id=event.repository_id, merged_into=event.target_branch)


@reactions.switchable(ReactionSwitch.RUN_PIPELINE)
def run_generated_pipeline(event: PipelineGenerated) -> RunPipeline:
    """The YAML's own commit starts no run: build what there is with the new pipeline."""
    return RunPipeline(pipeline_id=event.pipeline_id, reason=RunReason.CI)


@reactions.reaction
def read_first_state(event: PipelineRunStarted) -> ObserveRun:
    """Service hooks that came before the run was recorded were not about anything known."""
    return ObserveRun(run_id=event.run_id)


@reactions.reaction
def record_outputs(event: BuildCompleted) -> ObserveBuildOutputs | None:
    """What a build produced is published and found where it is to be."""
    if event.status is not BuildStatus.SUCCEEDED:
        return None
    return ObserveBuildOutputs(build_result_id=event.build_result_id)


@reactions.switchable(ReactionSwitch.PLAN_RELEASE)
def plan_release(event: BuildCompleted) -> PlanRelease | None:
    """A good build of the default branch is planned for the first environment."""
    if event.status is not BuildStatus.SUCCEEDED or event.tests_failed or not event.on_default_branch:
        return None
    return PlanRelease(build_result_id=event.build_result_id)


@reactions.switchable(ReactionSwitch.PROVISION_INFRASTRUCTURE)
def provision_infrastructure(event: ReleaseApproved) -> ProvisionInfrastructure:
    """The environment is to be as its program says before a release goes in; where the program has not
    changed, nothing is done."""
    return ProvisionInfrastructure(environment=event.target_environment, automatic=True)


@reactions.switchable(ReactionSwitch.PROMOTE_DEPLOYMENT)
def promote_approved_release(event: ReleaseApproved) -> PromoteDeployment:
    """An approved release goes on its way, as far as environments are promoted to automatically."""
    return PromoteDeployment(release_id=event.release_id, automatic=True)


@reactions.switchable(ReactionSwitch.PROMOTE_DEPLOYMENT)
def promote_to_next_environment(event: DeploymentPromoted) -> PromoteDeployment:
    return PromoteDeployment(release_id=event.release_id, automatic=True)


@reactions.switchable(ReactionSwitch.SYNC_GITOPS)
def sync_promoted_environment(event: DeploymentPromoted) -> SyncGitOps:
    """What is in Git and what runs are compared, and their agreement is a fact of its own."""
    return SyncGitOps(environment=event.environment, automatic=True)


@reactions.switchable(ReactionSwitch.SYNC_GITOPS)
def sync_provisioned_environment(event: InfrastructureProvisioned) -> SyncGitOps:
    return SyncGitOps(environment=event.environment, automatic=True)
