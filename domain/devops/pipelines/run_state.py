"""Where a run stands: its status machine, and its stages and jobs as the provider has them."""

from enum import StrEnum

from domain.devops.pipelines.build_result import BuildStatus
from domain.kernel.values import Model
from domain.provided import ProvidedRun, ProvidedRunStage


class RunReason(StrEnum):
    CI = "ci"
    MANUAL = "manual"
    RELEASE = "release"


class RunStatus(StrEnum):
    STARTED = "Started"
    IN_PROGRESS = "InProgress"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELED = "Canceled"

    @property
    def is_terminal(self) -> bool:
        return self in _TERMINAL


_TERMINAL = frozenset({RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELED})
NEXT = {
    RunStatus.STARTED: frozenset({RunStatus.IN_PROGRESS}),
    RunStatus.IN_PROGRESS: _TERMINAL,
}
_OF_RESULT = {"canceled": RunStatus.CANCELED, "failed": RunStatus.FAILED}


class JobRun(Model):
    """`state` and `result` are the provider's words."""

    name: str
    state: str
    result: str | None
    attempt: int


class StageRun(Model):
    """A stage with its jobs, as they were last seen."""

    name: str
    state: str
    result: str | None
    attempt: int
    jobs: tuple[JobRun, ...]


def stage_runs(provided: ProvidedRun) -> tuple[StageRun, ...]:
    return tuple(
        StageRun(
            name=stage.name,
            state=stage.state,
            result=stage.result,
            attempt=stage.attempt,
            jobs=tuple(
                JobRun(name=job.name, state=job.state, result=job.result, attempt=job.attempt)
                for job in stage.jobs
            ),
        )
        for stage in provided.stages
    )


def status_of(provided: ProvidedRun) -> RunStatus:
    """Of a completed run: what its jobs come to; where it never had any, what the provider says."""
    # A stage that was kept from its jobs, as by a gate, speaks for itself.
    jobs = [result for stage in provided.stages for result in _results_of(stage)]
    if not jobs or provided.result == "canceled":
        return _OF_RESULT.get(provided.result or "", RunStatus.FAILED)
    return RunStatus(BuildStatus.of_jobs(jobs))


def _results_of(stage: ProvidedRunStage) -> list[str | None]:
    return [job.result for job in stage.jobs] or [stage.result]
