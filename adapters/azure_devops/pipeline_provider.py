"""Azure Pipelines, over the REST API 7.1; counterpart in memory: `adapters.memory.pipeline_provider`."""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import override

from adapters.azure_devops import pipeline_approvals, pipelines, runs
from adapters.azure_devops.artifacts import artifact_names, open_artifact
from adapters.azure_devops.logs import read_logs
from adapters.azure_devops.pipeline_hooks import register_pipeline_hooks
from adapters.azure_devops.projects import Projects, checked_template
from adapters.azure_devops.results import read_results
from adapters.azure_devops.run_view import read_run
from domain.kernel.work import Partition
from domain.ports import PipelineProvider
from domain.provided import (
    ProvidedApproval,
    ProvidedHook,
    ProvidedPreview,
    ProvidedResults,
    ProvidedRun,
    RepositoryHandle,
)


class AzureDevOpsPipelines(PipelineProvider):
    """`projects` is the Git host's own, so both share one client; whoever made that closes it.

    `templates_repository` is `project/repository` in each organization. `test_results_url_template` is the
    URL of the host that keeps test results, where that is another one.
    """

    def __init__(
        self,
        projects: Projects,
        *,
        templates_repository: str = "ConnectSoft/ConnectSoft.AzurePipelines",
        test_results_url_template: str | None = None,
    ) -> None:
        self._projects = projects
        self._call, self._repository = projects.call, projects.repository
        self.templates_repository = templates_repository
        project, _, self._templates = templates_repository.partition("/")
        if not project or not self._templates:
            raise ValueError("templates_repository must be project/repository")
        self._templates_url = projects.sibling(project)
        self._results_url = None
        if test_results_url_template is not None:
            url = checked_template("test_results_url_template", test_results_url_template)
            self._results_url = url.rstrip("/")

    @override
    async def template_versions(self, partition: Partition) -> Sequence[str]:
        async with self._call(partition, template=self._templates_url) as api:
            return await pipelines.template_versions(api, self._templates)

    @override
    async def ensure_pipeline(
        self, repository: RepositoryHandle, name: str, path: str, default_branch: str
    ) -> str:
        async with self._repository(repository) as (api, id):
            return await pipelines.ensure_pipeline(api, id, name, path, default_branch)

    @override
    async def preview(
        self, repository: RepositoryHandle, pipeline_id: str, branch: str, yaml: str
    ) -> ProvidedPreview:
        async with self._repository(repository) as (api, id):
            return await pipelines.preview(api, id, pipeline_id, branch, yaml)

    @override
    async def register_pipeline_hooks(
        self, repository: RepositoryHandle, pipeline_id: str, event_types: Sequence[str]
    ) -> Sequence[ProvidedHook]:
        receiver = self._projects.receiver(repository.partition)
        async with self._call(repository.partition) as api:
            return await register_pipeline_hooks(api, pipeline_id, event_types, receiver)

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
        async with self._repository(repository) as (api, id):
            return await runs.run_pipeline(api, id, pipeline_id, branch, operation_id, since)

    @override
    async def run(self, partition: Partition, run_id: int) -> ProvidedRun | None:
        async with self._call(partition) as api:
            return await read_run(api, run_id)

    @override
    async def runs_since(
        self, partition: Partition, pipeline_ids: Sequence[str], since: datetime
    ) -> Sequence[int]:
        async with self._call(partition) as api:
            return await runs.runs_since(api, pipeline_ids, since)

    @override
    async def results(self, partition: Partition, run_id: int) -> ProvidedResults:
        async with self._call(partition) as api, self._call(partition, template=self._results_url) as tests:
            return await read_results(api, tests, run_id)

    @override
    async def artifact_names(self, partition: Partition, run_id: int) -> Sequence[str]:
        async with self._call(partition) as api:
            return await artifact_names(api, run_id)

    @override
    async def artifact(self, partition: Partition, run_id: int, name: str) -> AsyncIterator[bytes]:
        async with self._call(partition) as api, aclosing(await open_artifact(api, run_id, name)) as parts:
            async for part in parts:
                yield part

    @override
    async def logs(self, partition: Partition, run_id: int) -> AsyncIterator[bytes]:
        async with self._call(partition) as api, aclosing(read_logs(api, run_id)) as parts:
            async for part in parts:
                yield part

    @override
    async def approvals(self, partition: Partition, run_id: int) -> Sequence[ProvidedApproval]:
        async with self._call(partition) as api:
            return await pipeline_approvals.read_approvals(api, run_id)

    @override
    async def decide(
        self, partition: Partition, approval_id: str, *, approved: bool, comment: str
    ) -> ProvidedApproval:
        async with self._call(partition) as api:
            return await pipeline_approvals.decide(api, approval_id, approved, comment)
