"""Who may do what: the one table of roles, by the name of each command, setting and view.

A role is held in a tenant (callers.py). Every role reads, so whoever may write may read what they wrote.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    READER = "reader"
    CONTRIBUTOR = "contributor"
    RELEASE_MANAGER = "release-manager"
    APPROVER = "approver"
    OPERATOR = "operator"
    INCIDENT_COMMANDER = "incident-commander"


# An approval is a person's word, and so is a way around a freeze: no machine can give either, whatever its
# token or its settings say.
MACHINE_ROLES = frozenset(Role) - {Role.APPROVER, Role.INCIDENT_COMMANDER}

_EVERY = frozenset(Role)

NEEDED: Mapping[str, frozenset[Role]] = {
    # commands
    "ProvisionRepository": frozenset({Role.CONTRIBUTOR}),
    "CreateBranch": frozenset({Role.CONTRIBUTOR}),
    "CreateCommit": frozenset({Role.CONTRIBUTOR}),
    "OpenPullRequest": frozenset({Role.CONTRIBUTOR}),
    "MergePullRequest": frozenset({Role.CONTRIBUTOR}),
    "GeneratePipeline": frozenset({Role.CONTRIBUTOR}),
    "RunPipeline": frozenset({Role.CONTRIBUTOR}),
    "PlanRelease": frozenset({Role.RELEASE_MANAGER}),
    "ApproveRelease": frozenset({Role.APPROVER}),
    "PromoteDeployment": frozenset({Role.RELEASE_MANAGER}),
    "ProvisionInfrastructure": frozenset({Role.OPERATOR}),
    "SyncGitOps": frozenset({Role.OPERATOR}),
    # settings
    "ConfigureDelivery": frozenset({Role.OPERATOR}),
    "StopTheLine": frozenset({Role.OPERATOR, Role.RELEASE_MANAGER, Role.INCIDENT_COMMANDER}),
    "ResumeTheLine": frozenset({Role.OPERATOR, Role.INCIDENT_COMMANDER}),
    "HoldDeployment": frozenset({Role.OPERATOR, Role.RELEASE_MANAGER, Role.INCIDENT_COMMANDER}),
    "LiftHold": frozenset({Role.OPERATOR, Role.RELEASE_MANAGER, Role.INCIDENT_COMMANDER}),
    "CancelPromotion": frozenset({Role.OPERATOR, Role.RELEASE_MANAGER, Role.INCIDENT_COMMANDER}),
    "BypassFreeze": frozenset({Role.INCIDENT_COMMANDER}),
    # views
    "get_aggregate": _EVERY,
    "list_aggregates": _EVERY,
    "get_command": _EVERY,
    "get_trace": _EVERY,
    "get_readiness": _EVERY,
    "get_delivery_policy": _EVERY,
    "get_environment": _EVERY,
    "get_manifest_content": _EVERY,
}


class NoRole(Exception):
    """A command, setting or view that is in no row of the table: nobody could say who may use it."""


@dataclass(frozen=True)
class Permission:
    """What is asked for, and the roles of which any one gives it."""

    name: str
    roles: frozenset[Role]

    def __str__(self) -> str:
        if self.roles == _EVERY:
            return f"{self.name} needs a role"
        return f"{self.name} needs the role {' or '.join(sorted(self.roles))}"


def needed(name: str) -> Permission:
    """Ask when the module is imported, so that a missing row stops the app. Raises `NoRole`."""
    if name not in NEEDED:
        raise NoRole(f"{name} has no row in functions/roles.py")
    return Permission(name, NEEDED[name])
