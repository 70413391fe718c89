"""A run as the service shows it: as a build, as a run of a pipeline, and in hooks."""

from __future__ import annotations

from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.errors import ApiError
from infra.local.azure_devops.pipelines.run_store import CANCELLING, COMPLETED, build_url
from infra.local.azure_devops.pipelines.timeline import timeline_id
from infra.local.azure_devops.projects import project_by_id, render_project
from infra.local.azure_devops.repositories import render_repository, repository_by_id
from infra.local.emulation.state import Json

_STATES = {COMPLETED: "completed", CANCELLING: "canceling"}
_QUEUE: Json = {"id": 1, "name": "Azure Pipelines", "pool": {"id": 1, "name": "Azure Pipelines"}}


def _project_url(emulator: Emulator, run: Json) -> str:
    return f"{emulator.base_url}/{run['org']}/{run['projectId']}"


def web_url(emulator: Emulator, run: Json) -> str:
    return f"{_project_url(emulator, run)}/_build/results?buildId={run['id']}"


def build_uri(run: Json) -> str:
    return f"vstfs:///Build/Build/{run['id']}"


def _definition(emulator: Emulator, run: Json, project: Json) -> Json:
    number, revision = run["definitionId"], run["definitionRevision"]
    return {
        "id": number,
        "name": run["definitionName"],
        "path": run["folder"],
        "url": f"{_project_url(emulator, run)}/_apis/build/Definitions/{number}?revision={revision}",
        "uri": f"vstfs:///Build/Definition/{number}",
        "type": "build",
        "queueStatus": "enabled",
        "revision": revision,
        "project": project,
    }


def _repository(emulator: Emulator, run: Json) -> Json:
    body: Json = {"id": run["repositoryId"], "type": "TfsGit", "clean": None, "checkoutSubmodules": False}
    try:
        found = render_repository(emulator, repository_by_id(emulator, run["repositoryId"]))
    except ApiError:
        return body
    return {**body, "name": found["name"], "url": found["remoteUrl"]}


def render_build(emulator: Emulator, run: Json) -> Json:
    url = build_url(emulator, run)
    project = render_project(emulator, project_by_id(emulator, run["org"], run["projectId"]))
    body: Json = {
        "_links": {
            "self": {"href": url},
            "web": {"href": web_url(emulator, run)},
            "timeline": {"href": f"{url}/Timeline"},
        },
        "properties": {},
        "tags": run["tags"],
        "validationResults": [],
        "plans": [{"planId": timeline_id(run)}],
        "triggerInfo": {"ci.sourceBranch": run["sourceBranch"]} if run["reason"] == "individualCI" else {},
        "id": run["id"],
        "buildNumber": run["buildNumber"],
        "status": run["status"],
        "queueTime": run["queueTime"],
        "url": url,
        "definition": _definition(emulator, run, project),
        "buildNumberRevision": 1,
        "project": project,
        "uri": build_uri(run),
        "sourceBranch": run["sourceBranch"],
        "sourceVersion": run["sourceVersion"],
        "queue": _QUEUE,
        "priority": "normal",
        "reason": run["reason"],
        "requestedFor": run["requestedFor"],
        "requestedBy": run["requestedFor"],
        "lastChangedDate": run["lastChangedDate"],
        "lastChangedBy": run["requestedFor"],
        "orchestrationPlan": {"planId": timeline_id(run)},
        "logs": {"id": 0, "type": "Container", "url": f"{url}/logs"},
        "repository": _repository(emulator, run),
        "retainedByRelease": False,
        "triggeredByBuild": None,
        "appendCommitMessageToRunName": True,
        "templateParameters": run["parameters"],
    }
    # The service leaves out what is not known yet.
    return body | {name: run[name] for name in ("result", "startTime", "finishTime") if run[name] is not None}


def render_xaml_build(emulator: Emulator, run: Json) -> Json:
    """What build.complete carries for a subscription that asks for version 1.0."""
    project = render_project(emulator, project_by_id(emulator, run["org"], run["projectId"]))
    definition = _definition(emulator, run, project)
    url = build_url(emulator, run)
    return {
        "uri": build_uri(run),
        "id": run["id"],
        "buildNumber": run["buildNumber"],
        "url": url,
        "startTime": run["startTime"],
        "finishTime": run["finishTime"],
        "reason": run["reason"],
        "status": "stopped" if run["result"] == "canceled" else run["result"],
        "drop": {},
        "log": {},
        "sourceGetVersion": f"LG:{run['sourceBranch']}:{run['sourceVersion']}",
        "lastChangedBy": run["requestedFor"],
        "retainIndefinitely": False,
        "hasDiagnostics": False,
        "definition": {
            "batchSize": 1,
            "triggerType": "none",
            "definitionType": "Xaml",
            **{name: definition[name] for name in ("id", "name", "url")},
        },
        "queue": {"queueType": "buildController", **_QUEUE},
        "requests": [{"id": run["id"], "url": f"{url}/requests", "requestedFor": run["requestedFor"]}],
    }


def render_pipeline_reference(emulator: Emulator, run: Json) -> Json:
    number, revision = run["definitionId"], run["definitionRevision"]
    return {
        "url": f"{_project_url(emulator, run)}/_apis/pipelines/{number}?revision={revision}",
        "id": number,
        "revision": revision,
        "name": run["definitionName"],
        "folder": run["folder"],
    }


def run_url(emulator: Emulator, run: Json) -> str:
    return f"{_project_url(emulator, run)}/_apis/pipelines/{run['definitionId']}/runs/{run['id']}"


def render_resources(run: Json) -> Json:
    return {
        "repositories": {
            alias: {
                "repository": {"id": one["id"], "type": "azureReposGit"},
                "refName": one["refName"],
                "version": one["version"],
            }
            for alias, one in run["resources"].items()
        }
    }


def render_run(emulator: Emulator, run: Json) -> Json:
    url = run_url(emulator, run)
    body: Json = {
        "_links": {
            "self": {"href": url},
            "web": {"href": web_url(emulator, run)},
            "pipeline": {"href": render_pipeline_reference(emulator, run)["url"]},
        },
        "templateParameters": run["parameters"],
        "pipeline": render_pipeline_reference(emulator, run),
        "state": _STATES.get(run["status"], "inProgress"),
        "createdDate": run["queueTime"],
        "url": url,
        "resources": render_resources(run),
        "id": run["id"],
        "name": run["buildNumber"],
    }
    if run["result"] is not None:
        # A run knows no partial success.
        body["result"] = "succeeded" if run["result"] == "partiallySucceeded" else run["result"]
        body["finishedDate"] = run["finishTime"]
    public = {
        name: {
            "value": None if given.get("isSecret") else given["value"],
            "isSecret": bool(given.get("isSecret")),
        }
        for name, given in run["variables"].items()
    }
    return body | ({"variables": public} if public else {})
