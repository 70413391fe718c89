"""Runs as documents: a run of a pipeline and a build are the same thing under two names."""

from __future__ import annotations

from pathlib import Path

from infra.local.azure_devops import clock
from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.errors import ApiError, not_found
from infra.local.azure_devops.projects import project_of
from infra.local.azure_devops.routing import Call
from infra.local.emulation.state import Json

NOT_STARTED, IN_PROGRESS, CANCELLING, COMPLETED = "notStarted", "inProgress", "cancelling", "completed"


def scope_of(run: Json) -> str:
    """Under which everything that belongs to one run is kept."""
    return f"{run['projectId']}/{run['id']}"


def save_run(emulator: Emulator, run: Json) -> None:
    run["lastChangedDate"] = clock.now()
    emulator.state.put("run", run["projectId"], str(run["id"]), run)


def find_run(emulator: Emulator, project_id: str, run_id: int | str) -> Json | None:
    return emulator.state.get("run", project_id, str(run_id))


def read_run(emulator: Emulator, run: Json) -> Json:
    """The run as it is now; others may have changed it meanwhile."""
    return find_run(emulator, run["projectId"], run["id"]) or run


def build_of(call: Call) -> Json:
    found = find_run(call.emulator, project_of(call)["id"], call.params["build"])
    if found is None:
        raise not_found(
            "BuildNotFoundException", f"The requested build {call.params['build']} could not be found."
        )
    return found


def definition_of(call: Call) -> Json:
    found = call.emulator.state.get("pipeline", project_of(call)["id"], call.params["pipeline"])
    if found is None:
        raise ApiError(
            404,
            "PipelineNotFoundException",
            f"Pipeline with id {call.params['pipeline']} could not be found.",
        )
    return found


def build_url(emulator: Emulator, run: Json) -> str:
    return f"{emulator.base_url}/{run['org']}/{run['projectId']}/_apis/build/Builds/{run['id']}"


def run_directory(emulator: Emulator, kind: str, run: Json) -> Path:
    """Where the logs or the artifacts of a run are on disk."""
    return emulator.options.data / kind / str(run["projectId"]) / str(run["id"])
