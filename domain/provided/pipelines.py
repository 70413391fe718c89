"""Pipelines and their runs as a provider has them, in the terms of the `PipelineProvider` port."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class ProvidedStage:
    """A stage as the provider reads it from the YAML."""

    name: str
    display_name: str
    depends_on: tuple[str, ...]
    jobs: tuple[str, ...]


@dataclass(frozen=True)
class ProvidedPreview:
    """What a YAML comes to once the provider has expanded it."""

    final_yaml: str
    stages: tuple[ProvidedStage, ...]


@dataclass(frozen=True)
class ProvidedJob:
    """`state` is pending, inProgress or completed; `result`, once completed, succeeded, succeededWithIssues,
    failed, canceled, skipped or abandoned."""

    name: str
    state: str
    result: str | None
    attempt: int


@dataclass(frozen=True)
class ProvidedRunStage:
    """As a job, with its jobs."""

    name: str
    state: str
    result: str | None
    attempt: int
    jobs: tuple[ProvidedJob, ...]


@dataclass(frozen=True)
class ProvidedRun:
    """A run as the provider has it now."""

    run_id: int
    pipeline_external_id: str
    build_number: str
    state: str
    """notStarted, inProgress, cancelling or completed"""
    result: str | None
    """succeeded, partiallySucceeded, failed or canceled, once completed"""
    reason: str
    """The provider's word: manual, individualCI, ..."""
    branch: str
    commit_sha: str
    operation_id: str | None
    """The command that started it (parameter `csOperationId`), where it was one of ours."""
    requested_by: str
    started_at: datetime
    finished_at: datetime | None
    stages: tuple[ProvidedRunStage, ...]


@dataclass(frozen=True)
class ProvidedResults:
    """What a run measured. `coverage` is the covered share of lines in percent, None where nobody measured;
    `suites` are the test runs by name with the counts of passed, failed and other outcomes."""

    tests_passed: int
    tests_failed: int
    coverage: float | None
    suites: tuple[tuple[str, int, int, int], ...] = ()


@dataclass(frozen=True)
class ProvidedApproval:
    """A gate of the provider's own in a run. `status`: pending, approved, rejected, canceled, timedOut."""

    approval_id: str
    run_id: int
    status: str
