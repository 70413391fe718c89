"""What the conditions of stages, jobs and steps see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from infra.local.azure_devops.pipelines.conditions import Scope
from infra.local.azure_devops.pipelines.expression_functions import MANY, Call, Function, words
from infra.local.azure_devops.pipelines.expression_values import Value
from infra.local.azure_devops.pipelines.model import Pipeline, Stage
from infra.local.azure_devops.pipelines.timeline import CANCELED, FAILED, GOOD, Timeline
from infra.local.emulation.state import Json

DEFAULT = "succeeded()"


def stage_scope(
    timeline: Timeline, plan: Pipeline, stage: Stage, variables: Mapping[str, str], cancelled: bool
) -> Scope:
    """Dependencies are stages; their outputs are those of their jobs, with the job's name before them."""
    waits = {one.name: one.depends_on for one in plan.stages}
    results = {one.name: _result(timeline.find("Stage", one.name)) for one in plan.stages}
    dependencies = {
        name: {"result": results.get(name), "outputs": _stage_outputs(timeline, _stage(plan, name))}
        for name in stage.depends_on
    }
    names = {
        "variables": variables,
        "dependencies": dependencies,
        "stageDependencies": _stage_dependencies(timeline, plan, stage.name),
    }
    return Scope(names, _graph_functions(stage.depends_on, waits, results, cancelled))


def job_scope(
    timeline: Timeline,
    plan: Pipeline,
    stage: Stage,
    depends_on: Sequence[str],
    variables: Mapping[str, str],
    cancelled: bool,
) -> Scope:
    """Dependencies are jobs of the same stage."""
    waits = {one.name: one.depends_on for one in stage.jobs}
    results = {one.name: _result(timeline.find("Phase", f"{stage.name}.{one.name}")) for one in stage.jobs}
    dependencies = {
        name: {"result": results.get(name), "outputs": job_outputs(timeline, stage.name, name)}
        for name in depends_on
    }
    names = {
        "variables": variables,
        "dependencies": dependencies,
        "stageDependencies": _stage_dependencies(timeline, plan, stage.name),
    }
    return Scope(names, _graph_functions(depends_on, waits, results, cancelled))


def step_scope(variables: Mapping[str, str], status: str, cancelled: bool) -> Scope:
    """Status functions speak of the steps before."""
    return Scope(
        {"variables": variables},
        _status_functions(
            cancelled,
            failed=lambda _: status == FAILED and not cancelled,
            succeeded=lambda _: status in GOOD and not cancelled,
            succeeded_or_failed=lambda _: not cancelled,
        ),
    )


def ancestors(names: Iterable[str], waits: Mapping[str, Sequence[str]]) -> set[str]:
    found: set[str] = set()
    rest = list(names)
    while rest:
        name = rest.pop()
        if name not in found:
            found.add(name)
            rest += waits.get(name, ())
    return found


def _graph_functions(
    depends_on: Sequence[str],
    waits: Mapping[str, Sequence[str]],
    results: Mapping[str, str | None],
    cancelled: bool,
) -> dict[str, Function]:
    everything = ancestors(depends_on, waits)

    def named(arguments: Sequence[Value]) -> list[str]:
        lowered = {name.lower(): name for name in results}
        return [lowered.get(words(argument).lower(), "") for argument in arguments]

    def succeeded(arguments: Sequence[Value]) -> bool:
        if arguments:
            return not cancelled and all(results.get(name) in GOOD for name in named(arguments))
        # A skipped one stops only those right after it; a failure stops everything behind it.
        good = all(results.get(name) in GOOD for name in depends_on)
        return good and not cancelled and not any(results.get(n) in (FAILED, CANCELED) for n in everything)

    def failed(arguments: Sequence[Value]) -> bool:
        return any(results.get(name) == FAILED for name in (named(arguments) or everything))

    def succeeded_or_failed(arguments: Sequence[Value]) -> bool:
        if arguments:
            return not cancelled and all(results.get(name) in (*GOOD, FAILED) for name in named(arguments))
        return not cancelled

    return _status_functions(cancelled, failed, succeeded, succeeded_or_failed)


def _status_functions(
    cancelled: bool, failed: Call, succeeded: Call, succeeded_or_failed: Call
) -> dict[str, Function]:
    calls: dict[str, Call] = {
        "always": lambda _: True,
        "canceled": lambda _: cancelled,
        "failed": failed,
        "succeeded": succeeded,
        "succeededorfailed": succeeded_or_failed,
    }
    return {name: Function(0, MANY, call) for name, call in calls.items()}


def _result(record: Json | None) -> str | None:
    return record["result"] if record else None


def _stage(plan: Pipeline, name: str) -> Stage | None:
    return next((stage for stage in plan.stages if stage.name == name), None)


def job_outputs(timeline: Timeline, stage: str, job: str) -> dict[str, str]:
    """Output variables as `step.variable`; those of a deployment also with the job's name before them."""
    record = timeline.find("Job", f"{stage}.{job}.__default") or {}
    found: dict[str, str] = dict(record.get("outputs", {}))
    if record.get("environment"):
        found |= {f"{job}.{name}": value for name, value in found.items()}
    return found


def _stage_outputs(timeline: Timeline, stage: Stage | None) -> dict[str, str]:
    if stage is None:
        return {}
    return {
        f"{job.name}.{name}": value
        for job in stage.jobs
        for name, value in job_outputs(timeline, stage.name, job.name).items()
    }


def _stage_dependencies(timeline: Timeline, plan: Pipeline, name: str) -> dict[str, Any]:
    waits = {one.name: one.depends_on for one in plan.stages}
    return {
        stage.name: {
            job.name: {
                "result": _result(timeline.find("Phase", f"{stage.name}.{job.name}")),
                "outputs": job_outputs(timeline, stage.name, job.name),
            }
            for job in stage.jobs
        }
        for stage in plan.stages
        if stage.name in ancestors(waits.get(name, ()), waits)
    }
