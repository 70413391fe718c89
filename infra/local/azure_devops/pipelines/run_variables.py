"""The predefined variables of a run, of its agent and of a job."""

from __future__ import annotations

import platform
from collections.abc import Mapping

from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.errors import ApiError
from infra.local.azure_devops.pipelines.model import Pipeline
from infra.local.azure_devops.pipelines.step_context import JobContext
from infra.local.azure_devops.pipelines.timeline import timeline_id
from infra.local.azure_devops.projects import project_by_id
from infra.local.azure_devops.repositories import render_repository, repository_by_id
from infra.local.emulation.state import Json

_REASONS = {"manual": "Manual", "individualCI": "IndividualCI", "pullRequest": "PullRequest"}


def predefined(emulator: Emulator, run: Json) -> dict[str, str]:
    project = project_by_id(emulator, run["org"], run["projectId"])
    branch, who = str(run["sourceBranch"]), run["requestedFor"]
    collection = f"{emulator.base_url}/{run['org']}/"
    found = {
        "Build.BuildId": str(run["id"]),
        "Build.BuildNumber": str(run.get("buildNumber") or ""),
        "Build.BuildUri": f"vstfs:///Build/Build/{run['id']}",
        "Build.ContainerId": str(run["id"]),
        "Build.DefinitionName": str(run["definitionName"]),
        "Build.DefinitionVersion": str(run["definitionRevision"]),
        "Build.QueuedBy": who["displayName"],
        "Build.QueuedById": who["id"],
        "Build.Reason": _REASONS.get(run["reason"], str(run["reason"])),
        "Build.RequestedFor": who["displayName"],
        "Build.RequestedForId": who["id"],
        "Build.RequestedForEmail": who["uniqueName"],
        "Build.SourceBranch": branch,
        "Build.SourceBranchName": branch.rpartition("/")[2],
        "Build.SourceVersion": str(run["sourceVersion"]),
        "Build.Repository.ID": str(run["repositoryId"]),
        "Build.Repository.Provider": "TfsGit",
        "Build.Repository.Clean": "True",
        "System.CollectionUri": collection,
        "System.TeamFoundationCollectionUri": collection,
        "System.TaskDefinitionsUri": collection,
        "System.DefinitionId": str(run["definitionId"]),
        "System.DefinitionName": str(run["definitionName"]),
        "System.HostType": "build",
        "System.TeamProject": str(project["name"]),
        "System.TeamProjectId": str(project["id"]),
        "System.PlanId": timeline_id(run),
        "System.TimelineId": timeline_id(run),
        "System.IsScheduled": "False",
        "TF_BUILD": "True",
    }
    try:
        repository = render_repository(emulator, repository_by_id(emulator, run["repositoryId"]))
    except ApiError:
        return found  # it was deleted meanwhile; checkout will say so
    found["Build.Repository.Name"] = repository["name"]
    found["Build.Repository.Uri"] = repository["remoteUrl"]
    return found


def run_variables(emulator: Emulator, run: Json, plan: Pipeline) -> dict[str, tuple[str, bool]]:
    """Value and secrecy by name: predefined, the pipeline's own, and over them those of the request."""
    found = {name: (value, False) for name, value in predefined(emulator, run).items()}
    found |= {name: (value, False) for name, value in plan.variables.items()}
    for name, given in run["variables"].items():
        found[name] = (str(given["value"]), bool(given.get("isSecret")))
    found["System.AccessToken"] = (emulator.options.pat, True)
    return found


def plain(variables: Mapping[str, tuple[str, bool]]) -> dict[str, str]:
    return {name: value for name, (value, _) in variables.items()}


def agent_variables(context: JobContext) -> dict[str, str]:
    stage, job, record = context.stage, context.job, context.record
    found = {
        "Agent.Id": "1",
        "Agent.JobName": job.display_name,
        "Agent.JobStatus": "Succeeded",
        "Agent.MachineName": platform.node(),
        "Agent.Name": "local",
        "Agent.OS": platform.system(),
        "Agent.OSArchitecture": "X64" if platform.machine() == "x86_64" else platform.machine().upper(),
        "System.JobAttempt": str(record["attempt"]),
        "System.JobDisplayName": job.display_name,
        "System.JobId": record["id"],
        "System.JobName": job.name,
        "System.PhaseAttempt": str(record["attempt"]),
        "System.PhaseDisplayName": job.display_name,
        "System.PhaseName": job.name,
        "System.StageAttempt": str((context.timeline.find("Stage", stage.name) or record)["attempt"]),
        "System.StageDisplayName": stage.display_name,
        "System.StageName": stage.name,
    }
    if job.environment is not None:
        found["Environment.Name"] = job.environment
    return found
