"""The specification's tables for releases."""

import enum

from pydantic import BaseModel

from domain.devops.release.approvals import ApprovalDecision, ApproverIdentity, Decision
from domain.devops.release.contents import ReleaseArtifact, ReleaseStep
from domain.devops.release.contributors import Contributor
from domain.devops.release.release_approval import PolicyEvaluationResult
from domain.devops.release.release_plan import ReleaseStatus

COMMANDS = {
    "PlanRelease": (
        "ReleasePlan",
        "ReleasePlanned",
        "devops.release.plan-release",
        "devops/release/release_plan.py",
    ),
    "ApproveRelease": (
        "ReleaseApproval",
        "ReleaseApproved",
        "devops.release.approve-release",
        "devops/release/release_approval.py",
    ),
}

TOPICS = {
    "devops.release": {
        "ReleasePlanned",
        "ReleaseApproved",
        "DeploymentManifestRendered",
        "DeploymentPromoted",
    },
}

CONSUMERS = {
    "ReleasePlanned": {"Governance", "Observability"},
    "ReleaseApproved": {"Governance", "Observability"},
}

AGGREGATES = {
    "ReleasePlan": (
        "releases",
        {
            "releaseId",
            "tenantId",
            "projectId",
            "moduleId",
            "buildResultId",
            "version",
            "targetEnvironment",
            "strategy",
            "requiredApprovals",
            "status",
            "plannedAt",
        },
        {
            "repositoryId",
            "commitSha",
            "expiresAt",
            "plannedBy",
            "initiator",
            "contributors",
            "policy",
            "policyHash",
            "artifacts",
            "steps",
            "decisions",
        },
    ),
    "ReleaseApproval": (
        "release-approvals",
        {
            "approvalId",
            "releaseId",
            "tenantId",
            "approver",
            "decision",
            "comment",
            "policyResult",
            "decidedAt",
        },
        set[str](),
    ),
    "ReleaseLine": (
        "release-lines",
        {"tenantId", "projectId"},
        {
            "releaseLineId",
            "moduleId",
            "environment",
            "repositoryId",
            "releaseId",
            "version",
            "commitSha",
            "approvedAt",
        },
    ),
}

MEMBERS: dict[type[enum.StrEnum], set[str]] = {
    ApprovalDecision: {"Approved", "Rejected"},
    ReleaseStatus: {"PendingApproval", "Approved", "Rejected", "Expired"},
}

ENTITIES: dict[type[BaseModel], tuple[str, str, set[str]]] = {
    ReleaseArtifact: (
        "ReleasePlan",
        "artifacts",
        {"name", "kind", "publicationId", "contentSha256", "imageId"},
    ),
    ReleaseStep: ("ReleasePlan", "steps", {"position", "name", "description"}),
    Contributor: ("ReleasePlan", "contributors", {"identity", "contribution"}),
    Decision: ("ReleasePlan", "decisions", {"approvalId", "approver", "decision", "decidedAt"}),
    ApproverIdentity: ("ReleaseApproval", "approver", {"person", "onBehalfOf", "groups"}),
    PolicyEvaluationResult: ("ReleaseApproval", "policyResult", {"policyHash", "inputs", "checks"}),
}
