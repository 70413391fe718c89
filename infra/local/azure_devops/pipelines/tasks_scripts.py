"""Scripts: the steps `bash` and `script`, and the tasks Bash@3 and CmdLine@2."""

from __future__ import annotations

import shlex
import uuid
from functools import partial

from infra.local.azure_devops.pipelines.agent_commands import handle_line
from infra.local.azure_devops.pipelines.agent_process import run_process
from infra.local.azure_devops.pipelines.agent_workspace import OutsideWorkspace
from infra.local.azure_devops.pipelines.artifact_store import CONTAINER, ArtifactRefused, publish
from infra.local.azure_devops.pipelines.step_context import StepContext, StepFailed
from infra.local.azure_devops.pipelines.timeline import FAILED, SUCCEEDED

_BASH = ("bash", "--noprofile", "--norc", "-e", "-o", "pipefail")
_SHELL = ("bash", "--noprofile", "--norc", "-e")


async def run_bash(context: StepContext) -> str:
    return await _run(context, _BASH, context.job.variables.expand(context.step.target))


async def run_script(context: StepContext) -> str:
    return await _run(context, _SHELL, context.job.variables.expand(context.step.target))


async def run_bash_task(context: StepContext) -> str:
    if context.input("targettype", default="filePath").lower() == "inline":
        return await _run(context, _BASH, context.input("script"))
    path = context.workspace.inside(context.input("filepath"))
    if not path.is_file():
        raise StepFailed(f"Invalid file path '{context.input('filepath')}'.")
    return await _run(context, _BASH, f". {shlex.quote(str(path))} {context.input('arguments')}")


async def run_command_line(context: StepContext) -> str:
    return await _run(context, _SHELL, context.input("script"))


async def _run(context: StepContext, shell: tuple[str, ...], text: str) -> str:
    wanted = context.step.working_directory or context.input("workingdirectory")
    try:
        directory = context.workspace.inside(context.job.variables.expand(str(wanted or ".")))
    except OutsideWorkspace as error:
        raise StepFailed(str(error)) from error
    if not directory.is_dir():
        raise StepFailed(f"Not found workingDirectory: {directory}")
    file = context.workspace.temporary / f"{uuid.uuid4()}.sh"
    file.write_text(text.replace("\r\n", "\n") + "\n", encoding="utf-8")
    written: list[str] = []

    def on_error_line(line: str) -> None:
        written.append(line)
        handle_line(context, line)

    context.log.write("========================== Starting Command Output ===========================")
    code = await run_process(
        [*shell, str(file)],
        directory=directory,
        environment=context.environment(),
        on_line=partial(handle_line, context),
        on_error_line=on_error_line if context.flag("failonstderr") else None,
        cancellation=context.cancellation,
    )
    await _upload(context)
    if code is None:
        return context.forced or FAILED
    if code != 0:
        context.error(f"Bash exited with code '{code}'.")
        return FAILED
    if written:
        context.error("Bash wrote one or more lines to the standard error stream.")
        return FAILED
    return SUCCEEDED


async def _upload(context: StepContext) -> None:
    job = context.job
    for name, path in context.uploads:
        try:
            source = context.workspace.inside(job.variables.expand(path))
            await publish(context.emulator, job.run, name, source, CONTAINER, job.record["id"])
        except (ArtifactRefused, OutsideWorkspace) as error:
            raise StepFailed(str(error)) from error
