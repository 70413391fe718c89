"""What runs in an environment, in the terms of the ports that look at it."""

from dataclasses import dataclass

from domain.kernel.work import Partition


@dataclass(frozen=True)
class EnvironmentHandle:
    """One environment of a project: no two share a place where anything runs."""

    partition: Partition
    environment: str


@dataclass(frozen=True)
class ProvidedResource:
    """An object in an environment. `namespace` is empty for what has none."""

    api_version: str
    kind: str
    namespace: str
    name: str


@dataclass(frozen=True)
class ProvidedSync:
    """What the GitOps agent of an environment has come to."""

    desired_sha: str | None
    """The commit that the agent has fetched; None before its first."""
    applied_sha: str | None
    """The commit that it last applied as a whole, and found healthy."""
    handled_token: str | None
    """The token of the last request to reconcile that it has carried out, whatever came of it."""
    ready: bool | None
    """True: what is applied is healthy. False: the last attempt failed. None: it is under way, or it is not
    known yet."""
    message: str
    """The agent's own words."""
    resources: tuple[ProvidedResource, ...] = ()
    """What it has applied."""


@dataclass(frozen=True)
class ProvidedDrift:
    """An object that is not as it was applied. `change` is a sentence: what differs, or that it is gone."""

    resource: ProvidedResource
    change: str


@dataclass(frozen=True)
class ProvidedRollout:
    """A workload on its way to what is asked of it. `state`: progressing, complete or failed."""

    state: str
    message: str


@dataclass(frozen=True)
class ProvidedProbe:
    """What an HTTP endpoint answered; `status` is None where there was no answer, for the `problem` named."""

    status: int | None
    milliseconds: int
    problem: str | None = None
