"""The specification's tables for GitOps."""

import enum

from pydantic import BaseModel

from domain.devops.gitops.sync_status import DriftRecord, ReconciledResource, SyncStatus

COMMANDS = {
    "SyncGitOps": (
        "GitOpsSyncState",
        "GitOpsSynced",
        "devops.gitops.sync-git-ops",
        "devops/gitops/gitops_sync_state.py",
    ),
}

OBSERVED = {"ObserveGitOps": "devops/gitops/gitops_sync_state.py"}

TOPICS = {"devops.gitops": {"GitOpsSynced"}}

CONSUMERS = {"GitOpsSynced": {"Runtime & Cloud", "Observability"}}

AGGREGATES = {
    "GitOpsSyncState": (
        "sync-states",
        {
            "syncStateId",
            "tenantId",
            "projectId",
            "environment",
            "desiredCommitSha",
            "appliedCommitSha",
            "syncStatus",
            "driftDetected",
            "lastSyncedAt",
        },
        {
            "lastObservedAt",
            "message",
            "trail",
            "resources",
            "drifts",
            "driftsSeen",
            "corrected",
            "confirmedCommitSha",
            "awaited",
        },
    ),
}

MEMBERS: dict[type[enum.StrEnum], set[str]] = {
    SyncStatus: {"Synced", "OutOfSync", "Reconciling", "Degraded"},
}

ENTITIES: dict[type[BaseModel], tuple[str, str, set[str]]] = {
    ReconciledResource: ("GitOpsSyncState", "resources", {"apiVersion", "kind", "namespace", "name"}),
    DriftRecord: ("GitOpsSyncState", "drifts", {"resource", "change", "detectedAt", "correctedAt"}),
}

VALUES = {
    "CommitSha": ("GitOpsSyncState", "appliedCommitSha", "4f" * 20, "4f" * 19),
}
