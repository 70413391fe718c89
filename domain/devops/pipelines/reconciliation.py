"""Reconciliation: what a lost service hook may have hidden about pipelines is found by asking."""

from collections.abc import Sequence
from datetime import datetime

from domain.devops.pipelines import pipelines
from domain.devops.pipelines.pipeline_definition import HOOK_EVENTS, PipelineDefinition, PipelineStatus
from domain.devops.pipelines.pipeline_run import ObserveRun
from domain.devops.source_control.repository import Repository
from domain.kernel.command import Observation
from domain.kernel.values import Identifier
from domain.kernel.work import Partition, Work
from domain.ports import PipelineProvider


class ObservePipeline(Observation):
    """See that the pipeline's service hooks are as they should be, and mend what is not."""

    pipeline_id: Identifier


@pipelines.handler
async def observe_pipeline(command: ObservePipeline, work: Work, provider: PipelineProvider) -> None:
    definition = await work.find(PipelineDefinition, command.pipeline_id)
    if definition is None or definition.status is not PipelineStatus.ACTIVE:
        return
    repository = await work.get(Repository, definition.repository_id)
    definition.observe_hooks(
        await provider.register_pipeline_hooks(repository.handle, definition.external_id, HOOK_EVENTS)
    )


async def pipeline_observations_due(
    partition: Partition,
    definitions: Sequence[PipelineDefinition],
    since: datetime,
    provider: PipelineProvider,
) -> Sequence[Observation]:
    """Everything of these pipelines that may have changed since: one observation each."""
    active = [one for one in definitions if one.status is PipelineStatus.ACTIVE]
    runs = await provider.runs_since(partition, [one.external_id for one in active], since) if active else ()
    return [
        *(ObservePipeline(pipeline_id=one.pipeline_id) for one in active),
        *(ObserveRun(run_id=run_id, adopt=True) for run_id in runs),
    ]
