"""What everything of one task hub shares: its functions, its limits, its store and its counts."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from infra.local.functions_host.bindings import ActivityTrigger, OrchestrationTrigger
from infra.local.functions_host.durable.moments import Moments
from infra.local.functions_host.durable.store import InstanceStore
from infra.local.functions_host.invocation import Invoker
from infra.local.functions_host.settings import DurableOptions


@dataclass
class Counts:
    """Over the process: what the host's status tells."""

    turns: int = 0
    activities: int = 0
    ran_ahead: int = 0
    requests: int = 0
    """to storage"""

    def to_json(self) -> dict[str, int]:
        return {
            "turns": self.turns,
            "activities": self.activities,
            "ranAhead": self.ran_ahead,
            "storageRequests": self.requests,
        }

    def on_request(self, _request: object) -> None:
        self.requests += 1


@dataclass
class Hub:
    """The names of functions are in lower case: the platform finds them regardless of case."""

    options: DurableOptions
    orchestrators: Mapping[str, OrchestrationTrigger]
    activities: Mapping[str, ActivityTrigger]
    invoker: Invoker
    store: InstanceStore
    moments: Moments = field(default_factory=Moments)
    counts: Counts = field(default_factory=Counts)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.orchestrator_slots = asyncio.Semaphore(self.options.max_orchestrators)
        self.activity_slots = asyncio.Semaphore(self.options.max_activities)
