"""The specification's tables for pipelines."""

import enum

from pydantic import BaseModel

from domain.devops.pipelines.build_result import (
    ArtifactItem,
    ArtifactKind,
    BlobReference,
    BuildStatus,
    TestSummary,
)
from domain.devops.pipelines.generation import PipelineStage, PipelineVariable, Proposal
from domain.devops.pipelines.module_type import ModuleType
from domain.devops.pipelines.pipeline_definition import PipelineStatus, SupersededDefinition
from domain.devops.pipelines.run_state import RunReason, RunStatus, StageRun

COMMANDS = {
    "GeneratePipeline": (
        "PipelineDefinition",
        "PipelineGenerated",
        "devops.pipelines.generate-pipeline",
        "devops/pipelines/pipeline_definition.py",
    ),
    "RunPipeline": (
        "PipelineRun",
        "PipelineRunStarted",
        "devops.pipelines.run-pipeline",
        "devops/pipelines/pipeline_run.py",
    ),
}

OBSERVED = {
    "ObservePipeline": "devops/pipelines/reconciliation.py",
    "ObserveRun": "devops/pipelines/pipeline_run.py",
}

TOPICS = {"devops.pipelines": {"PipelineGenerated", "PipelineRunStarted", "BuildCompleted"}}

CONSUMERS = {
    "PipelineGenerated": {"Knowledge"},
    "PipelineRunStarted": {"Observability"},
    "BuildCompleted": {"Observability", "Marketplace"},
}

AGGREGATES = {
    "PipelineDefinition": (
        "pipelines",
        {
            "pipelineId",
            "repositoryId",
            "tenantId",
            "moduleId",
            "moduleType",
            "definitionPath",
            "templateVersion",
            "targetFeed",
            "status",
            "generatedAt",
        },
        {
            "stages",
            "variables",
            "versionPrefix",
            "externalId",
            "yamlSha256",
            "commitSha",
            "proposal",
            "superseded",
            "webhooks",
        },
    ),
    "PipelineRun": (
        "pipeline-runs",
        {
            "pipelineRunId",
            "pipelineId",
            "tenantId",
            "branch",
            "buildNumber",
            "reason",
            "status",
            "startedAt",
            "finishedAt",
        },
        {"runId", "commitSha", "requestedBy", "stages"},
    ),
    "BuildResult": (
        "builds",
        {
            "buildResultId",
            "pipelineRunId",
            "tenantId",
            "moduleId",
            "status",
            "testsPassed",
            "testsFailed",
            "coverage",
            "artifacts",
            "logsUri",
            "completedAt",
        },
        {
            "pipelineId",
            "repositoryId",
            "testSummaries",
            "problems",
            "requestedBy",
            "log",
            "branch",
            "onDefaultBranch",
            "commitSha",
            "buildNumber",
        },
    ),
}

MEMBERS: dict[type[enum.StrEnum], set[str]] = {
    ModuleType: {"DotNetApi", "DotNetLibrary", "PythonService", "FrontEnd"},
    PipelineStatus: {"Proposed", "Active"},
    RunReason: {"ci", "manual", "release"},
    RunStatus: {"Started", "InProgress", "Succeeded", "Failed", "Canceled"},
    BuildStatus: {"Succeeded", "Failed", "Canceled"},
    ArtifactKind: {"File", "Package", "Image"},
}

ENTITIES: dict[type[BaseModel], tuple[str, str, set[str]]] = {
    PipelineStage: ("PipelineDefinition", "stages", {"name", "displayName", "dependsOn", "jobs"}),
    PipelineVariable: ("PipelineDefinition", "variables", {"name", "value"}),
    SupersededDefinition: (
        "PipelineDefinition",
        "superseded",
        {"templateVersion", "yamlSha256", "commitSha", "generatedAt"},
    ),
    Proposal: ("PipelineDefinition", "proposal", {"design", "pullRequestNumber"}),
    StageRun: ("PipelineRun", "stages", {"name", "state", "result", "attempt", "jobs"}),
    TestSummary: ("BuildResult", "testSummaries", {"suite", "passed", "failed", "other"}),
    BlobReference: ("BuildResult", "log", {"uri", "sha256", "size"}),
    ArtifactItem: (
        "BuildResult",
        "artifacts",
        {
            "name",
            "kind",
            "blob",
            "packageId",
            "version",
            "feed",
            "registry",
            "repository",
            "tag",
            "digest",
        },
    ),
}
