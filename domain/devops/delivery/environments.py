"""Environments on the path of a release, and what each asks of one."""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from domain.devops.delivery.deployment_policy import (
    DnsLabel,
    FreezeWindow,
    HealthGates,
    InfrastructureSource,
    ManifestSource,
)
from domain.devops.delivery.identities import ApproverGroup, GroupName, PersonName, Strict
from domain.kernel.errors import require
from domain.kernel.values import Model, matching

EnvironmentName = Annotated[
    str,
    Field(max_length=40),
    matching(
        r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", "must be lower-case letters, digits and dashes within, like staging"
    ),
]


def _not_empty[T: tuple[object, ...]](items: T) -> T:
    if not items:
        raise ValueError("must not be empty")
    return items


# Not a least length: pydantic would complain of that, too, wherever an item is wrong.
NOT_EMPTY = AfterValidator(_not_empty)


class DeploymentStrategy(StrEnum):
    ROLLING_UPDATE = "RollingUpdate"
    BLUE_GREEN = "BlueGreen"
    CANARY = "Canary"


class GroupQuorum(Strict):
    """So many of the group must approve."""

    group: GroupName
    quorum: Annotated[int, Field(ge=1, le=50)] = 1


class ApprovalPolicy(Strict):
    """Who must approve a release before it goes into an environment: so many distinct persons, of each group
    its quorum (a person fills one seat), and these persons by name; within so many hours."""

    required_approvals: Annotated[int, Field(ge=1, le=50)] = 1
    groups: tuple[GroupQuorum, ...] = ()
    required_approvers: tuple[PersonName, ...] = ()
    expires_after_hours: Annotated[int, Field(ge=1, le=8760)] = 72


class EnvironmentPolicy(Strict):
    """An environment: the strategies that are valid for it, the one for who names none, its approvals, and
    how releases get there. With `autoPromote` an approved release goes in by itself."""

    name: EnvironmentName
    strategies: Annotated[tuple[DeploymentStrategy, ...], NOT_EMPTY] = (DeploymentStrategy.ROLLING_UPDATE,)
    default_strategy: DeploymentStrategy = DeploymentStrategy.ROLLING_UPDATE
    approvals: ApprovalPolicy = ApprovalPolicy()
    auto_promote: bool = False
    manifest: ManifestSource = ManifestSource()
    gates: HealthGates = HealthGates()
    canary_weights: Annotated[
        tuple[Annotated[int, Field(ge=1, le=99)], ...], Field(max_length=20), NOT_EMPTY
    ] = (10, 50)
    """Shares of the traffic in percent, one step after another, before all of it."""
    gateway: DnsLabel = "gateway"
    """The Gateway that splits traffic between two versions."""
    freezes: Annotated[tuple[FreezeWindow, ...], Field(max_length=100)] = ()
    infrastructure: InfrastructureSource | None = None

    def strategy(self, wanted: DeploymentStrategy | None) -> DeploymentStrategy:
        """The wanted strategy, or the default one. Raises `Rejected` where it is not valid here."""
        strategy = wanted or self.default_strategy
        valid = ", ".join(self.strategies)
        require(
            strategy in self.strategies, f"strategy {strategy} is not valid for {self.name}; valid: {valid}"
        )
        return strategy


class ReleasePolicy(Model):
    """What judges a release in an environment, as a release keeps it: later changes are for later ones."""

    environment: EnvironmentName
    approvals: ApprovalPolicy = ApprovalPolicy()
    groups: tuple[ApproverGroup, ...] = ()


PATH = (
    EnvironmentPolicy(name="dev", auto_promote=True),
    EnvironmentPolicy(name="test", auto_promote=True),
    EnvironmentPolicy(name="staging", strategies=tuple(DeploymentStrategy), auto_promote=True),
    EnvironmentPolicy(name="prod", strategies=tuple(DeploymentStrategy)),
)
"""The path of who configured none."""
