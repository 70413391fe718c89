"""Stages, and the checks of what depends on what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from infra.local.azure_devops.pipelines.model import Job, PipelineInvalid, Stage
from infra.local.azure_devops.pipelines.read_jobs import check_pool, read_jobs
from infra.local.azure_devops.pipelines.read_templates import is_template, open_template
from infra.local.azure_devops.pipelines.read_values import name_of, names, optional_text, variables_of
from infra.local.azure_devops.pipelines.sources import Sources
from infra.local.azure_devops.pipelines.views import View

_STAGE = (
    *("stage", "displayName", "dependsOn", "condition", "variables", "jobs", "pool"),
    *("isSkippable", "lockBehavior", "templateContext"),
)


async def read_stages(sources: Sources, view: View) -> list[Stage]:
    stages: list[Stage] = []
    await _add_stages(sources, view, stages)
    return stages


async def _add_stages(sources: Sources, view: View, stages: list[Stage]) -> None:
    if view.is_empty():
        return
    for item in view.items():
        if is_template(item):
            template = await open_template(sources, item, ("stages",))
            if "stages" in template:
                await _add_stages(sources, template["stages"], stages)
            continue
        stage = await _stage(sources, item, stages)
        if any(other.name.lower() == stage.name.lower() for other in stages):
            raise item.invalid(
                f"The stage name {stage.name} appears more than once. "
                "Stage names must be unique within a pipeline."
            )
        stages.append(stage)


async def _stage(sources: Sources, item: View, before: Sequence[Stage]) -> Stage:
    declared = next((value for key, value in item.members() if key.value == "variables"), None)
    variables = await variables_of(sources, declared)
    seen = View(item.token, item.scope.with_variables(variables, item.place), item.literal)
    fields = seen.fields(_STAGE)
    if "stage" not in fields:
        raise item.invalid("Expected the property 'stage'")
    name = name_of("Stage", fields["stage"], f"Stage{len(before) + 1}")
    if "jobs" not in fields:
        raise item.invalid(f"Stage {name} must have at least one job: expected the property 'jobs'")
    check_pool(fields)
    default = [before[-1].name] if before else []
    return Stage(
        name=name,
        display_name=optional_text(fields, "displayName") or name,
        jobs=await read_jobs(sources, fields["jobs"]),
        depends_on=names(fields["dependsOn"]) if "dependsOn" in fields else default,
        condition=optional_text(fields, "condition"),
        variables=variables,
    )


def linked(file: str, stages: Sequence[Stage]) -> list[Stage]:
    """Every stage has jobs, what is depended on exists by that name, and nothing waits for itself."""
    if not stages:
        raise PipelineInvalid(f"{file}: The pipeline must contain at least one stage.")
    _check(
        {stage.name: stage.depends_on for stage in stages},
        lambda name, other: f"{file}: Stage {name} depends on unknown stage {other}.",
        lambda name: f"{file}: Stage {name} depends on itself, directly or through other stages.",
    )
    for stage in stages:
        if not stage.jobs:
            raise PipelineInvalid(f"{file}: Stage {stage.name} must contain at least one job.")
        _check_jobs(file, stage.name, stage.jobs)
    names_of_stages = {stage.name.lower(): stage.name for stage in stages}
    return [
        replace(
            stage,
            depends_on=[names_of_stages[name.lower()] for name in stage.depends_on],
            jobs=_linked_jobs(stage.jobs),
        )
        for stage in stages
    ]


def _linked_jobs(jobs: Sequence[Job]) -> list[Job]:
    known = {job.name.lower(): job.name for job in jobs}
    return [replace(job, depends_on=[known[name.lower()] for name in job.depends_on]) for job in jobs]


def _check_jobs(file: str, stage: str, jobs: Sequence[Job]) -> None:
    _check(
        {job.name: job.depends_on for job in jobs},
        lambda name, other: f"{file}: Stage {stage} job {name} depends on unknown job {other}.",
        lambda name: f"{file}: Stage {stage} job {name} depends on itself, directly or through other jobs.",
    )
    for job in jobs:
        named = [step.name.lower() for step in job.steps if step.name]
        twice = next((name for name in named if named.count(name) > 1), None)
        if twice is not None:
            raise PipelineInvalid(f"{file}: Job {job.name} has more than one step with the name {twice}.")


def _check(
    graph: Mapping[str, Sequence[str]],
    unknown: Callable[[str, str], str],
    circular: Callable[[str], str],
) -> None:
    lower = {name.lower(): [other.lower() for other in others] for name, others in graph.items()}
    for name, others in graph.items():
        for other in others:
            if other.lower() not in lower:
                raise PipelineInvalid(unknown(name, other))
    waiting = dict(lower)
    while waiting:
        free = [name for name, others in waiting.items() if not any(other in waiting for other in others)]
        if not free:
            raise PipelineInvalid(circular(next(name for name in graph if name.lower() in waiting)))
        for name in free:
            del waiting[name]
