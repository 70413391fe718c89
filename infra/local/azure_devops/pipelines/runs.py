"""Starting runs, and trying a stage again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from graphlib import CycleError, TopologicalSorter
from typing import Any

from infra.local.azure_devops import clock, events
from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.errors import ApiError, not_found
from infra.local.azure_devops.identities import Identity
from infra.local.azure_devops.pipelines.build_number import build_number
from infra.local.azure_devops.pipelines.conditions import Scope, evaluate_variable
from infra.local.azure_devops.pipelines.executor import add_records, schedule_run
from infra.local.azure_devops.pipelines.executor_scopes import ancestors
from infra.local.azure_devops.pipelines.expansion import expand
from infra.local.azure_devops.pipelines.expression_functions import CallInvalid, Function, words
from infra.local.azure_devops.pipelines.expression_values import Value, number
from infra.local.azure_devops.pipelines.expressions import ExpressionInvalid
from infra.local.azure_devops.pipelines.model import Pipeline, PipelineInvalid
from infra.local.azure_devops.pipelines.plan import load_plan, save_plan, without_stages
from infra.local.azure_devops.pipelines.run_store import COMPLETED, IN_PROGRESS, NOT_STARTED, save_run
from infra.local.azure_devops.pipelines.run_variables import plain, predefined, run_variables
from infra.local.azure_devops.pipelines.timeline import GOOD, PENDING, SKIPPED, Timeline
from infra.local.emulation.state import Json


async def start_run(
    emulator: Emulator,
    definition: Json,
    *,
    ref: str,
    version: str,
    parameters: Mapping[str, Any],
    reason: str,
    identity: Identity,
    variables: Mapping[str, Json] | None = None,
    stages_to_skip: list[str] | None = None,
) -> Json:
    """Expand the YAML and queue what it comes to; raises PipelineInvalid before anything is recorded."""
    plan = await expand(emulator, definition, ref=ref, version=version, parameters=parameters)
    return queue_run(
        emulator,
        definition,
        plan,
        ref=ref,
        version=version,
        reason=reason,
        identity=identity,
        variables=variables or {},
        stages_to_skip=stages_to_skip or [],
    )


def queue_run(
    emulator: Emulator,
    definition: Json,
    plan: Pipeline,
    *,
    ref: str,
    version: str,
    reason: str,
    identity: Identity,
    variables: Mapping[str, Json] | None = None,
    stages_to_skip: list[str] | None = None,
) -> Json:
    """A run of an expanded pipeline, recorded and scheduled."""
    skipped = set(stages_to_skip or [])
    _check(plan, skipped)
    plan = without_stages(plan, skipped)
    moment = datetime.now(UTC)
    run: Json = {
        "org": definition["org"],
        "projectId": definition["projectId"],
        "definitionId": definition["id"],
        "definitionName": definition["name"],
        "definitionRevision": definition.get("revision", 1),
        "folder": definition.get("folder") or "\\",
        "repositoryId": definition["repositoryId"],
        "reason": reason,
        "sourceBranch": ref,
        "sourceVersion": version,
        "status": NOT_STARTED,
        "result": None,
        "requestedFor": identity.render(),
        "queueTime": clock.render(moment),
        "startTime": None,
        "finishTime": None,
        "parameters": dict(plan.parameters),
        "variables": dict(variables or {}),
        "tags": [],
        "resources": {
            "self": {"id": definition["repositoryId"], "refName": ref, "version": version},
            **{
                one.alias: {"id": one.repository_id, "refName": one.ref, "version": one.version}
                for one in plan.repositories
                if one.alias != "self"
            },
        },
    }
    with emulator.state.transaction():
        run["id"] = emulator.state.next_number(f"build/{str(run['org']).lower()}")
        plan = replace(plan, variables=_evaluated(emulator, run, plan))
        known = plain(run_variables(emulator, run, plan))
        run["buildNumber"] = build_number(emulator, definition, plan.name, known, moment)
        save_run(emulator, run)
        save_plan(emulator, run, plan)
        add_records(Timeline(emulator, run), plan)
    schedule_run(emulator, run)
    return run


def _evaluated(emulator: Emulator, run: Json, plan: Pipeline) -> dict[str, str]:
    """The pipeline's variables, once for the whole run: a counter counts runs."""

    def counter(arguments: Sequence[Value]) -> Value:
        prefix, seed = words(arguments[0]), number(arguments[1]) if len(arguments) > 1 else 0.0
        if seed is None:
            raise CallInvalid(f"The seed of a counter must be a number, not {words(arguments[1])}")
        name = f"counter/{run['projectId']}/{run['definitionId']}/{prefix.lower()}"
        return seed + emulator.state.next_number(name) - 1

    functions = {"counter": Function(1, 2, counter)}
    found: dict[str, str] = {}
    given = predefined(emulator, run)
    for name, value in plan.variables.items():
        try:
            found[name] = evaluate_variable(value, Scope({"variables": given | found}, functions))
        except ExpressionInvalid as error:
            raise PipelineInvalid(f"Variable {name}: {error}") from error
    return found


