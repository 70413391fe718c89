"""The delivery policy: not in the specification, so that all of it is our own."""

import enum

from pydantic import BaseModel

from domain.devops.delivery.delivery_policy import ReactionSwitch, Severity
from domain.devops.delivery.environments import DeploymentStrategy, EnvironmentPolicy
from domain.devops.delivery.identities import ApproverGroup, Delegation, KnownIdentity

SETTINGS = {"ConfigureDelivery": "devops/delivery/delivery_policy.py"}

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
            "revision",
        },
    ),
}

MEMBERS: dict[type[enum.StrEnum], set[str]] = {
    ReactionSwitch: {"generatePipeline", "runPipeline", "planRelease"},
    Severity: {"Critical", "High", "Medium", "Low", "Unknown"},
    DeploymentStrategy: {"RollingUpdate", "BlueGreen", "Canary"},
}

ENTITIES: dict[type[BaseModel], tuple[str, str, set[str]]] = {
    EnvironmentPolicy: (
        "DeliveryPolicy",
        "environments",
        {"name", "strategies", "defaultStrategy", "approvals"},
    ),
    ApproverGroup: ("DeliveryPolicy", "groups", {"name", "members", "directoryGroup"}),
    KnownIdentity: ("DeliveryPolicy", "identities", {"name", "aliases"}),
    Delegation: ("DeliveryPolicy", "delegations", {"from", "to", "startsAt", "endsAt"}),
}
