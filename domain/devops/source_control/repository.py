"""Repository: the durable handle to source.

Its default branch becomes a `Branch` of its own by the reaction to RepositoryProvisioned (`branch.py`).
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from domain.devops.source_control import source_control
from domain.devops.source_control.git_names import BranchName, CheckName, ShortBranchName
from domain.kernel.aggregate import Aggregate, UniqueKey
from domain.kernel.command import Command
from domain.kernel.errors import Rejected, require
from domain.kernel.event import Event
from domain.kernel.values import Identifier, Model, ModuleId, derived_id, matching
from domain.kernel.work import Partition, Work
from domain.ports import GitProvider
from domain.provided import ProvidedHook, RepositoryHandle

RepositoryName = Annotated[
    str,
    Field(max_length=64),
    matching(
        r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9_-])?",
        "must be letters, digits, dots, dashes and underscores, the first no mark and the last no dot",
    ),
]
# A user name is part of what providers hand out (https://contoso@dev.azure.com/...), a password never.
RemoteUrl = Annotated[
    str,
    Field(max_length=2000),
    matching(
        r"(https?|ssh)://([^\s@/:]+@)?[^\s@/]+(/\S*)?", "must be an https or ssh URL without a password"
    ),
]

# The service hooks that keep the platform's picture true; `functions/webhooks.py` receives them.
HOOK_EVENTS = (
    "git.push",
    "git.pullrequest.created",
    "git.pullrequest.updated",
    "git.pullrequest.merged",
)


class RepositoryProvider(StrEnum):
    AZURE_DEVOPS = "AzureDevOps"
    GITHUB = "GitHub"


class Visibility(StrEnum):
    """As asked for; at Azure DevOps it is the project that has it, for all its repositories."""

    PRIVATE = "Private"
    INTERNAL = "Internal"
    PUBLIC = "Public"


class RepositoryStatus(StrEnum):
    """`Empty` until the default branch exists, then `Ready`."""

    EMPTY = "Empty"
    READY = "Ready"


class BranchProtection(Model):
    """A protected branch changes by pull request only, with these checks passed and so many approvals."""

    required_checks: tuple[CheckName, ...] = ()
    required_approvers: Annotated[int, Field(ge=0, le=10)] = 0

    @model_validator(mode="after")
    def _protects(self) -> Self:
        if not self.required_checks and not self.required_approvers:
            raise ValueError("must require at least one check or approver")
        return self


class RepositorySetting(Model):
    """One policy or configuration entry."""

    name: str
    value: str


class WebhookRegistration(Model):
    """A service hook at the provider that tells the platform of changes."""

    subscription_id: str
    event_type: str
    status: str


class ProvisionRepository(Command):
    """Have a repository of this name; without `initialize` it waits for its first push (an import)."""

    name: RepositoryName
    provider: RepositoryProvider = RepositoryProvider.AZURE_DEVOPS
    default_branch: ShortBranchName = "main"
    visibility: Visibility = Visibility.PRIVATE
    initialize: bool = True
    protection: BranchProtection | None = None


@source_control.event("Knowledge", "Observability")
class RepositoryProvisioned(Event):
    """A repository is ready for commits."""

    repository_id: Identifier
    name: str
    provider: RepositoryProvider
    remote_url: str
    default_branch: str
    head_commit_sha: str | None
    visibility: Visibility


@source_control.aggregate(prefix="repo", collection="repositories")
class Repository(Aggregate):
    immutable: ClassVar = {"provider": "provider is immutable after provisioning"}

    repository_id: Identifier
    module_id: ModuleId | None = None
    name: RepositoryName
    provider: RepositoryProvider
    remote_url: RemoteUrl
    default_branch: BranchName
    visibility: Visibility
    status: RepositoryStatus
    external_id: str
    settings: tuple[RepositorySetting, ...] = ()
    webhooks: tuple[WebhookRegistration, ...] = ()

    @staticmethod
    def id_for(partition: Partition, external_id: str) -> str:
        """Follows from the provider's own id, so that a service hook needs no look-up to find it."""
        return derived_id("repo", partition.tenant_id, partition.project_id, external_id)

    @property
    def handle(self) -> RepositoryHandle:
        return RepositoryHandle(Partition(self.tenant_id, self.project_id), self.external_id)

    def unique_keys(self) -> tuple[UniqueKey, ...]:
        return (name_key(self.name),)

    def provision(self, head_commit_sha: str | None) -> None:
        self.record(
            RepositoryProvisioned(
                repository_id=self.repository_id,
                name=self.name,
                provider=self.provider,
                remote_url=self.remote_url,
                default_branch=self.default_branch,
                head_commit_sha=head_commit_sha,
                visibility=self.visibility,
            )
        )

    def require_default_branch(self) -> None:
        require(
            self.status is RepositoryStatus.READY,
            f"default branch {self.default_branch} must exist before commits are accepted",
        )

    def observe_default_branch(self) -> None:
        """The default branch came by a push from outside: from now on commits are accepted."""
        self.status = RepositoryStatus.READY

    def observe_hooks(self, hooks: Sequence[ProvidedHook]) -> None:
        self.webhooks = registrations_of(hooks)

    @property
    def protection(self) -> BranchProtection | None:
        """The default branch's protection, as its settings have it."""
        checks = tuple(s.value for s in self.settings if s.name == "requiredCheck")
        approvers = sum(int(s.value) for s in self.settings if s.name == "requiredApprovers")
        if not checks and not approvers:
            return None
        return BranchProtection(required_checks=checks, required_approvers=approvers)


