"""Which versions of a module run in an environment, how a strategy changes that, and how it looks in Git."""

from domain.devops.release.arrangement.branch import (
    SLOT_LABEL,
    branch_of,
    changes,
    files,
    root_kustomization,
)
from domain.devops.release.arrangement.stages import (
    Arrangement,
    Candidate,
    Slot,
    SlotName,
    Stage,
    deployments,
    services,
    stages,
)

__all__ = [
    "SLOT_LABEL",
    "Arrangement",
    "Candidate",
    "Slot",
    "SlotName",
    "Stage",
    "branch_of",
    "changes",
    "deployments",
    "files",
    "root_kustomization",
    "services",
    "stages",
]
