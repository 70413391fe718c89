"""How an infrastructure plan goes on, and what each of its stages asks of the engine."""

from datetime import timedelta
from enum import StrEnum

from domain.kernel.values import Identifier, Model, Timestamp


class InfrastructureStatus(StrEnum):
    """`Failed`: the engine or the domain said no; `Errored`: something technical ended it; `Refused`: what
    was previewed no longer is what an apply would do; `Superseded`: the policy names another stack now."""

    REQUESTED = "Requested"
    DETECTING_DRIFT = "DetectingDrift"
    PREVIEWING = "Previewing"
    VERIFYING = "Verifying"
    APPLYING = "Applying"
    PREVIEWED = "Previewed"
    PROVISIONED = "Provisioned"
    NOTHING_TO_DO = "NothingToDo"
    SUPERSEDED = "Superseded"
    REFUSED = "Refused"
    FAILED = "Failed"
    ERRORED = "Errored"

    @property
    def is_over(self) -> bool:
        return self is not InfrastructureStatus.REQUESTED and self not in OPERATIONS


# What the engine does in a stage, in the words of its port.
OPERATIONS = {
    InfrastructureStatus.DETECTING_DRIFT: "detect-drift",
    InfrastructureStatus.PREVIEWING: "preview",
    InfrastructureStatus.VERIFYING: "detect-drift",
    InfrastructureStatus.APPLYING: "update",
}

# The step that begins a stage; while the engine works on it the next step is to look.
STEPS = {
    InfrastructureStatus.REQUESTED: "BeginInfrastructure",
    InfrastructureStatus.DETECTING_DRIFT: "DetectInfrastructureDrift",
    InfrastructureStatus.PREVIEWING: "PreviewInfrastructure",
    InfrastructureStatus.VERIFYING: "DetectInfrastructureDrift",
    InfrastructureStatus.APPLYING: "ApplyInfrastructure",
}
LOOK = "WatchInfrastructure"

RUNNING = "running"


class EngineRun(Model):
    """One thing that the engine was asked to do. `status` is its word: running, succeeded, failed, canceled,
    busy, or lost where it knows of no such run."""

    stage: InfrastructureStatus
    operation: str
    operation_id: Identifier
    run_id: str
    began_at: Timestamp
    ended_at: Timestamp | None = None
    status: str = RUNNING
    message: str = ""


# Seconds between looks at the engine: most previews take seconds, most updates minutes.
_PAUSES = (1, 2, 4, 8, 15, 30)


def pause(looks: int) -> timedelta:
    """How long to wait before the next look, after so many."""
    return timedelta(seconds=_PAUSES[min(looks, len(_PAUSES) - 1)])
