"""Pipelines and their runs, small enough to hold in memory: states that follow from each other."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from domain.kernel.errors import Rejected, require
from domain.kernel.work import Partition
from domain.provided import (
    ProvidedApproval,
    ProvidedHook,
    ProvidedJob,
    ProvidedResults,
    ProvidedRun,
    ProvidedRunStage,
    ProvidedStage,
    RepositoryHandle,
)


@dataclass
class MemoryStage:
    name: str
    jobs: tuple[str, ...]
    depends_on: tuple[str, ...] = ()
    state: str = "pending"
    result: str | None = None
    attempt: int = 1

    def view(self) -> ProvidedRunStage:
        jobs = tuple(ProvidedJob(name, self.state, self.result, self.attempt) for name in self.jobs)
        return ProvidedRunStage(self.name, self.state, self.result, self.attempt, jobs)

    def finish(self, result: str) -> None:
        self.state, self.result = "completed", result


@dataclass
class MemoryPipeline:
    repository: RepositoryHandle
    id: str
    name: str
    path: str
    default_branch: str
    hooks: dict[str, ProvidedHook] = field(default_factory=dict)


@dataclass
class MemoryRun:
    """`stages` are in the order of the YAML; the whole follows from what is done to them."""

    partition: Partition
    run_id: int
    pipeline_id: str
    build_number: str
    reason: str
    branch: str
    commit_sha: str
    operation_id: str | None
    requested_by: str
    queued_at: datetime
    stages: list[MemoryStage]
    state: str = "notStarted"
    result: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    results: ProvidedResults = field(default_factory=lambda: ProvidedResults(0, 0, None))
    artifacts: dict[str, Mapping[str, bytes]] = field(default_factory=dict)
    log: str = ""
    approvals: dict[str, ProvidedApproval] = field(default_factory=dict)

    def view(self) -> ProvidedRun:
        return ProvidedRun(
            run_id=self.run_id,
            pipeline_external_id=self.pipeline_id,
            build_number=self.build_number,
            state=self.state,
            result=self.result,
            reason=self.reason,
            branch=self.branch,
            commit_sha=self.commit_sha,
            operation_id=self.operation_id,
            requested_by=self.requested_by,
            started_at=self.started_at or self.queued_at,
            finished_at=self.finished_at,
            stages=tuple(stage.view() for stage in self.stages),
        )

    def stage(self, name: str) -> MemoryStage:
        found = next((stage for stage in self.stages if stage.name == name), None)
        if found is None:
            raise Rejected(f"run {self.run_id} has no stage {name}")
        return found

    def start(self, now: datetime) -> None:
        require(self.state == "notStarted", f"run {self.run_id} is {self.state}")
        self.state, self.started_at = "inProgress", now
        self.advance()

    def advance(self) -> None:
        """Stages begin whose turn it is now."""
        done = {stage.name for stage in self.stages if stage.state == "completed"}
        for stage in self.stages:
            if stage.state == "pending" and done.issuperset(stage.depends_on):
                stage.state = "inProgress"

    def finish(self, result: str, now: datetime) -> None:
        require(self.state != "completed", f"run {self.run_id} is completed")
        for stage in self.stages:
            if stage.state == "inProgress" or (stage.state == "pending" and result == "succeeded"):
                stage.finish("succeededWithIssues" if result == "partiallySucceeded" else result)
            elif stage.state == "pending":
                stage.finish("skipped")
        self.state, self.result, self.finished_at = "completed", result, now
        self.started_at = self.started_at or now


def memory_stages(stages: Sequence[ProvidedStage]) -> list[MemoryStage]:
    return [MemoryStage(stage.name, stage.jobs, stage.depends_on) for stage in stages]


def zipped(files: Mapping[str, bytes]) -> bytes:
    """The same bytes for the same files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0)), content)
    return buffer.getvalue()
