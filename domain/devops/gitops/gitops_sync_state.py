"""GitOpsSyncState: the reconciliation state between an environment's branch and what runs there."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, ClassVar, override

from domain.devops.delivery.delivery_policy import DeliveryPolicy
from domain.devops.delivery.environments import EnvironmentName
from domain.devops.gitops import gitops
from domain.devops.gitops.judging import astray, no_agent, nothing_desired, status_of
from domain.devops.gitops.looking import Look, has_all, look_at
from domain.devops.gitops.sync_status import DriftRecord, Found, ReconciledResource, SyncStatus, reviewed
from domain.devops.release.arrangement import branch_of
from domain.devops.release.desired_state import gitops_repository
from domain.devops.source_control.git_names import CommitSha
from domain.devops.source_control.repository import Repository
from domain.kernel.aggregate import Aggregate
from domain.kernel.command import Command, Observation
from domain.kernel.errors import Rejected, require
from domain.kernel.event import Event
from domain.kernel.values import Identifier, Timestamp, derived_id, timestamp
from domain.kernel.work import Partition, Work
from domain.ports import GitOpsAgent, GitProvider, ManifestRenderer
from domain.provided import EnvironmentHandle

STALE_AFTER = timedelta(minutes=15)
MOST_TRAIL = 50


class SyncGitOps(Command):
    """Have the environment's agent bring what runs there to what its branch says. What is `automatic` does
    nothing where there is nothing to go by, or nobody to do it."""

    environment: EnvironmentName
    automatic: bool = False


class ObserveGitOps(Observation):
    """Look at an environment again: the head of its branch, its agent, what runs."""

    environment: EnvironmentName


@gitops.event("Runtime & Cloud", "Observability")
class GitOpsSynced(Event):
    """What runs was found to be what the branch says; `drift_corrected`: what had not been since the last."""

    sync_state_id: Identifier
    environment: str
    desired_commit_sha: CommitSha
    applied_commit_sha: CommitSha
    drift_corrected: tuple[str, ...] = ()
    synced_at: Timestamp


@gitops.aggregate(prefix="sync", collection="sync-states", id_field="sync_state_id")
class GitOpsSyncState(Aggregate):
    immutable: ClassVar = {"environment": "a sync state is of one environment"}

    sync_state_id: Identifier
    environment: EnvironmentName
    desired_commit_sha: CommitSha
    applied_commit_sha: CommitSha | None = None
    sync_status: SyncStatus = SyncStatus.OUT_OF_SYNC
    drift_detected: bool = False
    last_synced_at: Timestamp | None = None
    last_observed_at: Timestamp
    """Within a third of the time after which it is stale: a look that finds nothing new is not recorded."""
    message: str = ""
    trail: tuple[CommitSha, ...] = ()
    """What was desired since the applied commit, the oldest first; the last is what is desired now."""
    resources: tuple[ReconciledResource, ...] = ()
    drifts: tuple[DriftRecord, ...] = ()
    """The newest last."""
    drifts_seen: int = 0
    corrected: tuple[str, ...] = ()
    """What was found right again since the last GitOpsSynced."""
    confirmed_commit_sha: CommitSha | None = None
    """What the last GitOpsSynced was about."""
    awaited: bool = False
    """Whether a command waits for its GitOpsSynced."""

    @staticmethod
    def id_for(partition: Partition, environment: str) -> str:
        """Follows from the environment: that is what makes it the only one."""
        return derived_id("sync", partition.tenant_id, partition.project_id, environment)

    @property
    def drift_token(self) -> str:
        """What the agent is asked with to correct what drifted last: the same until something else does."""
        return derived_id("drift", self.sync_state_id, self.drifts_seen)

    @property
    def open_drifts(self) -> tuple[DriftRecord, ...]:
        return tuple(one for one in self.drifts if one.is_open)

    @override
    def shown(self, now: datetime) -> dict[str, Any]:
        """Nobody is told that all is well by a detector that does not run."""
        state = super().shown(now)
        if now - self.last_observed_at <= STALE_AFTER:
            return state
        since = f"not observed since {timestamp(self.last_observed_at)}, when it was {self.sync_status}"
        return {**state, "syncStatus": "Stale", "message": since}

    def desire(self, head: str, *, has_grown: bool) -> None:
        """The branch is at this commit; where it was rewritten, the way begins anew."""
        if head == self.desired_commit_sha:
            return
        self.desired_commit_sha = head
        self.trail = (*self.trail, head)[-MOST_TRAIL:] if has_grown else (head,)
        if head == self.applied_commit_sha:
            self.trail = ()

    def advance(self, applied: str, *, is_between: bool = False) -> None:
        """The agent has applied a commit on the way; `is_between`: one that no look has seen at the head."""
        if applied in self.trail:
            self.trail = self.trail[self.trail.index(applied) + 1 :]
        else:
            require(is_between, astray(applied, self.applied_commit_sha, self.desired_commit_sha))
            self.trail = (self.desired_commit_sha,)
        self.applied_commit_sha = applied

    def observe(self, look: Look, now: datetime) -> bool:
        """Take over what was found; True where something has drifted that had not before."""
        before, seen, was = self.state(), self.drifts_seen, self.sync_status
        if look.head is not None:
            self.desire(look.head, has_grown=look.has_grown)
        if look.applied is not None:
            self._take_over(look.applied, look, now)
        if look.found is not None:
            self._review(look.found, now, of_resources=True)
        if look.sync is not None and look.applied == self.applied_commit_sha:
            self.resources = look.resources
        self.sync_status, self.message = status_of(look, self.environment, self.open_drifts)
        if self.sync_status is SyncStatus.SYNCED:
            self._confirm(was, now)
        self._observed(before, now)
        return self.drifts_seen > seen

    def refuse(self, sentence: str, now: datetime) -> None:
        """What is desired can't even be looked at."""
        before = self.state()
        self.sync_status, self.message = SyncStatus.DEGRADED, sentence
        self._observed(before, now)

    def _observed(self, before: str, now: datetime) -> None:
        if self.state() != before or now - self.last_observed_at >= STALE_AFTER / 3:
            self.last_observed_at = now

    def _take_over(self, applied: str, look: Look, now: datetime) -> None:
        """Only on the way to what is desired; whatever else is applied has drifted."""
        found: Found = {}
        if applied != self.applied_commit_sha:
            try:
                self.advance(applied, is_between=look.is_between)
            except Rejected as refused:
                found = {None: refused.sentence}
        self._review(found, now, of_resources=False)

    def _review(self, found: Found, now: datetime, *, of_resources: bool) -> None:
        review = reviewed(self.drifts, found, now, of_resources=of_resources)
        self.drifts = review.records
        self.drifts_seen += review.new
        self.corrected = tuple(dict.fromkeys((*self.corrected, *review.corrected)))
        self.drift_detected = bool(self.open_drifts)

    def _confirm(self, was: SyncStatus, now: datetime) -> None:
        """What runs is what is desired: a fact where it is news, or a command's result."""
        if was is not SyncStatus.SYNCED:
            self.last_synced_at = now
        if not (self.awaited or self.corrected or self.confirmed_commit_sha != self.desired_commit_sha):
            return
        assert self.applied_commit_sha is not None
        self.record(
            GitOpsSynced(
                sync_state_id=self.sync_state_id,
                environment=self.environment,
                desired_commit_sha=self.desired_commit_sha,
                applied_commit_sha=self.applied_commit_sha,
                drift_corrected=self.corrected,
                synced_at=now,
            )
        )
        self.confirmed_commit_sha, self.last_synced_at = self.desired_commit_sha, now
        self.corrected, self.awaited = (), False


