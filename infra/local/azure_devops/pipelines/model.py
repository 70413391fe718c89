"""A pipeline as it runs: what the YAML comes to once templates, parameters and expressions are expanded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Step:
    """One step. `kind` is bash, script, task, checkout, publish or download.

    `target` is the script's text, `Name@1` of a task, or the name of what is checked out, published or
    downloaded; `inputs` are a task's inputs (names in lower case) and the other keys of a shortcut.
    """

    kind: str
    target: str
    display_name: str
    name: str | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    condition: str | None = None
    continue_on_error: bool = False
    enabled: bool = True
    timeout_minutes: float | None = None
    working_directory: str | None = None


@dataclass(frozen=True)
class Job:
    """`depends_on` names jobs of the same stage; `environment` is that of a deployment job."""

    name: str
    display_name: str
    steps: Sequence[Step]
    depends_on: Sequence[str] = ()
    condition: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    timeout_minutes: float = 60.0
    continue_on_error: bool = False
    environment: str | None = None


@dataclass(frozen=True)
class Stage:
    """`depends_on` names stages; by default the one before."""

    name: str
    display_name: str
    jobs: Sequence[Job]
    depends_on: Sequence[str] = ()
    condition: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Trigger:
    """Which pushes start a run. `enabled` is False for `trigger: none`; no branches means all of them."""

    enabled: bool = True
    include_branches: Sequence[str] = ()
    exclude_branches: Sequence[str] = ()
    include_paths: Sequence[str] = ()
    exclude_paths: Sequence[str] = ()


@dataclass(frozen=True)
class Repository:
    """A repository resource: its alias in the YAML, and what it was resolved to."""

    alias: str
    project: str
    name: str
    repository_id: str
    ref: str
    version: str
    """commit"""


@dataclass(frozen=True)
class Pipeline:
    """`name` is the format of the build number; `final_yaml` is the whole as a preview run shows it."""

    stages: Sequence[Stage]
    name: str | None
    variables: Mapping[str, str]
    parameters: Mapping[str, Any]
    trigger: Trigger
    repositories: Sequence[Repository]
    final_yaml: str


class PipelineInvalid(Exception):
    """The YAML can't be run; the message is what the service answers, with file, line and column if known."""
