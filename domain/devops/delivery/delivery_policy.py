"""DeliveryPolicy: how a project ships. One per project; a project without one goes by its defaults."""

import hashlib
import json
from enum import StrEnum
from typing import Annotated, Any, Protocol, Self

from pydantic import ConfigDict, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from domain.devops.delivery import delivery
from domain.devops.delivery.deployment_policy import FreezeWindow
from domain.devops.delivery.environments import (
    NOT_EMPTY,
    PATH,
    EnvironmentName,
    EnvironmentPolicy,
    ReleasePolicy,
)
from domain.devops.delivery.identities import ApproverGroup, Delegation, KnownIdentity, People
from domain.devops.delivery.validation import Problem, problems
from domain.kernel.aggregate import Aggregate
from domain.kernel.command import Setting
from domain.kernel.errors import Rejected, require
from domain.kernel.values import Identifier, Model, derived_id, matching
from domain.kernel.work import Partition, Work

FeedReference = Annotated[
    str,
    Field(max_length=64),
    matching(
        r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?",
        "must be letters, digits, dots, dashes and underscores, the first and last no mark",
    ),
]


class ReactionSwitch(StrEnum):
    """What the platform does by itself unless it is switched off here."""

    GENERATE_PIPELINE = "generatePipeline"
    RUN_PIPELINE = "runPipeline"
    PLAN_RELEASE = "planRelease"
    PROVISION_INFRASTRUCTURE = "provisionInfrastructure"
    PROMOTE_DEPLOYMENT = "promoteDeployment"
    SYNC_GITOPS = "syncGitOps"


class Severity(StrEnum):
    """Of a finding; the highest first. What nobody rated counts as the lowest."""

    CRITICAL = "Critical"
    HIGH = "High"
    MEDIUM = "Medium"
    LOW = "Low"
    UNKNOWN = "Unknown"

    @classmethod
    def read(cls, text: str) -> "Severity":
        """A scanner's word, in whatever letter case; one that is not known is nobody's rating."""
        return next((one for one in cls if one.casefold() == text.strip().casefold()), cls.UNKNOWN)

    def is_at_least(self, threshold: "Severity") -> bool:
        ranks = list(Severity)
        return ranks.index(self) <= ranks.index(threshold)


class DeliverySettings(Model):
    """What can be configured; environments are in the order of their path."""

    switched_off: tuple[ReactionSwitch, ...] = ()
    target_feed: FeedReference = "packages"
    environments: Annotated[tuple[EnvironmentPolicy, ...], Field(max_length=20), NOT_EMPTY] = PATH
    groups: Annotated[tuple[ApproverGroup, ...], Field(max_length=100)] = ()
    identities: Annotated[tuple[KnownIdentity, ...], Field(max_length=2000)] = ()
    delegations: Annotated[tuple[Delegation, ...], Field(max_length=500)] = ()
    failing_severity: Severity = Severity.HIGH
    """The lowest severity of a finding that fails a scan."""
    gitops_repository_id: Identifier | None = None
    """The repository that has a branch per environment; without it nothing is promoted."""
    freezes: Annotated[tuple[FreezeWindow, ...], Field(max_length=100)] = ()
    """They hold in every environment; those of the project `tenant-wide` in every project of the tenant."""


class ConfigureDelivery(DeliverySettings, Setting):
    """Have exactly these settings: what is not named goes back to its default, so that a name that is not
    known is an error. `expected_revision` is the revision that the settings were made from."""

    model_config = ConfigDict(extra="forbid")

    expected_revision: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        found = problems(self)
        details = [_detail(problem) for problem in found]
        if details:
            raise ValidationError.from_exception_data("ConfigureDelivery", details)
        return self


def _detail(problem: Problem) -> InitErrorDetails:
    place, sentence = problem
    # The sentence is a template to pydantic, and may hold braces that are nobody's.
    error = PydanticCustomError("delivery_policy", "{sentence}", {"sentence": sentence})
    wire = tuple(part if isinstance(part, int) else _wire_name(part) for part in place)
    return InitErrorDetails(type=error, loc=wire, input=None)


