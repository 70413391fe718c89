"""What a look at an environment comes to: its status, and the sentence that an operator reads."""

from collections.abc import Sequence

from domain.devops.gitops.looking import Look
from domain.devops.gitops.sync_status import DriftRecord, SyncStatus
from domain.devops.release.arrangement import branch_of

_NAMED = 5
_LONGEST = 1000


def no_agent(environment: str) -> str:
    return f"environment {environment} has no GitOps agent"


def nothing_desired(environment: str) -> str:
    branch = branch_of(environment)
    return f"the GitOps repository has no branch {branch}: nothing has been promoted to {environment} yet"


def astray(applied: str, before: str | None, desired: str) -> str:
    """Said of an applied commit that is not on the way."""
    way = f"from {before[:10] if before is not None else 'nothing'} to the desired {desired[:10]}"
    return f"commit {applied[:10]} is applied, which is not on the way {way}"


def status_of(look: Look, environment: str, drifts: Sequence[DriftRecord]) -> tuple[SyncStatus, str]:
    """`drifts` are those that are open. Only what was compared and found equal is in sync."""
    status, message = _status(look, environment, drifts)
    return status, message[:_LONGEST]


def _status(look: Look, environment: str, drifts: Sequence[DriftRecord]) -> tuple[SyncStatus, str]:
    if look.head is None:
        return SyncStatus.OUT_OF_SYNC, f"branch {branch_of(environment)} does not exist any more"
    if look.sync is None:
        return SyncStatus.OUT_OF_SYNC, no_agent(environment)
    compared = look.drifts is not None
    if look.is_applied and compared and not drifts:
        return SyncStatus.SYNCED, look.sync.message
    if look.sync.ready is False and not look.is_pending:
        return SyncStatus.DEGRADED, look.sync.message
    if look.problem is not None:
        return SyncStatus.DEGRADED, look.problem
    if look.is_pending:
        return SyncStatus.RECONCILING, f"the agent has been asked to apply commit {look.head[:10]}"
    if look.is_applied and not compared:
        return SyncStatus.RECONCILING, "the agent went on while it was looked at"
    drifted = _sentence(drifts)
    if look.sync.ready is None:
        return SyncStatus.RECONCILING, drifted or look.sync.message
    return SyncStatus.OUT_OF_SYNC, drifted or f"commit {look.head[:10]} is not applied yet"


def _sentence(drifts: Sequence[DriftRecord]) -> str:
    shown = "; ".join(one.sentence for one in drifts[:_NAMED])
    return shown if len(drifts) <= _NAMED else f"{shown}; and {len(drifts) - _NAMED} more"
