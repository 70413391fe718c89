"""Which code runs which step."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from infra.local.azure_devops.pipelines import tasks_artifacts, tasks_results, tasks_scripts
from infra.local.azure_devops.pipelines.agent_checkout import run_checkout
from infra.local.azure_devops.pipelines.step_context import StepContext
from infra.local.azure_devops.pipelines.tasks_tools import TOOLS, use_tool
from infra.local.azure_devops.pipelines.timeline import SKIPPED

type Runner = Callable[[StepContext], Awaitable[str]]

_KINDS: Mapping[str, Runner] = {
    "bash": tasks_scripts.run_bash,
    "script": tasks_scripts.run_script,
    "checkout": run_checkout,
    "publish": tasks_artifacts.publish_shortcut,
    "download": tasks_artifacts.download_shortcut,
}
_TASKS: Mapping[str, Runner] = {
    "bash@3": tasks_scripts.run_bash_task,
    "cmdline@2": tasks_scripts.run_command_line,
    "publishtestresults@2": tasks_results.publish_test_results,
    "publishcodecoverageresults@1": tasks_results.publish_coverage,
    "publishcodecoverageresults@2": tasks_results.publish_coverage,
    "publishpipelineartifact@0": tasks_artifacts.publish_pipeline_artifact,
    "publishpipelineartifact@1": tasks_artifacts.publish_pipeline_artifact,
    "publishbuildartifacts@1": tasks_artifacts.publish_build_artifacts,
    "downloadpipelineartifact@2": tasks_artifacts.download_pipeline_artifact,
    "downloadbuildartifacts@0": tasks_artifacts.download_build_artifacts,
    "downloadbuildartifacts@1": tasks_artifacts.download_build_artifacts,
}


def runner_of(kind: str, target: str) -> Runner:
    if kind != "task":
        return _KINDS.get(kind, skip)
    name, _, version = target.strip().lower().partition("@")
    # A task may be named with its whole version; the first number decides.
    name = f"{name}@{version.partition('.')[0]}"
    if name in _TASKS:
        return _TASKS[name]
    return use_tool if name.partition("@")[0] in TOOLS else skip


async def skip(context: StepContext) -> str:
    context.warn(f"{context.step.target} does not run on this agent: the step is skipped.")
    return SKIPPED
