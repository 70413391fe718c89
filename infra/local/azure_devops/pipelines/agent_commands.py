"""Logging commands: what a script tells the agent by a line `##vso[area.action key=value;]text`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from infra.local.azure_devops.pipelines.run_store import read_run, save_run
from infra.local.azure_devops.pipelines.step_context import StepContext
from infra.local.azure_devops.pipelines.timeline import CANCELED, FAILED, SKIPPED, SUCCEEDED, WITH_ISSUES

_COMMAND = re.compile(r"##vso\[(?P<name>[\w.]+)(?:\s+(?P<properties>[^\]]*))?\](?P<text>.*)")
_ESCAPES = (("%3B", ";"), ("%0D", "\r"), ("%0A", "\n"), ("%5D", "]"), ("%AZP25", "%"))
_RESULTS = {
    "succeeded": SUCCEEDED,
    "succeededwithissues": WITH_ISSUES,
    "failed": FAILED,
    "canceled": CANCELED,
    "cancelled": CANCELED,
    "skipped": SKIPPED,
}

type Properties = Mapping[str, str]


def handle_line(context: StepContext, line: str) -> None:
    """Write a line of output to the log, or do what it commands."""
    found = _COMMAND.search(line)
    if found is None:
        context.log.write(line)
        return
    command = _COMMANDS.get(found["name"].lower())
    if command is None:
        context.warn(f"##vso[{found['name']}] is not a command of this agent.")
        return
    command(context, _properties(found["properties"] or ""), _unescaped(found["text"]))


def _properties(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(";") if "=" in part)
    return {name.strip().lower(): _unescaped(value) for name, _, value in pairs}


def _unescaped(text: str) -> str:
    for escaped, plain in _ESCAPES:
        text = text.replace(escaped, plain)
    return text


def _set_variable(context: StepContext, properties: Properties, text: str) -> None:
    name = properties.get("variable", "")
    if not name:
        context.error("Required field 'variable' is missing in ##vso[task.setvariable] command.")
        return
    context.set_variable(
        name,
        text,
        secret=properties.get("issecret", "").lower() == "true",
        output=properties.get("isoutput", "").lower() == "true",
    )


def _log_issue(context: StepContext, properties: Properties, text: str) -> None:
    kind = properties.get("type", "").lower()
    if kind not in ("error", "warning"):
        context.error(f"'{kind}' is not an issue type: error or warning.")
        return
    context.log.write(f"##[{kind}]{text}")
    places = ("sourcepath", "linenumber", "columnnumber", "code")
    context.issue(kind, text, {name: properties[name] for name in places if name in properties})


def _complete(context: StepContext, properties: Properties, text: str) -> None:
    result = _RESULTS.get(properties.get("result", "").lower())
    if result is None:
        context.error(f"'{properties.get('result')}' is not a result of a task.")
        return
    if text.strip():
        context.log.write(text)
    context.force(result)


def _build_number(context: StepContext, properties: Properties, text: str) -> None:
    run = read_run(context.emulator, context.job.run)
    run["buildNumber"] = text.strip()
    save_run(context.emulator, run)
    context.job.variables.set("Build.BuildNumber", run["buildNumber"])


def _build_tag(context: StepContext, properties: Properties, text: str) -> None:
    run = read_run(context.emulator, context.job.run)
    if text.strip() and text.strip() not in run["tags"]:
        run["tags"].append(text.strip())
        save_run(context.emulator, run)


def _upload_artifact(context: StepContext, properties: Properties, text: str) -> None:
    name = properties.get("artifactname") or properties.get("containerfolder")
    if not name:
        context.error("Artifact Name is required.")
        return
    context.uploads.append((name, text.strip()))


def _prepend_path(context: StepContext, properties: Properties, text: str) -> None:
    context.job.path_prefixes.append(text.strip())


def _set_secret(context: StepContext, properties: Properties, text: str) -> None:
    context.job.variables.hide(text)


def _debug(context: StepContext, properties: Properties, text: str) -> None:
    if context.job.variables.get("System.Debug").lower() == "true":
        context.log.write(f"##[debug]{text}")


def _unseen(context: StepContext, properties: Properties, text: str) -> None:
    """What only a web page would show."""


_COMMANDS: Mapping[str, Callable[[StepContext, Properties, str], None]] = {
    "task.setvariable": _set_variable,
    "task.setsecret": _set_secret,
    "task.logissue": _log_issue,
    "task.complete": _complete,
    "task.prependpath": _prepend_path,
    "task.debug": _debug,
    "task.setprogress": _unseen,
    "task.uploadsummary": _unseen,
    "build.updatebuildnumber": _build_number,
    "build.addbuildtag": _build_tag,
    "artifact.upload": _upload_artifact,
}
