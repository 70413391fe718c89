"""The delivery policy: not in the specification, so that all of it is our own."""

import enum

from pydantic import BaseModel

from domain.devops.delivery.delivery_line import Stop
from domain.devops.delivery.delivery_policy import ReactionSwitch, Severity
from domain.devops.delivery.deployment_policy import Comparison, FreezeWindow, ManifestType, Repeats
from domain.devops.delivery.environments import DeploymentStrategy, EnvironmentPolicy
from domain.devops.delivery.identities import ApproverGroup, Delegation, KnownIdentity

SETTINGS = {
    "ConfigureDelivery": "devops/delivery/delivery_policy.py",
    "StopTheLine": "devops/delivery/delivery_line.py",
    "ResumeTheLine": "devops/delivery/delivery_line.py",
}

AGGREGATES = {
    "DeliveryPolicy": (
        "delivery-policies",
        {"tenantId", "projectId"},
        {
            "deliveryPolicyId",
            "switchedOff",
            "targetFeed",
            "environments",
            "groups",
            "identities",
            "delegations",
            "failingSeverity",
            "gitopsRepositoryId",
            "freezes",
            "revision",
        },
    ),
    "DeliveryLine": ("delivery-lines", {"tenantId", "projectId"}, {"deliveryLineId", "stops"}),
}

MEMBERS: dict[type[enum.StrEnum], set[str]] = {
    ReactionSwitch: {
        "generatePipeline",
        "runPipeline",
        "planRelease",
        "provisionInfrastructure",
        "promoteDeployment",
        "syncGitOps",
    },
    Severity: {"Critical", "High", "Medium", "Low", "Unknown"},
    DeploymentStrategy: {"RollingUpdate", "BlueGreen", "Canary"},
    ManifestType: {"Helm", "Kustomize", "PulumiOutput"},
    Comparison: {"AtMost", "AtLeast"},
    Repeats: {"Never", "Daily", "Weekly"},
}

ENTITIES: dict[type[BaseModel], tuple[str, str, set[str]]] = {
    EnvironmentPolicy: (
        "DeliveryPolicy",
        "environments",
        {
            "name",
            "strategies",
            "defaultStrategy",
            "approvals",
            "autoPromote",
            "manifest",
            "gates",
            "canaryWeights",
            "gateway",
            "freezes",
            "infrastructure",
        },
    ),
    ApproverGroup: ("DeliveryPolicy", "groups", {"name", "members", "directoryGroup"}),
    KnownIdentity: ("DeliveryPolicy", "identities", {"name", "aliases"}),
    Delegation: ("DeliveryPolicy", "delegations", {"from", "to", "startsAt", "endsAt"}),
    FreezeWindow: ("DeliveryPolicy", "freezes", {"name", "startsAt", "endsAt", "repeats"}),
    Stop: ("DeliveryLine", "stops", {"environment", "reason", "stoppedBy", "stoppedAt"}),
}
