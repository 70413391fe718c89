"""Pipelines in memory, with the laws of the real ones; counterpart: `adapters.azure_devops.pipelines`."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import override

from adapters.memory.pipeline_host import MemoryPipelineHost
from adapters.memory.pipeline_model import MemoryPipeline, zipped
from domain.kernel.errors import Rejected, require
from domain.kernel.work import Partition
from domain.ports import PipelineProvider
from domain.provided import (
    ProvidedApproval,
    ProvidedHook,
    ProvidedPreview,
    ProvidedResults,
    ProvidedRun,
    ProvidedStage,
    RepositoryHandle,
)

_CHUNK = 4096


class MemoryPipelineProvider(MemoryPipelineHost, PipelineProvider):
    """The port over `MemoryPipelineHost`, which also has what tests play the outside with."""

    templates_repository = "ConnectSoft/ConnectSoft.AzurePipelines"

    @override
    async def template_versions(self, partition: Partition) -> Sequence[str]:
        async with self._call("template_versions"):
            return self._versions

    @override
    async def ensure_pipeline(
        self, repository: RepositoryHandle, name: str, path: str, default_branch: str
    ) -> str:
        async with self._call("ensure_pipeline"):
            self._git.repository(repository)
            wanted = "/" + path.lstrip("/")
            for one in self.pipelines_of(repository.partition):
                if one.name.lower() == name.lower():
                    same = one.repository == repository and one.path == wanted
                    require(same, f"the pipeline name {name} is taken by another YAML, {one.path}")
                    return one.id
            self.effects["pipeline"] += 1
            id = str(len(self._pipelines) + 1)
            self._pipelines[id] = MemoryPipeline(repository, id, name, wanted, default_branch)
            return id

    @override
    async def preview(
        self, repository: RepositoryHandle, pipeline_id: str, branch: str, yaml: str
    ) -> ProvidedPreview:
        async with self._call("preview"):
            self._pipeline(repository, pipeline_id)
            known = branch in self._git.repository(repository).refs
            require(known, f"branch {branch} does not exist")
            document, stages = self._expanded(yaml)
            rest = {key: value for key, value in document.items() if key not in ("extends", "jobs", "steps")}
            return ProvidedPreview(_dumped({**rest, "stages": [_raw(stage) for stage in stages]}), stages)

    @override
    async def register_pipeline_hooks(
        self, repository: RepositoryHandle, pipeline_id: str, event_types: Sequence[str]
    ) -> Sequence[ProvidedHook]:
        async with self._call("register_pipeline_hooks"):
            hooks = self._pipeline(repository, pipeline_id).hooks
            for event_type in event_types:
                if event_type not in hooks:
                    self.effects["pipeline_hook"] += 1
                    id = f"pipeline-hook-{self.effects['pipeline_hook']}"
                    hooks[event_type] = ProvidedHook(id, event_type, "enabled")
            return tuple(hooks[event_type] for event_type in dict.fromkeys(event_types))

    @override
    async def run_pipeline(
        self,
        repository: RepositoryHandle,
        pipeline_id: str,
        branch: str,
        *,
        operation_id: str,
        since: datetime,
    ) -> ProvidedRun:
        async with self._call("run_pipeline"):
            for run in self.runs_of(repository.partition):
                if run.pipeline_id == pipeline_id and run.operation_id == operation_id:
                    return run.view()
            made = self._queue(repository, pipeline_id, branch, "manual", operation_id, "Software Factory")
            self.effects["run"] += 1
            return made.view()

    @override
    async def run(self, partition: Partition, run_id: int) -> ProvidedRun | None:
        async with self._call("run"):
            found = self._runs.get(run_id)
            return found.view() if found is not None and found.partition == partition else None

    @override
    async def runs_since(
        self, partition: Partition, pipeline_ids: Sequence[str], since: datetime
    ) -> Sequence[int]:
        async with self._call("runs_since"):
            return tuple(
                run.run_id
                for run in self.runs_of(partition)
                if run.pipeline_id in pipeline_ids
                and (run.finished_at is None or max(run.queued_at, run.finished_at) >= since)
            )

    @override
    async def results(self, partition: Partition, run_id: int) -> ProvidedResults:
        async with self._call("results"):
            return self._run_of(partition, run_id).results

    @override
    async def artifact_names(self, partition: Partition, run_id: int) -> Sequence[str]:
        async with self._call("artifact_names"):
            return tuple(sorted(self._run_of(partition, run_id).artifacts))

    @override
    async def artifact(self, partition: Partition, run_id: int, name: str) -> AsyncIterator[bytes]:
        async with self._call("artifact"):
            files = self._run_of(partition, run_id).artifacts.get(name)
            if files is None:
                raise Rejected(f"run {run_id} has no artifact {name}")
            content = zipped(files)
        for start in range(0, len(content), _CHUNK):
            yield content[start : start + _CHUNK]

    @override
    async def logs(self, partition: Partition, run_id: int) -> AsyncIterator[bytes]:
        async with self._call("logs"):
            run = self._run_of(partition, run_id)
            first = run.stages[0] if run.stages else None
            place = f"{first.name} / {first.jobs[0]}" if first is not None and first.jobs else "run"
        if run.log:
            yield f"== {place} / task ==\n".encode()
            yield run.log.encode()

    @override
    async def approvals(self, partition: Partition, run_id: int) -> Sequence[ProvidedApproval]:
        async with self._call("approvals"):
            return tuple(self._run_of(partition, run_id).approvals.values())

    @override
    async def decide(
        self, partition: Partition, approval_id: str, *, approved: bool, comment: str
    ) -> ProvidedApproval:
        async with self._call("decide"):
            wanted = "approved" if approved else "rejected"
            for run in self.runs_of(partition):
                found = run.approvals.get(approval_id)
                if found is None:
                    continue
                if found.status == "pending":
                    self.effects["approval"] += 1
                    found = run.approvals[approval_id] = replace(found, status=wanted)
                require(found.status == wanted, f"approval {approval_id} is {found.status} already")
                return found
            raise Rejected(f"approval {approval_id} does not exist")


def _raw(stage: ProvidedStage) -> dict[str, object]:
    return {
        "stage": stage.name,
        "displayName": stage.display_name,
        "dependsOn": list(stage.depends_on),
        "jobs": [{"job": name} for name in stage.jobs],
    }


def _dumped(document: dict[str, object]) -> str:
    import yaml

    return str(yaml.safe_dump(document, sort_keys=False))
