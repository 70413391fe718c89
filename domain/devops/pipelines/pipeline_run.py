"""PipelineRun: a single execution of a pipeline definition at the provider."""

from datetime import datetime

from domain.devops.pipelines import pipelines
from domain.devops.pipelines.build_result import BuildResult, BuildStatus, TestSummary
from domain.devops.pipelines.build_storage import Stored, store_build
from domain.devops.pipelines.pipeline_definition import PipelineDefinition, external_key
from domain.devops.pipelines.run_state import (
    NEXT,
    RunReason,
    RunStatus,
    StageRun,
    stage_runs,
    status_of,
)
from domain.devops.source_control.git_names import BranchName, CommitSha, ShortBranchName
from domain.devops.source_control.pull_request import PullRequest
from domain.devops.source_control.repository import Repository
from domain.kernel.aggregate import Aggregate
from domain.kernel.command import Command, Observation
from domain.kernel.errors import require
from domain.kernel.event import Event
from domain.kernel.repeats import searched_since
from domain.kernel.values import Identifier, Person, Timestamp, derived_id
from domain.kernel.work import Work
from domain.ports import BlobStore, GitProvider, PipelineProvider
from domain.provided import ProvidedResults, ProvidedRun


class RunPipeline(Command):
    """Run a pipeline on a branch, by default the repository's default branch."""

    pipeline_id: Identifier
    branch: ShortBranchName | None = None
    reason: RunReason = RunReason.MANUAL


class ObserveRun(Observation):
    """Something happened to a run: read it again.

    A run that a command of ours started is that command's to record: service hooks leave it alone until it
    is. `adopt` records it too, in case the command crashed and was not repeated.
    """

    run_id: int
    adopt: bool = False


@pipelines.event("Observability")
class PipelineRunStarted(Event):
    """A pipeline run has begun at the provider."""

    pipeline_run_id: Identifier
    pipeline_id: Identifier
    run_id: int
    branch: str
    commit_sha: str
    build_number: str
    reason: RunReason
    started_at: Timestamp


@pipelines.aggregate(prefix="run", collection="pipeline-runs")
class PipelineRun(Aggregate):
    pipeline_run_id: Identifier
    pipeline_id: Identifier
    run_id: int
    branch: BranchName
    commit_sha: CommitSha
    build_number: str
    reason: RunReason
    status: RunStatus = RunStatus.STARTED
    requested_by: Person
    started_at: Timestamp
    finished_at: Timestamp | None = None
    stages: tuple[StageRun, ...] = ()

    @staticmethod
    def id_for(pipeline_id: str, run_id: int) -> str:
        """Follows from pipeline and run, so that a service hook finds it without a look-up."""
        return derived_id("run", pipeline_id, run_id)

    @property
    def folder(self) -> str:
        """Where its build is stored: each attempt apart, for a try that crashed may have stored what an
        earlier attempt left."""
        assert self.finished_at is not None
        return f"{self.pipeline_run_id}/{self.finished_at:%Y%m%dT%H%M%S}"

    @classmethod
    def of(cls, definition: PipelineDefinition, provided: ProvidedRun, reason: RunReason) -> "PipelineRun":
        return cls(
            pipeline_run_id=cls.id_for(definition.pipeline_id, provided.run_id),
            pipeline_id=definition.pipeline_id,
            run_id=provided.run_id,
            branch=provided.branch,
            commit_sha=provided.commit_sha,
            build_number=provided.build_number,
            reason=reason,
            requested_by=provided.requested_by,
            started_at=provided.started_at,
        )

    def start(self) -> None:
        self.record(
            PipelineRunStarted(
                pipeline_run_id=self.pipeline_run_id,
                pipeline_id=self.pipeline_id,
                run_id=self.run_id,
                branch=self.branch,
                commit_sha=self.commit_sha,
                build_number=self.build_number,
                reason=self.reason,
                started_at=self.started_at,
            )
        )

    def become(self, status: RunStatus, finished_at: datetime | None = None) -> None:
        """One step on. Raises `Rejected` for a step that there is not."""
        may = status in NEXT.get(self.status, frozenset())
        require(may, f"run {self.build_number} is {self.status}: it can't become {status}")
        require(
            status.is_terminal == (finished_at is not None),
            f"run {self.build_number} has a time of finishing only once it is over",
        )
        self.status, self.finished_at = status, finished_at

    def observe(self, provided: ProvidedRun, now: datetime) -> bool:
        """Take over what the provider has; True where it is over with this. Later attempts of a run that is
        over do not count: its result is recorded."""
        if self.status.is_terminal:
            return False
        self.stages = stage_runs(provided)
        # A build may number itself while it runs.
        self.build_number = provided.build_number
        if self.status is RunStatus.STARTED and provided.state != "notStarted":
            self.become(RunStatus.IN_PROGRESS)
        if provided.state == "completed":
            self.become(status_of(provided), provided.finished_at or now)
        return self.status.is_terminal


