"""A run's expanded pipeline as a document, so that a stage can be tried again by a later process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.pipelines.model import Job, Pipeline, Repository, Stage, Step, Trigger
from infra.local.emulation.state import Json


def save_plan(emulator: Emulator, run: Json, pipeline: Pipeline) -> None:
    emulator.state.put("run-plan", run["projectId"], str(run["id"]), asdict(pipeline))


def load_plan(emulator: Emulator, run: Json) -> Pipeline:
    found = emulator.state.get("run-plan", run["projectId"], str(run["id"]))
    if found is None:
        raise LookupError(f"run {run['id']} has no plan")
    return Pipeline(
        **{
            **found,
            "stages": [_stage(stage) for stage in found["stages"]],
            "trigger": Trigger(**found["trigger"]),
            "repositories": [Repository(**repository) for repository in found["repositories"]],
        }
    )


def _stage(found: Mapping[str, Any]) -> Stage:
    return Stage(**{**found, "jobs": [_job(job) for job in found["jobs"]]})


def _job(found: Mapping[str, Any]) -> Job:
    return Job(**{**found, "steps": [Step(**step) for step in found["steps"]]})


def without_stages(pipeline: Pipeline, skipped: set[str]) -> Pipeline:
    """Stages that were asked to be left out; what waited for one waits for what that one waited for."""
    waits = {stage.name: list(stage.depends_on) for stage in pipeline.stages}

    def inherited(names: list[str]) -> list[str]:
        found: list[str] = []
        for name in names:
            found += inherited(waits.get(name, [])) if name in skipped else [name]
        return list(dict.fromkeys(found))

    stages = [
        replace(stage, condition="false")
        if stage.name in skipped
        else replace(stage, depends_on=inherited(waits[stage.name]))
        for stage in pipeline.stages
    ]
    return replace(pipeline, stages=stages)


def with_implicit_steps(job: Job) -> Job:
    """A job checks out its own repository unless it says otherwise; a deployment downloads the artifacts."""
    kinds = {step.kind for step in job.steps}
    if job.environment is None and "checkout" not in kinds:
        return replace(job, steps=[Step("checkout", "self", "Checkout self"), *job.steps])
    if job.environment is not None and "download" not in kinds:
        return replace(job, steps=[Step("download", "current", "Download Artifact"), *job.steps])
    return job
