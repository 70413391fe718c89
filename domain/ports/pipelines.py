"""What runs pipelines."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Protocol

from domain.kernel.work import Partition
from domain.provided import (
    ProvidedApproval,
    ProvidedHook,
    ProvidedPreview,
    ProvidedResults,
    ProvidedRun,
    RepositoryHandle,
)


class PipelineProvider(Protocol):
    """Pipelines, their runs and what they leave. A run belongs to a project; its id is the project's own."""

    templates_repository: str
    """`Project/Repository` of the published pipeline templates, in the same organization."""

    async def template_versions(self, partition: Partition) -> Sequence[str]:
        """The published versions of the pipeline templates, oldest first, as semantic versions."""

    async def ensure_pipeline(
        self, repository: RepositoryHandle, name: str, path: str, default_branch: str
    ) -> str:
        """Create or get the pipeline of this YAML path; answers its id. The YAML need not be there yet.

        Raises `Rejected` where the name is taken by another path's.
        """

    async def preview(
        self, repository: RepositoryHandle, pipeline_id: str, branch: str, yaml: str
    ) -> ProvidedPreview:
        """Have the provider expand this YAML without running it. Raises `Rejected` with what is wrong."""

    async def register_pipeline_hooks(
        self, repository: RepositoryHandle, pipeline_id: str, event_types: Sequence[str]
    ) -> Sequence[ProvidedHook]:
        """Have one working subscription per event type of this pipeline that posts to our webhook."""

    async def run_pipeline(
        self,
        repository: RepositoryHandle,
        pipeline_id: str,
        branch: str,
        *,
        operation_id: str,
        since: datetime,
    ) -> ProvidedRun:
        """Start a run, once: a repeat finds it by its parameter `csOperationId`, from `since` on.

        Raises `Rejected` where the branch or a valid YAML on it does not exist.
        """

    async def run(self, partition: Partition, run_id: int) -> ProvidedRun | None:
        """Read it whole: state, result, stages and jobs; None where it does not exist."""

    async def runs_since(
        self, partition: Partition, pipeline_ids: Sequence[str], since: datetime
    ) -> Sequence[int]:
        """Ids of runs of these pipelines that are going on, or were queued or finished since."""

    async def results(self, partition: Partition, run_id: int) -> ProvidedResults:
        """Test counts and coverage of a completed run."""

    async def artifact_names(self, partition: Partition, run_id: int) -> Sequence[str]:
        """The artifacts that a run published."""

    def artifact(self, partition: Partition, run_id: int, name: str) -> AsyncIterator[bytes]:
        """An artifact's files as one zip."""

    def logs(self, partition: Partition, run_id: int) -> AsyncIterator[bytes]:
        """A run's whole log as text, each task's part under a line with its name."""

    async def approvals(self, partition: Partition, run_id: int) -> Sequence[ProvidedApproval]:
        """The gates of the provider's own environments that a run has met."""

    async def decide(
        self, partition: Partition, approval_id: str, *, approved: bool, comment: str
    ) -> ProvidedApproval:
        """Decide on a gate, or answer what was decided. Raises `Rejected` where it was decided otherwise."""
