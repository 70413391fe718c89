"""One look at an environment: its branch, its agent, and, where the agent is done, all that runs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from domain.devops.delivery.delivery_policy import DeliveryPolicy
from domain.devops.gitops.desired_objects import desired_objects
from domain.devops.gitops.sync_status import Found, ReconciledResource
from domain.devops.release.arrangement import branch_of
from domain.devops.release.desired_state import gitops_repository
from domain.kernel.errors import Rejected
from domain.kernel.work import Work
from domain.ports import GitOpsAgent, GitProvider, ManifestRenderer
from domain.provided import EnvironmentHandle, ProvidedDrift, ProvidedSync, RepositoryHandle

MOST_RESOURCES = 500


class Known(Protocol):
    """What was known before the look."""

    @property
    def desired_commit_sha(self) -> str: ...
    @property
    def applied_commit_sha(self) -> str | None: ...
    @property
    def trail(self) -> Sequence[str]: ...


@dataclass(frozen=True)
class Look:
    head: str | None
    """The branch's; None where there is no such branch."""
    sync: ProvidedSync | None
    """The agent's word; None where the environment has no agent."""
    has_grown: bool = True
    """Whether the branch still has what was desired before."""
    is_between: bool = False
    """Whether the applied commit, though nobody has seen it at the branch's head, lies on the branch's way
    from what was applied before."""
    drifts: Sequence[ProvidedDrift] | None = None
    """None where it was not looked for: before the agent is done everything is on its way."""
    problem: str | None = None
    """Why what runs could not be compared with what is desired."""
    token: str | None = None
    """What the agent was asked with just before."""

    @property
    def applied(self) -> str | None:
        return self.sync.applied_sha if self.sync is not None else None

    @property
    def resources(self) -> tuple[ReconciledResource, ...]:
        """What the agent says that it has applied."""
        provided = self.sync.resources if self.sync is not None else ()
        return tuple(map(ReconciledResource.of, provided[:MOST_RESOURCES]))

    @property
    def found(self) -> Found | None:
        """What has drifted, where that was looked for."""
        if self.drifts is None:
            return None
        return {ReconciledResource.of(one.resource): one.change for one in self.drifts}

    @property
    def is_applied(self) -> bool:
        """Whether the agent says that it is done."""
        return self.sync is not None and self.sync.ready is True and self.applied == self.head

    @property
    def is_pending(self) -> bool:
        """Whether the agent has not come to what it was asked for: its word may be of before."""
        return self.sync is not None and self.token not in (None, self.sync.handled_token)


async def has_all(name: str, work: Work, git: GitProvider, agent: GitOpsAgent) -> bool:
    """Whether there is all that an environment is synced by: its place on the path, its branch, its agent."""
    policy = await DeliveryPolicy.of(work)
    if policy.gitops_repository_id is None or name not in {one.name for one in policy.environments}:
        return False
    repository = (await gitops_repository(work)).handle
    if await git.branch_head(repository, branch_of(name)) is None:
        return False
    return await agent.sync(EnvironmentHandle(work.partition, name)) is not None


async def look_at(
    environment: EnvironmentHandle,
    repository: RepositoryHandle,
    known: Known | None,
    git: GitProvider,
    agent: GitOpsAgent,
    renderer: ManifestRenderer,
    *,
    token: str | None = None,
) -> Look:
    """`token` is what the agent was just asked with. Raises `Rejected` where the repository is gone."""
    # In this order: what the agent has applied is then never newer than the head.
    sync = await agent.sync(environment)
    head = await git.branch_head(repository, branch_of(environment.environment))
    look = Look(head, sync, token=token)
    if head is None:
        return look
    if known is not None and not await _contains(head, known.desired_commit_sha, repository, git):
        look = replace(look, has_grown=False)
    look = replace(look, is_between=await _is_between(look, head, known, repository, git))
    if not look.is_applied:
        return look
    try:
        desired = await desired_objects(repository, environment.environment, head, git, renderer)
        drifts = await agent.drift(environment, desired)
    except Rejected as refused:
        return replace(look, problem=refused.sentence)
    # What was compared may have been the work of the agent, at the next commit already.
    is_ours = not drifts or await agent.sync(environment) == sync
    return replace(look, drifts=drifts if is_ours else None)


async def _is_between(
    look: Look, head: str, known: Known | None, repository: RepositoryHandle, git: GitProvider
) -> bool:
    applied, before = look.applied, known.applied_commit_sha if known is not None else None
    if applied in (None, head, before) or (known is not None and applied in known.trail):
        return False
    assert applied is not None
    if not await _contains(head, applied, repository, git):
        return False
    return before is None or await _contains(applied, before, repository, git)


async def _contains(head: str, sha: str, repository: RepositoryHandle, git: GitProvider) -> bool:
    """Whether a commit is the other or has grown from it: then the other has nothing beyond it."""
    if head == sha:
        return True
    try:
        beyond = await git.contributions(repository, sha, head)
    except Rejected:
        return False  # a commit that is nowhere, or nowhere any more
    return not (beyond.authors or beyond.pull_requests)
