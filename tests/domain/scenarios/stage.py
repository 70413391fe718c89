"""What a scenario is, and where it is played."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tests.domain.builds import GOOD, Build

type Payload = dict[str, Any]
type Reply = dict[str, Any]

# Who sends: whoever plans a release can't approve it.
ADA, GRACE = "ada", "grace"


class Stage(Protocol):
    """Where a scenario is played: one project of one tenant."""

    async def send(self, command: str, payload: Payload, *, by: str = ADA) -> Reply:
        """Have a command handled under an id of its own, and the reactions to its facts as well."""

    async def built(self, run_id: int, build: Build = GOOD) -> Payload:
        """Have a run come to a build; the payload of its BuildCompleted, with the reactions done."""

    async def connect(self, environment: str) -> None:
        """Have an agent follow the environment's branch in the project's GitOps repository."""

    async def settled(self, collection: str, id: str) -> Payload:
        """An aggregate as the views show it, once what goes on by itself is over."""

    def name(self, stem: str) -> str:
        """A name beginning with `stem` that nothing in this project has yet."""


type Preparation = Callable[[Stage], Awaitable[Payload]]


@dataclass(frozen=True)
class Scenario:
    """`effects`: what the command makes the outside do, as the memory adapters count it; `by`: who sends;
    `later`: the facts of its orchestration, which come by themselves."""

    command: str
    prepare: Preparation
    aggregate: str
    events: tuple[str, ...]
    effects: Mapping[str, int]
    by: str = ADA
    refused_with: Payload | None = None
    """What to change in the payload so that it is refused; None: to send it once more is enough."""
    later: tuple[str, ...] = ()


SCENARIOS: dict[str, Scenario] = {}


def scenario(
    aggregate: str,
    *events: str,
    effects: Mapping[str, int],
    by: str = ADA,
    refused_with: Payload | None = None,
    later: tuple[str, ...] = (),
) -> Callable[[Preparation], Preparation]:
    """Register the preparation of the command that the function's name spells: `create_branch`."""

    def register(prepare: Preparation) -> Preparation:
        command = "".join(part.title() for part in prepare.__name__.split("_"))
        SCENARIOS[command] = Scenario(command, prepare, aggregate, events, effects, by, refused_with, later)
        return prepare

    return register


async def accepted(stage: Stage, command: str, payload: Payload, *, by: str = ADA) -> Reply:
    """Send a prerequisite that must be accepted; its reply."""
    reply = await stage.send(command, payload, by=by)
    assert reply["outcome"] == "accepted", f"{command}: {reply}"
    return reply


async def fact(stage: Stage, command: str, payload: Payload, *, by: str = ADA) -> Payload:
    """Send a prerequisite that must be accepted; the payload of its only fact."""
    reply = await accepted(stage, command, payload, by=by)
    (event,) = reply["events"]
    result: Payload = event["payload"]
    return result


async def prepared(stage: Stage, command: str) -> Payload:
    """Play another command's scenario to its end; the payload of its fact."""
    scenario = SCENARIOS[command]
    return await fact(stage, command, await scenario.prepare(stage), by=scenario.by)