def _begun(environment: str, head: str | None, work: Work) -> GitOpsSyncState:
    assert head is not None
    state = GitOpsSyncState(
        sync_state_id=GitOpsSyncState.id_for(work.partition, environment),
        environment=environment,
        desired_commit_sha=head,
        trail=(head,),
        last_observed_at=work.now,
    )
    work.add(state)
    return state


@gitops.handler
async def sync_git_ops(
    command: SyncGitOps, work: Work, git: GitProvider, agent: GitOpsAgent, renderer: ManifestRenderer
) -> None:
    if command.automatic and not await has_all(command.environment, work, git, agent):
        return
    name = (await DeliveryPolicy.of(work)).environment(command.environment).name
    repository, environment = (await gitops_repository(work)).handle, EnvironmentHandle(work.partition, name)
    state = await work.find(GitOpsSyncState, GitOpsSyncState.id_for(work.partition, name))
    head = await git.branch_head(repository, branch_of(name))
    require(head is not None, nothing_desired(name))
    await agent.reconcile(environment, token=work.command_id)
    look = await look_at(environment, repository, state, git, agent, renderer, token=work.command_id)
    require(look.head is not None, nothing_desired(name))
    require(look.sync is not None, no_agent(name))
    state = state or _begun(name, look.head, work)
    state.awaited = True
    state.observe(look, work.now)
    if state.awaited:
        work.join(state)


@gitops.handler
async def observe_git_ops(
    command: ObserveGitOps, work: Work, git: GitProvider, agent: GitOpsAgent, renderer: ManifestRenderer
) -> None:
    id = (await DeliveryPolicy.of(work)).gitops_repository_id
    repository = await work.find(Repository, id) if id is not None else None
    if repository is None:
        return  # nothing says any more what is desired
    environment = EnvironmentHandle(work.partition, command.environment)
    state = await work.find(GitOpsSyncState, GitOpsSyncState.id_for(work.partition, command.environment))
    try:
        look = await look_at(environment, repository.handle, state, git, agent, renderer)
    except Rejected as refused:
        if state is not None:
            state.refuse(refused.sentence, work.now)
        return
    if state is None:
        if look.head is None:
            return  # nothing was promoted to it yet
        state = _begun(command.environment, look.head, work)
    if state.observe(look, work.now):
        with suppress(Rejected):  # it has just lost its agent, as the next look will say
            await agent.reconcile(environment, token=state.drift_token)
