"""Jobs and deployment jobs."""

from __future__ import annotations

from collections.abc import Mapping

from infra.local.azure_devops.pipelines.model import Job, Step
from infra.local.azure_devops.pipelines.read_steps import read_steps
from infra.local.azure_devops.pipelines.read_templates import is_template, open_template
from infra.local.azure_devops.pipelines.read_values import (
    flag,
    minutes,
    name_of,
    names,
    optional_text,
    variables_of,
)
from infra.local.azure_devops.pipelines.sources import Sources
from infra.local.azure_devops.pipelines.views import View
from infra.local.azure_devops.pipelines.yaml_document import Members

_COMMON = (
    *("displayName", "dependsOn", "condition", "continueOnError", "timeoutInMinutes"),
    *("cancelTimeoutInMinutes", "variables", "pool", "workspace", "templateContext"),
)
_JOB = ("job", "steps", *_COMMON)
_DEPLOYMENT = ("deployment", "environment", "strategy", *_COMMON)
_UNAVAILABLE = ("container", "services", "uses")
_HOSTED_MINUTES = 60.0
# What a hosted agent gives a job whose limit is 0.
_MOST_MINUTES = 360.0


async def read_jobs(sources: Sources, view: View) -> list[Job]:
    jobs: list[Job] = []
    await _add_jobs(sources, view, jobs)
    return jobs


async def _add_jobs(sources: Sources, view: View, jobs: list[Job]) -> None:
    if view.is_empty():
        return
    for item in view.items():
        if is_template(item):
            template = await open_template(sources, item, ("jobs",))
            if "jobs" in template:
                await _add_jobs(sources, template["jobs"], jobs)
            continue
        job = await _job(sources, item, f"Job{len(jobs) + 1}")
        if any(other.name.lower() == job.name.lower() for other in jobs):
            raise item.invalid(
                f"The job name {job.name} appears more than once. Job names must be unique within a pipeline."
            )
        jobs.append(job)


async def _job(sources: Sources, item: View, default: str) -> Job:
    members = item.members()
    kinds = [str(key.value) for key, _ in members if key.value in ("job", "deployment")]
    for key, _ in members:
        if key.value in _UNAVAILABLE or (key.value == "strategy" and kinds == ["job"]):
            raise key.place.invalid(f"'{key.value}' of a job is not available here")
    if not kinds:
        first = members[0][0] if members else None
        raise (first or item).place.invalid(
            f"Unexpected value '{first.value}'" if first else "Expected a job"
        )
    kind = kinds[0]
    allowed = _JOB if kind == "job" else _DEPLOYMENT
    name = name_of("Job", {str(key.value): value for key, value in members}[kind], default)
    # Expressions of a job see its own variables, so these are read first.
    variables = await variables_of(sources, _variables(item))
    seen = View(item.token, item.scope.with_variables(variables, item.place), item.literal)
    fields = seen.fields(allowed)
    if kind == "job":
        if "steps" not in fields:
            raise item.invalid("Expected the property 'steps' of the job")
        steps, environment = await read_steps(sources, fields["steps"]), None
    else:
        steps, environment = await _deployment_steps(sources, seen, fields), _environment(seen, fields)
    check_pool(fields)
    limit = minutes(fields, "timeoutInMinutes")
    return Job(
        name=name,
        display_name=optional_text(fields, "displayName") or name,
        steps=steps,
        depends_on=names(fields["dependsOn"]) if "dependsOn" in fields else (),
        condition=optional_text(fields, "condition"),
        variables=variables,
        timeout_minutes=_HOSTED_MINUTES if limit is None else limit or _MOST_MINUTES,
        continue_on_error=flag(fields, "continueOnError", False),
        environment=environment,
    )


def _variables(item: View) -> View | None:
    return next((value for key, value in item.members() if key.value == "variables"), None)


def check_pool(fields: Mapping[str, View]) -> None:
    """Any pool will do: the emulator has its own agents."""
    if "pool" in fields and isinstance(fields["pool"].opened().token, Members):
        fields["pool"].fields(("name", "vmImage", "demands"))


def _environment(item: View, fields: Mapping[str, View]) -> str:
    view = fields.get("environment")
    if view is None:
        raise item.invalid("Expected the property 'environment' of the deployment")
    if isinstance(view.opened().token, Members):
        inner = view.fields(("name", "resourceName", "resourceId", "resourceType", "tags"))
        name = inner["name"].text() if "name" in inner else ""
    else:
        name = view.text().partition(".")[0]
    if not name:
        raise view.invalid("The environment of a deployment must have a name")
    return name


async def _deployment_steps(sources: Sources, item: View, fields: Mapping[str, View]) -> list[Step]:
    """Of strategy.runOnce.deploy: the other strategies and hooks need targets that are not here."""
    view: View = item
    inner = fields
    for name in ("strategy", "runOnce", "deploy", "steps"):
        if name not in inner:
            raise view.invalid(f"Expected the property '{name}'")
        view = inner[name]
        if name == "steps":
            break
        inner = view.fields({"strategy": ("runOnce",), "runOnce": ("deploy",)}.get(name, ("steps", "pool")))
    return await read_steps(sources, view)
