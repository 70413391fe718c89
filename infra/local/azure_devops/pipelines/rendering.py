"""The expanded pipeline as YAML, as a preview run shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from infra.local.azure_devops.pipelines.model import Job, Repository, Stage, Step, Trigger
from infra.local.emulation.state import Json


class _Dumper(yaml.SafeDumper):
    """Scripts as literal blocks, and no anchors: the service has none."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def render_yaml(
    *,
    name: str | None,
    trigger: Trigger,
    repositories: Sequence[Repository],
    variables: Mapping[str, str],
    stages: Sequence[Stage],
) -> str:
    body: Json = {"trigger": _trigger(trigger)}
    if name:
        body["name"] = name
    resources = [_repository(found) for found in repositories if found.alias != "self"]
    if resources:
        body["resources"] = {"repositories": resources}
    body |= _filled(variables=_variables(variables))
    body["stages"] = [_stage(stage) for stage in stages]
    return yaml.dump(body, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True)


def _filled(**members: Any) -> Json:
    """Without what is not set."""
    return {name: value for name, value in members.items() if value not in (None, [], {}, "")}


def _number(value: float | None) -> float | None:
    return int(value) if value is not None and value.is_integer() else value


def _trigger(trigger: Trigger) -> Any:
    if not trigger.enabled:
        return "none"
    return {
        "enabled": True,
        **_filled(
            branches=_filled(include=list(trigger.include_branches), exclude=list(trigger.exclude_branches)),
            paths=_filled(include=list(trigger.include_paths), exclude=list(trigger.exclude_paths)),
        ),
    }


def _repository(found: Repository) -> Json:
    return {
        "repository": found.alias,
        "type": "git",
        "name": f"{found.project}/{found.name}",
        "ref": found.ref,
    }


def _variables(variables: Mapping[str, str]) -> list[Json]:
    return [{"name": name, "value": value} for name, value in variables.items()]


def _stage(stage: Stage) -> Json:
    return {
        "stage": stage.name,
        **_filled(displayName=stage.display_name if stage.display_name != stage.name else None),
        "dependsOn": list(stage.depends_on),
        **_filled(condition=stage.condition, variables=_variables(stage.variables)),
        "jobs": [_job(job) for job in stage.jobs],
    }


def _job(job: Job) -> Json:
    deployment = job.environment is not None
    body: Json = {
        "deployment" if deployment else "job": job.name,
        **_filled(
            displayName=job.display_name if job.display_name != job.name else None,
            dependsOn=list(job.depends_on),
            condition=job.condition,
            variables=_variables(job.variables),
            environment={"name": job.environment} if deployment else None,
            timeoutInMinutes=_number(job.timeout_minutes) if job.timeout_minutes != 60 else None,
            continueOnError=job.continue_on_error or None,
        ),
    }
    steps = [_step(step) for step in job.steps]
    body |= {"strategy": {"runOnce": {"deploy": {"steps": steps}}}} if deployment else {"steps": steps}
    return body


# How the keys that only one kind of step has are written; the model has them in lower case.
_SPELLING = {
    name.lower(): name
    for name in (
        "failOnStderr",
        "fetchDepth",
        "fetchFilter",
        "fetchTags",
        "persistCredentials",
        "workspaceRepo",
    )
}


def _step(step: Step) -> Json:
    own = dict(step.inputs)
    body: Json = {step.kind: step.target}
    if step.kind == "task":
        body |= _filled(inputs=own)
    else:
        body |= {_SPELLING.get(name, name): value for name, value in own.items()}
    return body | _filled(
        displayName=step.display_name,
        name=step.name,
        condition=step.condition,
        env=dict(step.env),
        workingDirectory=step.working_directory,
        continueOnError=step.continue_on_error or None,
        enabled=None if step.enabled else False,
        timeoutInMinutes=_number(step.timeout_minutes),
    )