def _wire_name(field: str) -> str:
    first, *rest = field.split("_")
    return first + "".join(part.title() for part in rest)


class Finder(Protocol):
    """What finds aggregates of one project: a unit of work, or whoever only reads."""

    @property
    def partition(self) -> Partition: ...

    async def find[A: Aggregate](self, kind: type[A], id: str) -> A | None: ...


@delivery.aggregate(prefix="policy", collection="delivery-policies")
class DeliveryPolicy(DeliverySettings, Aggregate):
    model_config = ConfigDict(frozen=False)

    delivery_policy_id: Identifier
    revision: int = 0
    """How many times it has been configured."""

    @staticmethod
    def id_for(partition: Partition) -> str:
        """Follows from the project: that is what makes it the only one."""
        return derived_id("policy", partition.tenant_id, partition.project_id)

    @classmethod
    async def of(cls, work: Finder) -> Self:
        """The project's policy, or the defaults."""
        id = cls.id_for(work.partition)
        return await work.find(cls, id) or cls(delivery_policy_id=id)

    @property
    def people(self) -> People:
        return People(self.identities)

    def is_on(self, switch: ReactionSwitch) -> bool:
        return switch not in self.switched_off

    def environment(self, name: EnvironmentName | None) -> EnvironmentPolicy:
        """The environment of this name, or the first on the path. Raises `Rejected` for one that is not."""
        found = [one for one in self.environments if name in (None, one.name)]
        path = " → ".join(one.name for one in self.environments)
        require(bool(found), f"environment {name} is not on the path {path}")
        return found[0]

    def position(self, name: EnvironmentName) -> int:
        """Where the environment is on the path, the first being 0. Raises `Rejected` for one that is not."""
        return self.environments.index(self.environment(name))

    def before(self, name: EnvironmentName) -> EnvironmentPolicy | None:
        """The environment that comes before; None for the first."""
        position = self.position(name)
        return self.environments[position - 1] if position else None

    def after(self, name: EnvironmentName) -> EnvironmentPolicy | None:
        """The environment that comes next; None for the last."""
        position = self.position(name) + 1
        return self.environments[position] if position < len(self.environments) else None

    def for_release(self, environment: EnvironmentPolicy) -> ReleasePolicy:
        """What judges a release in this environment."""
        named = {seat.group for seat in environment.approvals.groups}
        return ReleasePolicy(
            environment=environment.name,
            approvals=environment.approvals,
            groups=tuple(group for group in self.groups if group.name in named),
        )

    def hash(self, environment: EnvironmentPolicy) -> str:
        """Tells whether two releases in this environment were judged alike."""
        return policy_hash(self.for_release(environment))

    def settings(self) -> dict[str, Any]:
        """As ConfigureDelivery takes them, to be sent back with a change."""
        names = DeliverySettings.model_fields.keys()
        wire = self.model_dump(mode="json", by_alias=True, include=set(names))
        return {**wire, "expectedRevision": self.revision}

    def configure(self, settings: DeliverySettings) -> None:
        for field in DeliverySettings.model_fields:
            setattr(self, field, getattr(settings, field))
        self.revision += 1


def policy_hash(policy: ReleasePolicy) -> str:
    """SHA-256 of the policy's JSON, keys sorted and without spaces."""
    canonical = json.dumps(
        policy.model_dump(mode="json", by_alias=True),
        ensure_ascii=False,
        sort_keys=True,
        separators=(",", ":"),
    )
    return hashlib.sha256(canonical.encode()).hexdigest()


@delivery.handler
async def configure_delivery(command: ConfigureDelivery, work: Work) -> None:
    id = DeliveryPolicy.id_for(work.partition)
    policy = await work.find(DeliveryPolicy, id)
    revision = policy.revision if policy is not None else 0
    if command.expected_revision not in (None, revision):
        raise Rejected(
            f"the delivery policy is at revision {revision}, not {command.expected_revision}: read it again"
        )
    if policy is None:
        policy = DeliveryPolicy(delivery_policy_id=id)
        work.add(policy)
    policy.configure(command)
