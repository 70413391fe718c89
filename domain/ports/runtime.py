"""Environments: what renders manifests, brings them there, and tells how it goes."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from domain.kernel.work import Partition
from domain.provided import (
    EnvironmentHandle,
    ProvidedDrift,
    ProvidedProbe,
    ProvidedRollout,
    ProvidedSync,
)


class ManifestRenderer(Protocol):
    """Real tools that turn sources into Kubernetes manifests. Pure: the same files give the same bytes."""

    async def kustomize(self, files: Mapping[str, bytes], directory: str) -> bytes:
        """Build the kustomization of a directory among the files (by path). Raises `Rejected` with the
        tool's own words where it can't be built."""

    async def helm(
        self,
        files: Mapping[str, bytes],
        chart: str,
        *,
        release: str,
        namespace: str,
        values: Sequence[str],
        settings: Mapping[str, str],
    ) -> bytes:
        """Template the chart of a directory among the files, with value files by path, the last one winning,
        and single settings over them (`image.tag` is the tag below image). Raises `Rejected` as above, and
        where Helm is not installed."""


class GitOpsAgent(Protocol):
    """What keeps an environment as its branch of the GitOps repository has it: Flux or Argo CD."""

    async def reconcile(self, environment: EnvironmentHandle, *, token: str) -> None:
        """Ask it to fetch and apply now; the same token again asks for nothing more. Raises `Rejected` where
        the environment has no agent."""

    async def sync(self, environment: EnvironmentHandle) -> ProvidedSync | None:
        """What it has come to; None where the environment has no agent."""

    async def drift(
        self, environment: EnvironmentHandle, desired: Sequence[Mapping[str, Any]]
    ) -> Sequence[ProvidedDrift]:
        """What runs otherwise than the desired objects say (as Kubernetes has them); changes nothing."""


class Workloads(Protocol):
    """What runs in an environment."""

    async def rollout(self, environment: EnvironmentHandle, deployment: str) -> ProvidedRollout | None:
        """How the Deployment comes along; None where there is none of that name."""


class HealthProbe(Protocol):
    """Asks an HTTP endpoint how it is."""

    async def get(self, url: str, timeout_seconds: float) -> ProvidedProbe:
        """One GET, redirects not followed. Raises `Rejected` for a host that the platform may not ask."""


class MetricSource(Protocol):
    """Metrics of what runs."""

    async def query(self, partition: Partition, query: str) -> float | None:
        """The value of a query that gives one; None where there is no data. Raises `Rejected` for a query
        that is none, or gives more than one value."""
