"""Stacks and what an infrastructure engine did to them, in the terms of the `InfrastructureEngine` port."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.kernel.work import Partition


@dataclass(frozen=True)
class StackHandle:
    """A stack at its engine. `engine` is a word of `IaCEngine`: Pulumi or Bicep. `name` is, for Pulumi,
    `project/stack` (the organization is the platform's setting), for Bicep the resource group."""

    partition: Partition
    environment: str
    engine: str
    name: str


@dataclass(frozen=True)
class ProvidedProgram:
    """What the stack is to be made from: a folder of a Git repository at a commit. `template` is the ARM
    template that a Bicep program was compiled to, None for Pulumi, which fetches the program itself."""

    remote_url: str
    commit_sha: str
    directory: str
    template: bytes | None = None


@dataclass(frozen=True)
class ProvidedStack:
    """A stack as the engine has it now; `version` counts the changes of its state."""

    version: int
    outputs: Mapping[str, str] = field(default_factory=dict)
    """Those that are no secrets; what is no text is JSON."""


@dataclass(frozen=True)
class ProvidedChange:
    """One resource in a run. `operation`: create, update, replace, delete, or same."""

    urn: str
    type: str
    name: str
    operation: str
    properties: tuple[str, ...] = ()
    """Names of those that change."""


@dataclass(frozen=True)
class ProvidedInfrastructureRun:
    """A preview, an update or a look for drift. `status`: running, succeeded, failed, canceled, or busy where
    nothing was done because somebody else's update had the stack: begin it anew, with another id."""

    run_id: str
    operation: str
    status: str
    message: str
    """What went wrong, in the engine's words; empty while nothing did."""
    base_version: int | None
    """The version of the stack's state that it began from."""
    changes: tuple[ProvidedChange, ...] = ()
    """What it did or, of a preview, would do; of a look for drift, what would repair it. Without `same`."""
