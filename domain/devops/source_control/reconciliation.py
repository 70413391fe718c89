"""Reconciliation: what a lost service hook may have hidden is found by asking the provider."""

from collections.abc import Sequence
from datetime import datetime

from domain.devops.source_control import source_control
from domain.devops.source_control.branch import ObserveBranch
from domain.devops.source_control.pull_request_observation import ObservePullRequest
from domain.devops.source_control.repository import HOOK_EVENTS, Repository, RepositoryStatus
from domain.kernel.command import Observation
from domain.kernel.values import Identifier
from domain.kernel.work import Work
from domain.ports import GitProvider


class ObserveRepository(Observation):
    """See that the repository's service hooks and policies are as they should be, and mend what is not."""

    repository_id: Identifier


@source_control.handler
async def observe_repository(command: ObserveRepository, work: Work, git: GitProvider) -> None:
    repository = await work.find(Repository, command.repository_id)
    if repository is None:
        return
    repository.observe_hooks(await git.register_hooks(repository.handle, HOOK_EVENTS))
    if repository.protection is not None and repository.status is RepositoryStatus.READY:
        await git.protect_branch(
            repository.handle,
            repository.default_branch,
            repository.protection.required_checks,
            repository.protection.required_approvers,
        )


async def observations_due(
    repository: Repository, since: datetime, git: GitProvider
) -> Sequence[Observation]:
    """Everything of a repository that may have changed since: one observation each."""
    numbers, branches = await git.changed_since(repository.handle, since)
    id = repository.repository_id
    return [
        ObserveRepository(repository_id=id),
        *(ObservePullRequest(repository_id=id, number=number, adopt=True) for number in numbers),
        *(ObserveBranch(repository_id=id, name=name) for name in branches),
    ]