def registrations_of(hooks: Sequence[ProvidedHook]) -> tuple[WebhookRegistration, ...]:
    return tuple(
        WebhookRegistration(
            subscription_id=hook.subscription_id, event_type=hook.event_type, status=hook.status
        )
        for hook in hooks
    )


def name_key(name: str) -> UniqueKey:
    """Unique per tenant and project; letter case does not count, as at the providers."""
    return UniqueKey("repository-name", (name.casefold(),), f"a repository named {name} already exists")


def _settings(protection: BranchProtection | None) -> tuple[RepositorySetting, ...]:
    if protection is None:
        return ()
    checks = [RepositorySetting(name="requiredCheck", value=check) for check in protection.required_checks]
    approvers = RepositorySetting(name="requiredApprovers", value=str(protection.required_approvers))
    return (*checks, approvers)


@source_control.handler
async def provision_repository(command: ProvisionRepository, work: Work, git: GitProvider) -> None:
    require(command.provider == git.provider, f"provider {command.provider} is not connected")
    # Before the provider is touched: a second one of the name must not change the first one's policies.
    key = name_key(command.name)
    if await work.holder(key) is not None:
        raise Rejected(key.sentence)
    provided = await git.create_repository(
        work.partition,
        command.name,
        command.default_branch,
        initialize=command.initialize,
        operation_id=work.command_id,
    )
    repository = Repository(
        repository_id=Repository.id_for(work.partition, provided.external_id),
        module_id=work.envelope.module_id,
        name=command.name,
        provider=command.provider,
        remote_url=provided.remote_url,
        default_branch=command.default_branch,
        visibility=command.visibility,
        status=RepositoryStatus.EMPTY if provided.head_sha is None else RepositoryStatus.READY,
        external_id=provided.external_id,
        settings=_settings(command.protection),
    )
    work.add(repository)
    if command.protection is not None and provided.head_sha is not None:
        await git.protect_branch(
            repository.handle,
            command.default_branch,
            command.protection.required_checks,
            command.protection.required_approvers,
        )
    repository.observe_hooks(await git.register_hooks(repository.handle, HOOK_EVENTS))
    repository.provision(provided.head_sha)
