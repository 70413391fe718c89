"""Publishing and downloading artifacts: the shortcuts `publish` and `download`, and the tasks behind them."""

from __future__ import annotations

from pathlib import Path

from infra.local.azure_devops.pipelines.artifact_store import (
    CONTAINER,
    PIPELINE,
    ArtifactRefused,
    copy_out,
    find_artifact,
    list_artifacts,
    publish,
)
from infra.local.azure_devops.pipelines.run_store import COMPLETED, find_run
from infra.local.azure_devops.pipelines.step_context import StepContext, StepFailed
from infra.local.azure_devops.pipelines.timeline import SKIPPED, SUCCEEDED
from infra.local.azure_devops.projects import project_named
from infra.local.emulation.state import Json


async def _publish(context: StepContext, name: str, path: str, kind: str) -> str:
    source = context.workspace.inside(path)
    context.log.write(f"Uploading {source} as artifact {name}")
    try:
        job = context.job
        artifact = await publish(context.emulator, job.run, name, source, kind, job.record["id"])
    except ArtifactRefused as error:
        raise StepFailed(str(error)) from error
    context.log.write(f"Artifact {name} has {artifact['size']} bytes: {artifact['digest']}")
    return SUCCEEDED


async def publish_shortcut(context: StepContext) -> str:
    path = context.job.variables.expand(context.step.target)
    name = context.input("artifact", "artifactname", "name", default=context.job.job.name)
    return await _publish(context, name, path, PIPELINE)


async def publish_pipeline_artifact(context: StepContext) -> str:
    path = context.input("targetpath", "path", default="$(Pipeline.Workspace)")
    name = context.input("artifact", "artifactname", default=context.job.job.name)
    return await _publish(context, name, context.job.variables.expand(path), PIPELINE)


async def publish_build_artifacts(context: StepContext) -> str:
    path = context.input("pathtopublish", default="$(Build.ArtifactStagingDirectory)")
    name = context.input("artifactname", default="drop")
    return await _publish(context, name, context.job.variables.expand(path), CONTAINER)


async def download_shortcut(context: StepContext) -> str:
    """`download: current`: every artifact in a directory of its name, in Pipeline.Workspace."""
    target = context.step.target.strip().lower()
    if target == "none":
        return SKIPPED
    if target != "current":
        raise StepFailed(f"The pipeline resource '{context.step.target}' is not known to this agent.")
    name = context.input("artifact", "artifactname")
    root = context.workspace.inside(context.input("path", default="."), context.workspace.root)
    if name:
        return await _download(
            context, context.job.run, name, root / name if "path" not in _given(context) else root
        )
    for artifact in list_artifacts(context.emulator, context.job.run):
        await _download(context, context.job.run, artifact["name"], root / artifact["name"])
    return SUCCEEDED


def _given(context: StepContext) -> set[str]:
    return {name for name, value in context.step.inputs.items() if value not in (None, "")}


async def download_pipeline_artifact(context: StepContext) -> str:
    kind = context.input("buildtype", "source", default="current").lower()
    run = context.job.run if kind == "current" else _specific(context)
    name = context.input("artifactname", "artifact")
    root = context.workspace.inside(context.input("targetpath", "path", default="."), context.workspace.root)
    if name:
        return await _download(context, run, name, root)
    for artifact in list_artifacts(context.emulator, run):
        await _download(context, run, artifact["name"], root / artifact["name"])
    return SUCCEEDED


async def download_build_artifacts(context: StepContext) -> str:
    name = context.input("artifactname", default="drop")
    wanted = context.input("downloadpath", default="$(System.ArtifactsDirectory)")
    target = context.workspace.inside(context.job.variables.expand(wanted)) / name
    return await _download(context, context.job.run, name, target)


def _specific(context: StepContext) -> Json:
    """A given run of a pipeline, or the latest one that is done."""
    emulator, org = context.emulator, context.job.run["org"]
    project = project_named(emulator, org, context.input("project", default=context.job.run["projectId"]))
    if number := context.input("runid", "buildid", "pipelineid"):
        found = find_run(emulator, project["id"], number)
    else:
        wanted = context.input("definition", "pipeline")
        done = [
            run
            for run in emulator.state.list("run", project["id"])
            if run["status"] == COMPLETED
            and run["result"] in ("succeeded", "partiallySucceeded")
            and wanted in (str(run["definitionId"]), run["definitionName"])
        ]
        found = done[-1] if done else None
    if found is None:
        raise StepFailed("No run was found to download artifacts from.")
    return found


async def _download(context: StepContext, run: Json, name: str, target: Path) -> str:
    artifact = find_artifact(context.emulator, run, name)
    if artifact is None:
        raise StepFailed(f"Artifact {name} was not found for build {run['id']}.")
    patterns = [
        line.strip() for line in context.input("itempattern", "patterns").splitlines() if line.strip()
    ]
    count = await copy_out(context.emulator, run, artifact, target, [p for p in patterns if p != "**"])
    context.log.write(f"Downloaded {count} files of artifact {name} of run {run['id']} to {target}")
    return SUCCEEDED