def _check(plan: Pipeline, skipped: set[str]) -> None:
    names = {stage.name for stage in plan.stages}
    if unknown := skipped - names:
        raise PipelineInvalid(f"Stage {sorted(unknown)[0]} to skip does not exist in the pipeline.")
    if not plan.stages:
        raise PipelineInvalid("The pipeline must contain at least one stage.")
    _check_order("Stage", {stage.name: list(stage.depends_on) for stage in plan.stages})
    for stage in plan.stages:
        _check_order("Job", {job.name: list(job.depends_on) for job in stage.jobs})


def _check_order(kind: str, waits: Mapping[str, list[str]]) -> None:
    for name, names in waits.items():
        for other in names:
            if other not in waits:
                raise PipelineInvalid(f"{kind} {name} depends on unknown {kind.lower()} {other}.")
    try:
        TopologicalSorter(waits).prepare()
    except CycleError as error:
        raise PipelineInvalid(f"{kind}s depend on each other in a circle: {error.args[1]}") from error


def retry_stage(emulator: Emulator, run: Json, name: str, *, all_jobs: bool) -> Json:
    """Run the stage's failed jobs again, and what had been skipped behind it."""
    timeline, plan = Timeline(emulator, run), load_plan(emulator, run)
    record = next(
        (r for r in timeline.records() if r["type"] == "Stage" and r["identifier"].lower() == name.lower()),
        None,
    )
    if record is None:
        raise not_found("StageNotFoundException", f"Stage {name} was not found in run {run['id']}.")
    if run["status"] != COMPLETED or record["result"] in (*GOOD, SKIPPED):
        raise ApiError(
            400, "InvalidPipelineOperationException", f"Stage {name} of run {run['id']} can't be retried now."
        )
    waits = {stage.name: stage.depends_on for stage in plan.stages}
    with emulator.state.transaction():
        for stage in plan.stages:
            found = timeline.find("Stage", stage.name)
            behind = record["identifier"] in ancestors(stage.depends_on, waits)
            if found is None or not (
                stage.name == record["identifier"] or (behind and found["result"] == SKIPPED)
            ):
                continue
            _reset(timeline, found, [job.name for job in stage.jobs], all_jobs=all_jobs)
        run.update(status=IN_PROGRESS, result=None, finishTime=None)
        save_run(emulator, run)
        events.run_changed(emulator, run)
    schedule_run(emulator, run)
    return run


def _reset(timeline: Timeline, stage: Json, jobs: list[str], *, all_jobs: bool) -> None:
    """A new attempt of what ran; what was only skipped waits for its first one still."""
    ran = stage["result"] != SKIPPED
    for job in jobs:
        phase = timeline.find("Phase", f"{stage['identifier']}.{job}")
        if phase is not None and (all_jobs or phase["result"] not in GOOD):
            timeline.set_aside(phase)
            _again(timeline, phase, ran=phase["result"] != SKIPPED)
    _again(timeline, stage, ran=ran)


def _again(timeline: Timeline, record: Json, *, ran: bool) -> None:
    if ran:
        record["previousAttempts"].append(timeline.earlier(record))
        record["attempt"] += 1
    record.update(
        state=PENDING, result=None, startTime=None, finishTime=None, issues=[], errorCount=0, warningCount=0
    )
    record.pop("rejected", None)
    timeline.put(record)
