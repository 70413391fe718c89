"""What the pipelines' host in memory holds, and what happens there without us: agents, people, pushes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from adapters.memory.git_provider import MemoryGitProvider
from adapters.memory.outside import Outside
from adapters.memory.pipeline_model import MemoryPipeline, MemoryRun, memory_stages
from adapters.pipeline_yaml import Json, load, parameters_of, stages_of
from domain.kernel.errors import Rejected, require
from domain.kernel.work import Partition
from domain.provided import ProvidedApproval, ProvidedResults, ProvidedStage, RepositoryHandle

TEMPLATE_STAGES = (
    ProvidedStage("build", "Build", (), ("build",)),
    ProvidedStage("package", "Package", ("build",), ("package",)),
)
OPERATION = "csOperationId"
_CONTENT = ("extends", "stages", "jobs", "steps")


class MemoryPipelineHost(Outside):
    """Runs stand still until a test moves them on."""

    def __init__(
        self, git: MemoryGitProvider, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__("Azure DevOps")
        self.template_stages: tuple[ProvidedStage, ...] = TEMPLATE_STAGES
        """What every template comes to."""
        self._git, self._now = git, now
        self._versions: tuple[str, ...] = ("1.0.0", "1.1.0")
        self._invalid: dict[str, str] = {}
        self._pipelines: dict[str, MemoryPipeline] = {}
        self._runs: dict[int, MemoryRun] = {}

    def templates(self, versions: Sequence[str]) -> None:
        """Exactly these versions of the templates are published, oldest first."""
        self._versions = tuple(versions)

    def invalid(self, part: str, message: str) -> None:
        """A YAML that contains this is refused with this message."""
        self._invalid[part] = message

    def queue(
        self, repository: RepositoryHandle, pipeline_id: str, branch: str, reason: str = "individualCI"
    ) -> int:
        """Somebody else starts a run, or a push does; its id."""
        return self._queue(repository, pipeline_id, branch, reason, None, "outside").run_id

    def start(self, run_id: int) -> None:
        """An agent takes it up: the stages that wait for none begin."""
        self._run(run_id).start(self._now())

    def finish_stage(self, run_id: int, stage: str, result: str = "succeeded") -> None:
        """A stage ends, and those that waited for it begin."""
        run = self._run(run_id)
        require(run.state == "inProgress", f"run {run_id} is {run.state}")
        run.stage(stage).finish(result)
        run.advance()

    def finish(
        self,
        run_id: int,
        result: str = "succeeded",
        *,
        tests: tuple[int, int] = (0, 0),
        coverage: float | None = None,
        suites: Sequence[tuple[str, int, int, int]] = (),
        artifacts: Mapping[str, Mapping[str, bytes]] | None = None,
        log: str = "",
    ) -> None:
        """The whole run ends: what is going on with its result, what has not begun is skipped.

        `tests` are the passed and the failed, `artifacts` files by path under each name.
        """
        run = self._run(run_id)
        run.finish(result, self._now())
        own = (("tests", *tests, 0),) if sum(tests) else ()
        run.results = ProvidedResults(*tests, coverage, tuple(suites) or own)
        run.artifacts, run.log = dict(artifacts or {}), log

    def cancel(self, run_id: int) -> None:
        self._run(run_id).finish("canceled", self._now())

    def retry(self, run_id: int, stage: str) -> None:
        """Somebody has a stage run again, and those that come after it."""
        run = self._run(run_id)
        run.state, run.result, run.finished_at = "inProgress", None, None
        again = {stage}
        for one in run.stages:
            if one.name == stage or again.intersection(one.depends_on):
                again.add(one.name)
                one.state, one.result, one.attempt = "pending", None, one.attempt + 1
        run.advance()

    def ask_approval(self, run_id: int) -> str:
        """The run meets a gate of an environment; the approval's id."""
        run = self._run(run_id)
        id = f"approval-{run_id}-{len(run.approvals) + 1}"
        run.approvals[id] = ProvidedApproval(id, run_id, "pending")
        return id

    def decide_outside(self, approval_id: str, status: str) -> None:
        """Somebody decides in the browser: approved, rejected, canceled, timedOut."""
        for run in self._runs.values():
            if approval_id in run.approvals:
                run.approvals[approval_id] = replace(run.approvals[approval_id], status=status)

    def pipelines_of(self, partition: Partition) -> list[MemoryPipeline]:
        return [one for one in self._pipelines.values() if one.repository.partition == partition]

    def runs_of(self, partition: Partition) -> list[MemoryRun]:
        return [run for run in self._runs.values() if run.partition == partition]

    def _run(self, run_id: int) -> MemoryRun:
        if run_id not in self._runs:
            raise Rejected(f"run {run_id} does not exist")
        return self._runs[run_id]

    def _run_of(self, partition: Partition, run_id: int) -> MemoryRun:
        require(self._run(run_id).partition == partition, f"run {run_id} does not exist")
        return self._runs[run_id]

    def _pipeline(self, repository: RepositoryHandle, pipeline_id: str) -> MemoryPipeline:
        found = self._pipelines.get(pipeline_id)
        if found is None or found.repository != repository:
            raise Rejected(f"pipeline {pipeline_id} does not exist")
        return found

    def _expanded(self, text: str) -> tuple[Json, tuple[ProvidedStage, ...]]:
        """The document and its stages. Raises `Rejected` with what is wrong."""
        for part, message in self._invalid.items():
            require(part not in text, message)
        document = load(text)
        require(any(key in document for key in _CONTENT), "a pipeline needs stages, jobs or steps")
        for resource in (document.get("resources") or {}).get("repositories") or []:
            ref = str(resource.get("ref") or "")
            version = ref.removeprefix("refs/tags/v")
            require(version == ref or version in self._versions, f"ref {ref} does not exist")
        return document, self.template_stages if "extends" in document else stages_of(document)

    def _queue(
        self,
        repository: RepositoryHandle,
        pipeline_id: str,
        branch: str,
        reason: str,
        operation_id: str | None,
        requested_by: str,
    ) -> MemoryRun:
        pipeline = self._pipeline(repository, pipeline_id)
        found = self._git.repository(repository)
        head = found.refs.get(branch)
        if head is None:
            raise Rejected(f"branch {branch} does not exist")
        path = "/" + pipeline.path.lstrip("/")
        content = found.commits[head].tree.get(path)
        if content is None:
            raise Rejected(f"{path} does not exist on branch {branch}")
        document, stages = self._expanded(content.decode())
        if operation_id is not None:
            known = OPERATION in parameters_of(document)
            require(known, f"{path} does not declare the parameter {OPERATION}")
        now, number = self._now(), len(self._runs) + 1
        name = str(document.get("name") or f"{now:%Y%m%d}.$(Rev:r)")
        earlier = sum(run.pipeline_id == pipeline_id for run in self._runs.values())
        run = MemoryRun(
            partition=repository.partition,
            run_id=number,
            pipeline_id=pipeline_id,
            build_number=name.replace("$(Rev:r)", str(earlier + 1)),
            reason=reason,
            branch=branch,
            commit_sha=head,
            operation_id=operation_id,
            requested_by=requested_by,
            queued_at=now,
            stages=memory_stages(stages),
        )
        self._runs[number] = run
        return run
