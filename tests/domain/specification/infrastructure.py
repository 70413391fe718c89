"""The specification's tables for infrastructure."""

import enum

from pydantic import BaseModel

from domain.devops.delivery.deployment_policy import IaCEngine
from domain.devops.infrastructure.changes import ChangeOperation, ChangeSummary, ResourceChange, StackOutput
from domain.devops.infrastructure.infrastructure_stack import LeftBehind
from domain.devops.infrastructure.plan_status import EngineRun, InfrastructureStatus
from domain.devops.infrastructure.program import Program

COMMANDS = {
    "ProvisionInfrastructure": (
        "InfrastructurePlan",
        "InfrastructureProvisioned",
        "devops.infrastructure.provision-infrastructure",
        "devops/infrastructure/infrastructure_plan.py",
    ),
}

STEPS = {
    "BeginInfrastructure": "devops/infrastructure/beginning.py",
    "DetectInfrastructureDrift": "devops/infrastructure/engine_steps.py",
    "PreviewInfrastructure": "devops/infrastructure/engine_steps.py",
    "ApplyInfrastructure": "devops/infrastructure/engine_steps.py",
    "WatchInfrastructure": "devops/infrastructure/watching.py",
    "FailInfrastructure": "devops/infrastructure/ending.py",
}

TOPICS = {"devops.infrastructure": {"InfrastructureProvisioned"}}

CONSUMERS = {"InfrastructureProvisioned": {"Runtime & Cloud", "Governance"}}

AGGREGATES = {
    "InfrastructurePlan": (
        "infrastructure-plans",
        {
            "infrastructurePlanId",
            "tenantId",
            "projectId",
            "environment",
            "engine",
            "stack",
            "program",
            "previewSummary",
            "status",
            "appliedAt",
        },
        {
            "previewOnly",
            "automatic",
            "requestedBy",
            "initiator",
            "requestedAt",
            "beganAt",
            "finishedAt",
            "fence",
            "waitingFor",
            "lookAgainAt",
            "looks",
            "runs",
            "baseVersion",
            "changes",
            "drift",
            "planHash",
            "done",
            "outputs",
            "reason",
        },
    ),
    "InfrastructureStack": (
        "infrastructure-stacks",
        {"tenantId", "projectId"},
        {
            "infrastructureStackId",
            "engine",
            "stack",
            "fence",
            "holder",
            "heldUntil",
            "lastProgram",
            "appliedProgram",
            "appliedPlanId",
            "appliedAt",
            "version",
            "outputs",
            "drift",
            "driftLookedForAt",
            "leftBehind",
        },
    ),
}

MEMBERS: dict[type[enum.StrEnum], set[str]] = {
    IaCEngine: {"Pulumi", "Bicep"},
    InfrastructureStatus: {
        "Requested",
        "DetectingDrift",
        "Previewing",
        "Verifying",
        "Applying",
        "Previewed",
        "Provisioned",
        "NothingToDo",
        "Superseded",
        "Refused",
        "Failed",
        "Errored",
    },
    ChangeOperation: {"create", "update", "replace", "delete"},
}

ENTITIES: dict[type[BaseModel], tuple[str, str, set[str]]] = {
    ResourceChange: (
        "InfrastructurePlan",
        "changes",
        {"urn", "type", "name", "operation", "properties"},
    ),
    StackOutput: ("InfrastructurePlan", "outputs", {"name", "value"}),
    ChangeSummary: ("InfrastructurePlan", "previewSummary", {"create", "update", "replace", "delete"}),
    Program: ("InfrastructurePlan", "program", {"repositoryId", "directory", "commitSha"}),
    EngineRun: (
        "InfrastructurePlan",
        "runs",
        {"stage", "operation", "operationId", "runId", "beganAt", "endedAt", "status", "message"},
    ),
    LeftBehind: ("InfrastructureStack", "leftBehind", {"infrastructurePlanId", "operationId", "runId"}),
}

VALUES = {
    "StackName": ("InfrastructurePlan", "stack", "shop/dev", "shop dev"),
}
