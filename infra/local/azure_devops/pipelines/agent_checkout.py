"""Checkout: a clone of the emulator's own repository, at the commit of the run."""

from __future__ import annotations

import os
from pathlib import Path

from infra.local.azure_devops.errors import ApiError
from infra.local.azure_devops.pipelines.agent_process import run_process
from infra.local.azure_devops.pipelines.step_context import StepContext, StepFailed
from infra.local.azure_devops.pipelines.timeline import SKIPPED, SUCCEEDED
from infra.local.azure_devops.repositories import find_repository, render_repository
from infra.local.emulation.state import Json

_INLINE = "git://"


async def run_checkout(context: StepContext) -> str:
    target = context.step.target.strip()
    if target.lower() == "none":
        return SKIPPED
    repository, version = await _resolved(context, target)
    directory = _directory(context, repository)
    git = context.emulator.git
    remote = render_repository(context.emulator, repository)["remoteUrl"]
    # Objects are hard links: cheap, and what only a run can name (a test merge) is there too.
    await _git(
        context,
        "clone",
        "--quiet",
        "--local",
        "--no-checkout",
        str(git.path(repository["id"])),
        str(directory),
    )
    await _git(context, "-C", str(directory), "remote", "set-url", "origin", remote)
    await _git(
        context,
        "-C",
        str(directory),
        "-c",
        "advice.detachedHead=false",
        "checkout",
        "--quiet",
        "--force",
        version,
    )
    context.log.write(f"HEAD is now at {version} of {repository['name']}")
    return SUCCEEDED


async def _resolved(context: StepContext, target: str) -> tuple[Json, str]:
    job = context.job
    if target.lower() == "self":
        return _repository(context, job.run["projectId"], job.run["repositoryId"]), job.run["sourceVersion"]
    for known in job.plan.repositories:
        if known.alias.lower() == target.lower():
            return _repository(context, None, known.repository_id), known.version
    if not target.startswith(_INLINE):
        raise StepFailed(f"The repository '{target}' is not a resource of this pipeline.")
    name, _, revision = target.removeprefix(_INLINE).partition("@")
    project, _, repository_name = name.partition("/")
    repository = _repository(context, project, repository_name)
    wanted = revision or str(repository.get("defaultBranch") or "")
    commit = await context.emulator.git.commit_id(repository["id"], wanted)
    if commit is None:
        raise StepFailed(f"The ref '{wanted}' was not found in {repository['name']}.")
    return repository, commit


def _repository(context: StepContext, project: str | None, name: str) -> Json:
    try:
        return find_repository(context.emulator, context.job.run["org"], project, name)
    except ApiError as error:
        raise StepFailed(error.message) from error


def _directory(context: StepContext, repository: Json) -> Path:
    """s, or s/<repository> where a job checks out several."""
    workspace = context.workspace
    if path := context.input("path"):
        return workspace.inside(path, workspace.root)
    count = sum(step.kind == "checkout" for step in context.job.job.steps)
    return workspace.sources / str(repository["name"]) if count > 1 else workspace.sources


async def _git(context: StepContext, *arguments: str) -> None:
    environment = {
        **context.job.environment(),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
    }
    context.log.write(f"##[command]git {' '.join(arguments)}")
    code = await run_process(
        ["git", *arguments],
        directory=context.workspace.root,
        environment=environment,
        on_line=context.log.write,
        cancellation=context.cancellation,
    )
    if code != 0:
        raise StepFailed(f"Git {arguments[0]} failed with exit code: {code}")
