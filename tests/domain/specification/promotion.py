"""The specification's tables for what brings a release into an environment."""

import enum

from pydantic import BaseModel

from domain.devops.release.deployment_target import Hold, Queued, Verified
from domain.devops.release.manifest_resources import ManifestResource
from domain.devops.release.promotion_state import (
    Bypass,
    GateKind,
    GateOutcome,
    HealthGateResult,
    PromotionStatus,
    PromotionStep,
    Rollback,
    StepStatus,
    Waiting,
    WaitingFor,
)

COMMANDS = {
    "PromoteDeployment": (
        "EnvironmentPromotion",
        "DeploymentPromoted",
        "devops.release.promote-deployment",
        "devops/release/environment_promotion.py",
    ),
}

STEPS = {
    "BeginPromotion": "devops/release/promotion_steps.py",
    "RenderPromotionManifest": "devops/release/promotion_steps.py",
    "CommitPromotionStep": "devops/release/promotion_steps.py",
    "VerifyPromotionStep": "devops/release/promotion_steps.py",
    "CompletePromotion": "devops/release/promotion_steps.py",
    "FailPromotion": "devops/release/promotion_rollback.py",
    "RollBackPromotion": "devops/release/promotion_rollback.py",
    "VerifyRollback": "devops/release/promotion_rollback.py",
}

SETTINGS = {
    "HoldDeployment": "devops/release/deployment_target.py",
    "LiftHold": "devops/release/deployment_target.py",
    "CancelPromotion": "devops/release/promotion_control.py",
    "BypassFreeze": "devops/release/promotion_control.py",
}

CONSUMERS = {
    "DeploymentPromoted": {"Runtime & Cloud", "Observability"},
}

AGGREGATES = {
    "DeploymentManifest": (
        "manifests",
        {
            "manifestId",
            "releaseId",
            "tenantId",
            "environment",
            "manifestType",
            "contentUri",
            "checksum",
            "version",
            "renderedAt",
        },
        {"moduleId", "size", "sourceCommitSha", "resources"},
    ),
    "EnvironmentPromotion": (
        "promotions",
        {
            "promotionId",
            "releaseId",
            "tenantId",
            "fromEnvironment",
            "toEnvironment",
            "strategy",
            "status",
            "promotedBy",
            "promotedAt",
        },
        {
            "moduleId",
            "buildResultId",
            "version",
            "automatic",
            "requestedAt",
            "beganAt",
            "endedAt",
            "waitingFor",
            "bypass",
            "fence",
            "manifestId",
            "steps",
            "gateResults",
            "rollback",
            "reason",
            "isFirstOfBuild",
        },
    ),
    "DeploymentTarget": (
        "deployment-targets",
        {"tenantId", "projectId"},
        {
            "deploymentTargetId",
            "moduleId",
            "environment",
            "queue",
            "promotionId",
            "fence",
            "arrangement",
            "commitSha",
            "gateway",
            "verified",
            "hold",
        },
    ),
}

MEMBERS: dict[type[enum.StrEnum], set[str]] = {
    PromotionStatus: {
        "Pending",
        "InProgress",
        "RollingBack",
        "Completed",
        "Failed",
        "Errored",
        "Canceled",
    },
    StepStatus: {"Pending", "Verifying", "Soaking", "Passed", "Failed"},
    GateKind: {"Sync", "Rollout", "Http", "Metric"},
    GateOutcome: {"Passed", "Failed", "Inconclusive"},
    Waiting: {"Approval", "Readiness", "StoppedLine", "Freeze", "Hold", "AnotherPromotion"},
}

ENTITIES: dict[type[BaseModel], tuple[str, str, set[str]]] = {
    ManifestResource: ("DeploymentManifest", "resources", {"apiVersion", "kind", "name"}),
    PromotionStep: (
        "EnvironmentPromotion",
        "steps",
        {
            "position",
            "name",
            "arrangement",
            "candidate",
            "status",
            "commitSha",
            "committedAt",
            "healthySince",
            "unclearSince",
            "endedAt",
        },
    ),
    HealthGateResult: (
        "EnvironmentPromotion",
        "gateResults",
        {"step", "kind", "gate", "outcome", "sentence", "binding", "firstSeenAt", "lastSeenAt"},
    ),
    WaitingFor: ("EnvironmentPromotion", "waitingFor", {"what", "sentence", "until"}),
    Bypass: ("EnvironmentPromotion", "bypass", {"reason", "bypassedBy", "bypassedAt"}),
    Rollback: (
        "EnvironmentPromotion",
        "rollback",
        {
            "endsAs",
            "releaseId",
            "version",
            "manifestId",
            "arrangement",
            "begunAt",
            "commitSha",
            "committedAt",
            "confirmedAt",
        },
    ),
    Queued: ("DeploymentTarget", "queue", {"promotionId", "releaseId", "version", "automatic", "isReady"}),
    Verified: (
        "DeploymentTarget",
        "verified",
        {"promotionId", "releaseId", "version", "manifestId", "arrangement", "verifiedAt"},
    ),
    Hold: ("DeploymentTarget", "hold", {"version", "reason", "heldBy", "heldAt"}),
}

VALUES = {
    "SemanticVersion": ("EnvironmentPromotion", "version", "1.4.0", "1.4"),
    "EnvironmentName": ("EnvironmentPromotion", "toEnvironment", "staging", "Staging"),
    "Checksum": ("DeploymentManifest", "checksum", "a1" * 32, "A1" * 32),
}
