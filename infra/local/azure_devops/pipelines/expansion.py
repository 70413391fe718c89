"""From a definition and a commit to the pipeline that runs: templates and expressions are expanded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.errors import ApiError
from infra.local.azure_devops.pipelines.model import (
    Job,
    Pipeline,
    PipelineInvalid,
    Repository,
    Stage,
    Trigger,
)
from infra.local.azure_devops.pipelines.parameters import bind, declared_parameters
from infra.local.azure_devops.pipelines.read_jobs import check_pool, read_jobs
from infra.local.azure_devops.pipelines.read_stages import linked, read_stages
from infra.local.azure_devops.pipelines.read_steps import read_steps
from infra.local.azure_devops.pipelines.read_templates import open_template, written
from infra.local.azure_devops.pipelines.read_trigger import check_pull_request_trigger, read_trigger
from infra.local.azure_devops.pipelines.read_values import variables_of
from infra.local.azure_devops.pipelines.rendering import render_yaml
from infra.local.azure_devops.pipelines.scope import Budget, Scope
from infra.local.azure_devops.pipelines.sources import Sources, given_tokens
from infra.local.azure_devops.pipelines.views import View
from infra.local.azure_devops.pipelines.yaml_document import Members, Scalar, to_python
from infra.local.azure_devops.projects import project_by_id
from infra.local.azure_devops.repositories import repository_by_id
from infra.local.emulation.state import Json

# One of these says what the pipeline does.
_KINDS = ("extends", "jobs", "stages", "steps")
_ROOT = (
    *("name", "trigger", "pr", "schedules", "parameters", "variables", "resources", "pool"),
    *("lockBehavior", "appendCommitMessageToRunName"),
    *_KINDS,
)
_EXTENDED = ("variables", "resources", "pool", *_KINDS)
DEFAULT_STAGE = "__default"


@dataclass(frozen=True)
class _Body:
    stages: list[Stage]
    variables: dict[str, str]


async def expand(
    emulator: Emulator,
    definition: Json,
    *,
    ref: str,
    version: str,
    parameters: Mapping[str, Any],
    yaml_override: str | None = None,
) -> Pipeline:
    """Raises PipelineInvalid with the file and, where it is known, the line and column."""
    sources = _sources(emulator, definition, ref, version)
    token = await sources.root(definition["path"], yaml_override)
    place = token.place
    predefined = {
        name.lower(): Scalar(value, place)
        for name, value in _predefined(emulator, definition, sources.repositories["self"]).items()
    }
    root = View(token, Scope(Members((), place), predefined, Budget(), {}))
    bound = bind(declared_parameters(written(root, "parameters")), given_tokens(parameters, place), place, {})
    root = View(token, replace(root.scope, parameters=bound))
    # Resources first, templates of variables may need them; then variables, all else sees them.
    await sources.declare(_child(root, "resources"))
    variables = await variables_of(sources, _child(root, "variables"))
    root = View(root.token, root.scope.with_variables(variables, place))
    fields = root.fields(_ROOT)
    name = fields["name"].text() if "name" in fields else None
    trigger = read_trigger(fields.get("trigger"))
    check_pull_request_trigger(fields.get("pr"))
    body = await _body(sources, root, fields, variables)
    stages = linked(str(place.file), body.stages)
    repositories = list(sources.repositories.values())
    return Pipeline(
        stages=stages,
        name=name or None,
        variables=body.variables,
        parameters=to_python(bound),
        trigger=trigger,
        repositories=repositories,
        final_yaml=render_yaml(
            name=name,
            trigger=trigger,
            repositories=repositories,
            variables=body.variables,
            stages=stages,
        ),
    )


async def read_pipeline_trigger(emulator: Emulator, definition: Json, *, ref: str, version: str) -> Trigger:
    """The trigger alone: a push decides by it before parameters are known."""
    sources = _sources(emulator, definition, ref, version)
    token = await sources.root(definition["path"], None)
    return read_trigger(written(View(token, Scope(Members((), token.place), {}, Budget(), {})), "trigger"))


def _sources(emulator: Emulator, definition: Json, ref: str, version: str) -> Sources:
    try:
        repository = repository_by_id(emulator, definition["repositoryId"])
    except ApiError as error:
        raise PipelineInvalid(error.message) from error
    project = project_by_id(emulator, repository["org"], repository["projectId"])["name"]
    own = Repository("self", project, repository["name"], repository["id"], ref, version)
    return Sources(emulator, definition["org"], own)


def _predefined(emulator: Emulator, definition: Json, own: Repository) -> dict[str, str]:
    """What is known before a run starts."""
    project = project_by_id(emulator, definition["org"], definition["projectId"])
    return {
        "Build.DefinitionName": definition["name"],
        "Build.Repository.ID": own.repository_id,
        "Build.Repository.Name": own.name,
        "Build.SourceBranch": own.ref,
        "Build.SourceBranchName": own.ref.rpartition("/")[2],
        "Build.SourceVersion": own.version,
        "System.CollectionUri": f"{emulator.base_url}/{definition['org']}/",
        "System.DefinitionId": str(definition["id"]),
        "System.TeamProject": project["name"],
        "System.TeamProjectId": project["id"],
    }


def _child(root: View, name: str) -> View | None:
    return next((view for key, view in root.members() if key.value == name), None)


async def _body(sources: Sources, root: View, fields: Mapping[str, View], variables: dict[str, str]) -> _Body:
    """The stages, of the shorthands too, and the variables with those of extended templates."""
    kinds = [name for name in _KINDS if name in fields]
    if not kinds:
        raise root.invalid(
            "There's not enough info to determine what you meant. Add one of these properties: "
            + ", ".join(_KINDS)
        )
    if len(kinds) > 1:
        raise root.invalid(f"Unexpected value '{kinds[1]}'")
    check_pool(fields)
    kind, view = kinds[0], fields[kinds[0]]
    if kind == "stages":
        return _Body(await read_stages(sources, view), variables)
    if kind == "jobs":
        return _Body(_only_stage(await read_jobs(sources, view)), variables)
    if kind == "steps":
        return _Body(_only_stage([Job("Job", "Job", await read_steps(sources, view))]), variables)
    template = dict(await open_template(sources, view, _EXTENDED))
    await sources.declare(template.get("resources"))
    own = await variables_of(sources, template.get("variables"))
    merged = {**variables, **own}
    seen = {
        name: View(found.token, found.scope.with_variables(own, view.place), found.literal)
        for name, found in template.items()
    }
    return await _body(sources, View(view.token, view.scope, view.literal), seen, merged)


def _only_stage(jobs: list[Job]) -> list[Stage]:
    return [Stage(DEFAULT_STAGE, DEFAULT_STAGE, jobs)]
