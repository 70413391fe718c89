"""Runs of pipelines over REST."""

from __future__ import annotations

from infra.local.azure_devops.errors import ApiError, invalid_argument, not_found
from infra.local.azure_devops.pipelines.asked import asked_source, invalid_pipeline, object_in
from infra.local.azure_devops.pipelines.model import PipelineInvalid
from infra.local.azure_devops.pipelines.plan import load_plan
from infra.local.azure_devops.pipelines.preview import preview
from infra.local.azure_devops.pipelines.run_documents import render_run
from infra.local.azure_devops.pipelines.run_store import definition_of, find_run
from infra.local.azure_devops.pipelines.runs import start_run
from infra.local.azure_devops.routing import Answer, Call, Route, listing
from infra.local.emulation.state import Json

_NEWEST = 1000


async def create_run(call: Call) -> Answer:
    definition, body = definition_of(call), call.object_body()
    if body.get("previewRun") is True:
        return await preview(call, definition, body)
    if definition.get("queueStatus") == "disabled":
        raise ApiError(400, "DefinitionDisabledException", f"Pipeline {definition['name']} is disabled.")
    parameters = object_in(body, "templateParameters")
    skipped = body.get("stagesToSkip") or []
    if not isinstance(skipped, list):
        raise invalid_argument("stagesToSkip must be a list of names.")
    try:
        ref, version = await asked_source(call, definition, body)
        run = await start_run(
            call.emulator,
            definition,
            ref=ref,
            version=version,
            parameters=parameters,
            reason="manual",
            identity=call.identity,
            variables=_variables(body),
            stages_to_skip=[str(name) for name in skipped],
        )
    except PipelineInvalid as error:
        raise invalid_pipeline(error) from error
    return Answer(200, render_run(call.emulator, run))


def _variables(body: Json) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for name, given in object_in(body, "variables").items():
        if not isinstance(given, dict):
            raise invalid_argument(f"The variable {name} must be an object with a value.")
        found[name] = {"value": str(given.get("value") or ""), "isSecret": bool(given.get("isSecret"))}
    return found


def _runs(call: Call, definition: Json, lag: float = 0.0) -> list[Json]:
    found = call.emulator.state.list("run", definition["projectId"], lag)
    return [run for run in found if run["definitionId"] == definition["id"]]


async def list_runs(call: Call) -> Answer:
    """The newest of them, newest first."""
    found = _runs(call, definition_of(call), call.lag)[-_NEWEST:]
    return listing([render_run(call.emulator, run) for run in reversed(found)])


async def get_run(call: Call) -> Answer:
    definition = definition_of(call)
    run = find_run(call.emulator, definition["projectId"], call.params["run"])
    if run is None or run["definitionId"] != definition["id"]:
        raise not_found("PipelineRunNotFoundException", f"Run {call.params['run']} was not found.")
    body = render_run(call.emulator, run)
    if "finalyaml" in call.query.get("$expand", "").lower():
        body["finalYaml"] = load_plan(call.emulator, run).final_yaml
    return Answer(200, body)


_RUNS = "/{org}/{project}/_apis/pipelines/{pipeline}/runs"

ROUTES = [
    Route("POST", _RUNS, create_run),
    Route("GET", _RUNS, list_runs),
    Route("GET", _RUNS + "/{run}", get_run),
]
