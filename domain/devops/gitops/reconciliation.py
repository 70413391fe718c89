"""Reconciliation: no hook tells what an agent does, or what somebody changes in a cluster: a timer looks."""

from collections.abc import Sequence

from domain.devops.delivery.delivery_policy import DeliveryPolicy
from domain.devops.gitops.gitops_sync_state import ObserveGitOps
from domain.kernel.command import Observation
from domain.kernel.work import Partition


async def sync_observations_due(partition: Partition, policy: DeliveryPolicy) -> Sequence[Observation]:
    """One for each environment on the project's path, where environments have branches at all."""
    if policy.gitops_repository_id is None:
        return []
    return [ObserveGitOps(environment=one.name) for one in policy.environments]
