"""One scenario per public command and setting, in wire terms only, so that any door can play it.

A `Stage` is whatever can send a command and answer its reply with the reactions done: `World` in memory, a
queue, HTTP. `SCENARIOS["CreateBranch"].prepare(stage)` sends the commands that must come first and answers
a valid payload; the rest of the scenario says what one handling of that payload comes to.
"""

from tests.domain.scenarios.development import commit_to, configure_without, unprotected_repository
from tests.domain.scenarios.operations import (
    ENVIRONMENT,
    another_release,
    approved_release,
    configure,
    environment_with_a_branch,
    with_infrastructure,
)
from tests.domain.scenarios.stage import (
    ADA,
    GRACE,
    SCENARIOS,
    Payload,
    Reply,
    Scenario,
    Stage,
    accepted,
    fact,
    prepared,
)

__all__ = [
    "ADA",
    "ENVIRONMENT",
    "GRACE",
    "SCENARIOS",
    "Payload",
    "Reply",
    "Scenario",
    "Stage",
    "accepted",
    "another_release",
    "approved_release",
    "commit_to",
    "configure",
    "configure_without",
    "environment_with_a_branch",
    "fact",
    "prepared",
    "unprotected_repository",
    "with_infrastructure",
]