@pipelines.handler
async def run_pipeline(command: RunPipeline, work: Work, provider: PipelineProvider) -> None:
    definition = await work.get(PipelineDefinition, command.pipeline_id)
    definition.require_runnable()
    repository = await work.get(Repository, definition.repository_id)
    provided = await provider.run_pipeline(
        repository.handle,
        definition.external_id,
        command.branch or repository.default_branch,
        operation_id=work.command_id,
        since=searched_since(definition.created_at, work.now),
    )
    run = PipelineRun.of(definition, provided, command.reason)
    if await work.find(PipelineRun, run.pipeline_run_id) is not None:
        return  # the reconciler was quicker and has recorded our own run
    work.add(run)
    run.start()


@pipelines.handler
async def observe_run(
    command: ObserveRun, work: Work, provider: PipelineProvider, git: GitProvider, blobs: BlobStore
) -> None:
    provided = await provider.run(work.partition, command.run_id)
    if provided is None:
        return
    pipeline_id = await work.holder(external_key(provided.pipeline_external_id))
    if pipeline_id is None:
        return  # a pipeline that is none of ours
    definition = await work.get(PipelineDefinition, pipeline_id)
    run = await work.find(PipelineRun, PipelineRun.id_for(pipeline_id, command.run_id))
    if run is None:
        if provided.operation_id is not None and not command.adopt:
            return
        run = await _observed_first(work, definition, provided, git)
    if run.observe(provided, work.now):
        results = await provider.results(work.partition, command.run_id)
        stored = await store_build(work, run.run_id, run.folder, definition, provider, blobs)
        repository = await work.get(Repository, definition.repository_id)
        yaml = await git.file(repository.handle, run.commit_sha, definition.definition_path)
        problems = (*stored.problems, *definition.strangeness_of(yaml, run.commit_sha))
        build = _build_of(run, repository, definition.module_id, results, stored, problems)
        work.add(build)
        build.complete(stored.artifacts)


async def _observed_first(
    work: Work, definition: PipelineDefinition, provided: ProvidedRun, git: GitProvider
) -> PipelineRun:
    """A run that came from outside: it follows from the merge that it builds, or else from its pipeline."""
    reason = RunReason.MANUAL if provided.reason == "manual" else RunReason.CI
    run = PipelineRun.of(definition, provided, reason)
    work.follow(definition, initiator=provided.requested_by)
    repository = await work.get(Repository, definition.repository_id)
    number = await git.merged_by(repository.handle, provided.commit_sha)
    if number is not None:
        merged = await work.find(PullRequest, PullRequest.id_for(repository.repository_id, number))
        if merged is not None and merged.lineage is not None:
            work.follow(merged, initiator=merged.lineage.initiator or provided.requested_by)
    work.add(run)
    run.start()
    return run


def _build_of(
    run: PipelineRun,
    repository: Repository,
    module_id: str,
    results: ProvidedResults,
    stored: Stored,
    problems: tuple[str, ...],
) -> BuildResult:
    assert run.finished_at is not None
    return BuildResult(
        build_result_id=BuildResult.id_for(run.pipeline_run_id),
        pipeline_run_id=run.pipeline_run_id,
        pipeline_id=run.pipeline_id,
        repository_id=repository.repository_id,
        module_id=module_id,
        status=BuildStatus(run.status),
        tests_passed=results.tests_passed,
        tests_failed=results.tests_failed,
        test_summaries=tuple(
            TestSummary(suite=name, passed=passed, failed=failed, other=other)
            for name, passed, failed, other in results.suites
        ),
        coverage=results.coverage,
        problems=problems,
        requested_by=run.requested_by,
        logs_uri=stored.log.uri,
        log=stored.log,
        branch=run.branch,
        on_default_branch=run.branch == repository.default_branch,
        commit_sha=run.commit_sha,
        build_number=run.build_number,
        completed_at=run.finished_at,
    )
