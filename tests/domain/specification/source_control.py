"""The specification's tables for source control."""

import enum

from pydantic import BaseModel

from domain.devops.source_control.branch import BranchPolicyBinding, BranchStatus
from domain.devops.source_control.commit import Encoding, FileChange, FileOperation
from domain.devops.source_control.pull_request import MergeStrategy, PullRequestStatus
from domain.devops.source_control.repository import (
    RepositoryProvider,
    RepositorySetting,
    RepositoryStatus,
    Visibility,
    WebhookRegistration,
)
from domain.devops.source_control.review import (
    CheckState,
    PolicyEvaluation,
    PullRequestCheck,
    PullRequestComment,
    PullRequestReview,
)

# Command -> (target aggregate, result event, queue, file of the handler)
COMMANDS = {
    "ProvisionRepository": (
        "Repository",
        "RepositoryProvisioned",
        "devops.source-control.provision-repository",
        "devops/source_control/repository.py",
    ),
    "CreateBranch": (
        "Branch",
        "BranchCreated",
        "devops.source-control.create-branch",
        "devops/source_control/branch.py",
    ),
    "CreateCommit": (
        "Commit",
        "CommitCreated",
        "devops.source-control.create-commit",
        "devops/source_control/commit.py",
    ),
    "OpenPullRequest": (
        "PullRequest",
        "PullRequestOpened",
        "devops.source-control.open-pull-request",
        "devops/source_control/pull_request.py",
    ),
    "MergePullRequest": (
        "PullRequest",
        "PullRequestMerged",
        "devops.source-control.merge-pull-request",
        "devops/source_control/pull_request.py",
    ),
}

# Observation -> file of its handler
OBSERVED = {
    "ObserveRepository": "devops/source_control/reconciliation.py",
    "ObserveBranch": "devops/source_control/branch.py",
    "ObservePullRequest": "devops/source_control/pull_request_observation.py",
}

TOPICS = {
    "devops.source-control": {
        "RepositoryProvisioned",
        "BranchCreated",
        "CommitCreated",
        "PullRequestOpened",
        "PullRequestMerged",
    },
}

# Integration event -> consumers; an event without a row stays within its platform.
CONSUMERS = {
    "RepositoryProvisioned": {"Knowledge", "Observability"},
    "CommitCreated": {"Knowledge", "Observability"},
    "PullRequestOpened": {"Governance", "Observability"},
    "PullRequestMerged": {"Governance", "Observability"},
}

# Aggregate -> (collection in URLs, the specification's fields, its entities' fields and our own)
AGGREGATES = {
    "Repository": (
        "repositories",
        {
            "repositoryId",
            "tenantId",
            "projectId",
            "moduleId",
            "name",
            "provider",
            "remoteUrl",
            "defaultBranch",
            "visibility",
            "status",
            "createdAt",
        },
        {"externalId", "settings", "webhooks"},
    ),
    "Branch": (
        "branches",
        {
            "branchId",
            "repositoryId",
            "tenantId",
            "name",
            "fromCommitSha",
            "isProtected",
            "status",
            "createdAt",
        },
        {"headCommitSha", "policyBindings"},
    ),
    "Commit": (
        "commits",
        {
            "commitId",
            "repositoryId",
            "tenantId",
            "branch",
            "sha",
            "message",
            "artifactId",
            "authoredBy",
            "treeHash",
            "createdAt",
        },
        {"parentSha", "fileChanges"},
    ),
    "PullRequest": (
        "pull-requests",
        {
            "pullRequestId",
            "repositoryId",
            "tenantId",
            "number",
            "sourceBranch",
            "targetBranch",
            "title",
            "description",
            "status",
            "policyEvaluation",
            "mergeCommitSha",
            "createdAt",
            "mergedAt",
        },
        {"sourceCommitSha", "checks", "reviews", "comments"},
    ),
}

MEMBERS: dict[type[enum.StrEnum], set[str]] = {
    RepositoryProvider: {"AzureDevOps", "GitHub"},
    PullRequestStatus: {"Open", "Merged", "Abandoned"},
    Visibility: {"Private", "Internal", "Public"},
    RepositoryStatus: {"Empty", "Ready"},
    BranchStatus: {"Active", "Deleted"},
    FileOperation: {"add", "edit", "delete", "rename"},
    Encoding: {"utf-8", "base64"},
    CheckState: {"pending", "succeeded", "failed"},
    MergeStrategy: {"noFastForward", "squash", "rebase", "rebaseMerge"},
}

# Entity or value object -> (where it is kept: aggregate and field, its fields)
ENTITIES: dict[type[BaseModel], tuple[str, str, set[str]]] = {
    RepositorySetting: ("Repository", "settings", {"name", "value"}),
    WebhookRegistration: ("Repository", "webhooks", {"subscriptionId", "eventType", "status"}),
    BranchPolicyBinding: ("Branch", "policyBindings", {"policyId", "kind", "setting"}),
    FileChange: (
        "Commit",
        "fileChanges",
        {"path", "operation", "previousPath", "contentSha256", "size"},
    ),
    PullRequestCheck: (
        "PullRequest",
        "checks",
        {"name", "state", "required", "description", "targetUrl"},
    ),
    PullRequestReview: ("PullRequest", "reviews", {"reviewer", "vote", "required"}),
    PullRequestComment: ("PullRequest", "comments", {"commentId", "author", "text", "postedAt"}),
    PolicyEvaluation: ("PullRequest", "policyEvaluation", {"results"}),
}
