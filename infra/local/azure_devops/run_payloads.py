"""The resource of a hook about a build, a run, a stage or a job."""

from __future__ import annotations

from infra.local.azure_devops import git_objects
from infra.local.azure_devops.clock import render
from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.errors import ApiError
from infra.local.azure_devops.git_store import GitFailed
from infra.local.azure_devops.pipelines.run_documents import (
    render_build,
    render_pipeline_reference,
    render_run,
    render_xaml_build,
    web_url,
)
from infra.local.azure_devops.pipelines.run_store import find_run
from infra.local.azure_devops.pipelines.timeline import Timeline
from infra.local.azure_devops.repositories import render_repository, repository_by_id
from infra.local.emulation.state import Json

_STATES = {"pending": "waiting", "inProgress": "running", "completed": "completed"}
_KEPT = ("id", "attempt", "url")


def render_build_resource(emulator: Emulator, event: Json, version: str) -> tuple[Json, str] | None:
    run = find_run(emulator, event["projectId"], event["subject"])
    if run is None:
        return None
    is_old = version.startswith("1.")
    body = render_xaml_build(emulator, run) if is_old else render_build(emulator, run)
    return body, f"Build {run['buildNumber']} {run['result'] or run['status']}."


async def render_run_resource(emulator: Emulator, event: Json) -> tuple[Json, str] | None:
    """The run, and of a stage's or a job's event that record too."""
    number, _, record_id = event["subject"].partition("/")
    run = find_run(emulator, event["projectId"], number)
    if run is None:
        return None
    shown = render_run(emulator, run)
    resource: Json = {
        "run": shown,
        "pipeline": render_pipeline_reference(emulator, run),
        "projectId": run["projectId"],
        "repositories": await _repositories(emulator, run),
    }
    text = f"Run {run['buildNumber']}"
    if not record_id:
        return resource, f"{text} {shown.get('result', shown['state'])}."
    timeline = Timeline(emulator, run)
    record = timeline.get(record_id)
    if record is None:
        return None
    kind = "stage" if record["type"] == "Stage" else "job"
    body = _record(emulator, run, record)
    resource = {kind: body, **resource}
    if kind == "stage":
        body["run"] = shown
    else:
        stage = timeline.find("Stage", str(record["identifier"]).split(".")[0])
        resource["stage"] = _record(emulator, run, stage) if stage else None
    return resource, f"{text} {kind} {record['name']} {body['result'] or body['state']}."


def _record(emulator: Emulator, run: Json, record: Json) -> Json:
    # The name of a job in the YAML is its phase's.
    name = str(record["identifier"]).split(".")[1 if record["type"] == "Job" else 0]
    result = "rejected" if record.get("rejected") else record["result"]
    return {
        "_links": {"web": {"href": f"{web_url(emulator, run)}&view=logs&j={record['id']}"}},
        "id": record["id"],
        "name": name,
        "displayName": record["name"],
        "attempt": record["attempt"],
        "state": _STATES[record["state"]],
        "result": "succeeded" if result == "succeededWithIssues" else result,
        "startTime": record["startTime"],
        "finishTime": record["finishTime"],
    }


async def _repositories(emulator: Emulator, run: Json) -> list[Json]:
    found: list[Json] = []
    for alias, one in run["resources"].items():
        body: Json = {"alias": alias, "type": "Git", "id": one["id"], "change": {"version": one["version"]}}
        try:
            body["url"] = render_repository(emulator, repository_by_id(emulator, one["id"]))["remoteUrl"]
            commits = await git_objects.commits_by_id(emulator.git, one["id"], [one["version"]])
        except (ApiError, GitFailed):
            commits = []  # deleted meanwhile
        for commit in commits:
            body["change"]["message"] = commit.comment
            for role, who in (("author", commit.author), ("committer", commit.committer)):
                body["change"][role] = {"name": who.name, "email": who.email, "date": render(who.date)}
        found.append(body)
    return found


def minimal_run_resource(resource: Json) -> Json:
    """Only what is needed to ask."""
    found: Json = {"projectId": resource["projectId"]}
    for part in ("stage", "job", "run", "pipeline"):
        if resource.get(part):
            found[part] = {name: resource[part][name] for name in _KEPT if name in resource[part]}
    return found
