"""Steps, in the shortcuts and the full form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from infra.local.azure_devops.pipelines.expression_values import text
from infra.local.azure_devops.pipelines.model import Step
from infra.local.azure_devops.pipelines.read_templates import is_template, open_template
from infra.local.azure_devops.pipelines.read_values import flag, minutes, name_of, optional_text, texts
from infra.local.azure_devops.pipelines.sources import Sources
from infra.local.azure_devops.pipelines.views import View
from infra.local.azure_devops.pipelines.yaml_document import Items, Scalar, to_python

_COMMON = (
    "displayName",
    "name",
    "condition",
    "continueOnError",
    "enabled",
    "env",
    "timeoutInMinutes",
    "target",
    "retryCountOnTaskFailure",
)
_SCRIPT = ("workingDirectory", "failOnStderr")
# What may stand beside the key that says which kind of step it is, apart from the common keys.
_KEYS: Mapping[str, tuple[str, ...]] = {
    "bash": _SCRIPT,
    "script": _SCRIPT,
    "pwsh": (*_SCRIPT, "errorActionPreference", "ignoreLASTEXITCODE"),
    "powershell": (*_SCRIPT, "errorActionPreference", "ignoreLASTEXITCODE"),
    "task": ("inputs",),
    "checkout": (
        *("clean", "fetchDepth", "fetchFilter", "fetchTags", "lfs", "submodules", "path"),
        *("persistCredentials", "workspaceRepo"),
    ),
    "publish": ("artifact",),
    "download": ("artifact", "patterns", "path"),
}
_UNAVAILABLE = ("downloadBuild", "getPackage", "reviewApp")
_TASK = re.compile(r"[\w.-]+@\d+(\.\d+\.\d+)?")
_TITLES = {
    "bash": "Bash",
    "script": "CmdLine",
    "publish": "PublishPipelineArtifact",
    "download": "DownloadPipelineArtifact",
}


async def read_steps(sources: Sources, view: View) -> list[Step]:
    steps: list[Step] = []
    if view.is_empty():
        return steps
    for item in view.items():
        if is_template(item):
            template = await open_template(sources, item, ("steps",))
            if "steps" in template:
                steps += await read_steps(sources, template["steps"])
        else:
            steps.append(_step(item))
    return steps


def _step(item: View) -> Step:
    members = item.members()
    if not members:
        raise item.invalid("Expected a step")
    kind = str(members[0][0].value)
    if kind not in _KEYS:
        kind = next((str(key.value) for key, _ in members if key.value in _KEYS), kind)
    if kind in _UNAVAILABLE:
        raise members[0][0].place.invalid(f"Steps of the kind '{kind}' are not available here")
    if kind not in _KEYS:
        raise members[0][0].place.invalid(f"Unexpected value '{kind}'")
    fields = item.fields((kind, *_KEYS[kind], *_COMMON))
    target = fields[kind].text()
    inputs = _inputs(kind, fields)
    if kind in ("pwsh", "powershell"):
        inputs |= {"targettype": "inline", "script": target, "pwsh": kind == "pwsh"}
        kind, target = "task", "PowerShell@2"
    if kind == "task" and not _TASK.fullmatch(target):
        raise fields["task"].invalid(
            f"Task name '{target}' is invalid. The name must be followed by a version, as in 'Bash@3'"
        )
    return Step(
        kind=kind,
        target=target,
        display_name=optional_text(fields, "displayName") or _title(kind, target),
        name=(name_of("Step", fields["name"], "") or None) if "name" in fields else None,
        inputs=inputs,
        env=texts(fields, "env"),
        condition=optional_text(fields, "condition"),
        continue_on_error=flag(fields, "continueOnError", False),
        enabled=flag(fields, "enabled", True),
        timeout_minutes=minutes(fields, "timeoutInMinutes"),
        working_directory=optional_text(fields, "workingDirectory"),
    )


def _title(kind: str, target: str) -> str:
    if kind == "checkout":
        return f"Checkout {target}"
    return _TITLES.get(kind) or target.partition("@")[0]


def _inputs(kind: str, fields: Mapping[str, View]) -> dict[str, Any]:
    """A task's inputs, or the keys that only this kind of step has; their names in lower case."""
    if kind != "task":
        own = set(_KEYS[kind]) - {"workingDirectory"}
        return {name.lower(): _plain(fields[name]) for name in fields if name in own}
    if "inputs" not in fields or fields["inputs"].is_empty():
        return {}
    return {str(key.value).lower(): _plain(value) for key, value in fields["inputs"].members()}


def _plain(view: View) -> Any:
    token = view.resolve()
    if isinstance(token, Scalar):
        return text(token.value)
    if isinstance(token, Items):
        return "\n".join(str(to_python(value)) for value in token.values)
    raise view.invalid("A mapping was not expected")
