"""Branch: a named branch with base commit and policy bindings, reconciled with the provider."""

from collections.abc import Sequence
from enum import StrEnum

from domain.devops.source_control import source_control
from domain.devops.source_control.git_names import BranchName, CommitSha, ShortBranchName
from domain.devops.source_control.repository import BranchProtection, Repository
from domain.kernel.aggregate import Aggregate
from domain.kernel.command import Command, Observation
from domain.kernel.errors import NotFound, require
from domain.kernel.event import Event
from domain.kernel.values import Identifier, Model, derived_id
from domain.kernel.work import Work
from domain.ports import GitProvider
from domain.provided import ProvidedPolicy


class BranchStatus(StrEnum):
    ACTIVE = "Active"
    DELETED = "Deleted"


class BranchPolicyBinding(Model):
    """A policy of the provider that guards the branch; `setting` is its check or its number of approvers."""

    policy_id: str
    kind: str
    setting: str


class CreateBranch(Command):
    """Have a branch that starts at a commit."""

    repository_id: Identifier
    name: ShortBranchName
    from_commit_sha: CommitSha
    protection: BranchProtection | None = None


class ObserveBranch(Observation):
    """Something was pushed to the branch, or it was deleted: read its head again."""

    repository_id: Identifier
    name: str


@source_control.event()
class BranchCreated(Event):
    """A branch exists from a base commit."""

    branch_id: Identifier
    repository_id: Identifier
    name: str
    from_commit_sha: str
    is_protected: bool


@source_control.aggregate(prefix="branch", collection="branches")
class Branch(Aggregate):
    branch_id: Identifier
    repository_id: Identifier
    name: BranchName
    from_commit_sha: CommitSha
    head_commit_sha: CommitSha
    is_protected: bool = False
    status: BranchStatus = BranchStatus.ACTIVE
    policy_bindings: tuple[BranchPolicyBinding, ...] = ()

    @staticmethod
    def id_for(repository_id: str, name: str) -> str:
        """Follows from repository and name: that is what makes the name unique per repository."""
        return derived_id("branch", repository_id, name)

    def bind(self, policies: Sequence[ProvidedPolicy]) -> None:
        """Take over the policies that the provider has on it now; a branch with any is protected."""
        self.is_protected = bool(policies)
        self.policy_bindings = tuple(
            BranchPolicyBinding(policy_id=policy.policy_id, kind=policy.kind, setting=policy.setting)
            for policy in policies
        )

    def create(self) -> None:
        self.record(
            BranchCreated(
                branch_id=self.branch_id,
                repository_id=self.repository_id,
                name=self.name,
                from_commit_sha=self.from_commit_sha,
                is_protected=self.is_protected,
            )
        )

    def require_direct_commits(self) -> None:
        require(self.status is BranchStatus.ACTIVE, f"branch {self.name} is deleted")
        require(
            not self.is_protected,
            f"branch {self.name} is protected: it changes by pull request with passing checks",
        )

    def observe_head(self, head: str | None) -> None:
        """The provider's word on where the branch is now; None: it is gone."""
        if head is None:
            self.status = BranchStatus.DELETED
        else:
            self.status, self.head_commit_sha = BranchStatus.ACTIVE, head


@source_control.handler
async def create_branch(command: CreateBranch, work: Work, git: GitProvider) -> None:
    repository = await work.get(Repository, command.repository_id)
    repository.require_default_branch()
    branch_id = Branch.id_for(command.repository_id, command.name)
    existing = await work.find(Branch, branch_id)
    require(
        existing is None or existing.status is BranchStatus.DELETED,
        f"branch {command.name} already exists in repository {repository.name}",
    )
    head = await git.create_branch(repository.handle, command.name, command.from_commit_sha)
    if existing is None:
        branch = Branch(
            branch_id=branch_id,
            repository_id=command.repository_id,
            name=command.name,
            from_commit_sha=command.from_commit_sha,
            head_commit_sha=head,
        )
        work.add(branch)
    else:
        branch = existing
        branch.from_commit_sha = command.from_commit_sha
        branch.observe_head(head)
    # Policies hang on the name: what a deleted branch of this name left behind is replaced, too.
    if command.protection is not None or branch.is_protected:
        branch.bind(await _protected(git, repository, command.name, command.protection))
    branch.create()


async def _protected(
    git: GitProvider, repository: Repository, name: str, protection: BranchProtection | None
) -> Sequence[ProvidedPolicy]:
    checks = () if protection is None else protection.required_checks
    approvers = 0 if protection is None else protection.required_approvers
    return await git.protect_branch(repository.handle, name, checks, approvers)


async def branch_named(work: Work, repository_id: str, name: str) -> Branch:
    """The branch by its name. Raises `NotFound`: its CreateBranch may still be on its way."""
    branch = await work.find(Branch, Branch.id_for(repository_id, name))
    if branch is None:
        raise NotFound("branch", name)
    return branch


@source_control.handler
async def observe_branch(command: ObserveBranch, work: Work, git: GitProvider) -> None:
    repository = await work.find(Repository, command.repository_id)
    if repository is None:
        return
    branch = await work.find(Branch, Branch.id_for(command.repository_id, command.name))
    head = await git.branch_head(repository.handle, command.name)
    if branch is not None:
        branch.observe_head(head)
    elif head is not None and command.name == repository.default_branch:
        await _observe_default_branch(work, git, repository, head)


async def _observe_default_branch(work: Work, git: GitProvider, repository: Repository, head: str) -> None:
    """The default branch is there for the first time: made with the repository, or pushed from outside. It
    has no BranchCreated, for it comes from no base commit; RepositoryProvisioned told of it."""
    branch = Branch(
        branch_id=Branch.id_for(repository.repository_id, repository.default_branch),
        repository_id=repository.repository_id,
        name=repository.default_branch,
        from_commit_sha=head,
        head_commit_sha=head,
    )
    if repository.protection is not None:
        branch.bind(await _protected(git, repository, branch.name, repository.protection))
    work.add(branch)
    repository.observe_default_branch()
