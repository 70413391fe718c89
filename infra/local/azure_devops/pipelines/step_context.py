"""What a running job and its steps share with the tasks that they run."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.pipelines.agent_process import LOOKUP
from infra.local.azure_devops.pipelines.agent_variables import Variables
from infra.local.azure_devops.pipelines.agent_workspace import Workspace
from infra.local.azure_devops.pipelines.cancellation import Cancellation
from infra.local.azure_devops.pipelines.logs import TaskLog
from infra.local.azure_devops.pipelines.model import Job, Pipeline, Stage, Step
from infra.local.azure_devops.pipelines.timeline import FAILED, SUCCEEDED, WITH_ISSUES, Timeline
from infra.local.emulation.state import Json

_ORDER = (SUCCEEDED, "skipped", WITH_ISSUES, FAILED, "canceled")


class StepFailed(Exception):
    """A task's own failure; the message is its error."""


@dataclass
class JobContext:
    """One attempt of a job on its agent. `status` is what its steps came to so far."""

    emulator: Emulator
    run: Json
    plan: Pipeline
    stage: Stage
    job: Job
    record: Json
    timeline: Timeline
    workspace: Workspace
    variables: Variables
    cancellation: Cancellation
    status: str = SUCCEEDED
    path_prefixes: list[str] = field(default_factory=list)

    @property
    def lookup(self) -> str:
        """The mark in the environment of everything that this job starts."""
        return f"{lookup_of(self.emulator)}{self.record['id']}"

    def environment(self) -> dict[str, str]:
        """Nothing of this process's own environment but where programs are."""
        interpreter = str(Path(sys.executable).parent)
        given = self.emulator.options.agent_environment
        path = given.get("PATH", os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin"))
        return {
            "LANG": "C.UTF-8",
            **given,
            **self.variables.environment(),
            "PATH": os.pathsep.join([*reversed(self.path_prefixes), interpreter, path]),
            "HOME": str(self.workspace.home),
            "TMPDIR": str(self.workspace.temporary),
            "TF_BUILD": "True",
            LOOKUP: self.lookup,
        }


def lookup_of(emulator: Emulator) -> str:
    # No path has two slashes in a row: the mark of /a is not the beginning of that of /a_b.
    return f"vsts_{emulator.options.data.resolve()}//"


@dataclass
class StepContext:
    """One step while it runs; `forced` is what a task.complete command made of it."""

    job: JobContext
    step: Step
    record: Json
    log: TaskLog
    cancellation: Cancellation
    forced: str | None = None
    uploads: list[tuple[str, str]] = field(default_factory=list)
    """artifact name and path, from artifact.upload; done when the process has ended"""

    @property
    def emulator(self) -> Emulator:
        return self.job.emulator

    @property
    def workspace(self) -> Workspace:
        return self.job.workspace

    def input(self, *names: str, default: str = "") -> str:
        """The first of these inputs that is given, with its macros expanded."""
        for name in names:
            value = self.step.inputs.get(name.lower())
            if value not in (None, ""):
                return self.job.variables.expand(_text(value))
        return default

    def flag(self, name: str, *, default: bool = False) -> bool:
        return self.input(name, default=str(default)).strip().lower() == "true"

    def environment(self) -> dict[str, str]:
        variables = self.job.variables
        own = {name: variables.expand(_text(value)) for name, value in self.step.env.items()}
        return {**self.job.environment(), **own}

    def warn(self, message: str) -> None:
        self.log.write(f"##[warning]{message}")
        self.issue("warning", message)

    def error(self, message: str) -> None:
        self.log.write(f"##[error]{message}")
        self.issue("error", message)

    def issue(self, kind: str, message: str, data: Mapping[str, str] | None = None) -> None:
        self.job.timeline.issue(self.record, kind, self.job.variables.mask(message), **(data or {}))

    def force(self, result: str) -> None:
        """The worst that was said stays."""
        if self.forced is None or _ORDER.index(result) > _ORDER.index(self.forced):
            self.forced = result

    def set_variable(self, name: str, value: str, *, secret: bool, output: bool) -> None:
        if output:
            name = f"{self.step.name}.{name}" if self.step.name else name
            self.job.record.setdefault("outputs", {})[name] = value
            self.job.timeline.put(self.job.record)
        self.job.variables.set(name, value, secret=secret)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
