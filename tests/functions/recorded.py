"""Orchestrations on the real SDK without a host: what they begin is done in a world over memory, and the
history of each execution is kept as the host would store it."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from domain.kernel.errors import Conflict, Unavailable
from functions.orchestrations import ORCHESTRATORS
from infra.local.functions_host.durable.decision import Decision, decide
from infra.local.functions_host.durable.events import Event, Kind, event, from_text, pending
from infra.local.functions_host.durable.replay import answer
from tests.domain.world import World
from tests.orchestrations import Activity

MOST_TURNS = 2000

type History = list[Event]


class Recorded:
    """One orchestration. `away` holds how often more the activities of a name fail, without having been run;
    `between` is awaited before each timer fires."""

    def __init__(self, world: World, order: dict[str, Any]) -> None:
        self.id: str = order["id"]
        self.kind: str = order["orchestration"]
        self.histories: list[History] = []
        self.away: Counter[str] = Counter()
        self.output: Any = None
        self._world, self._input = world, json.dumps(order)

    async def play(self, between: Callable[[], Awaitable[None]] | None = None) -> Any:
        """To its end, which must be its own; answers its output."""
        decision = self._begin(self._input)
        for _ in range(MOST_TURNS):
            if decision.end == "ContinuedAsNew":
                decision = self._begin(decision.output)
                continue
            if decision.end is not None:
                assert decision.end == "Completed", decision.output
                self.output = json.loads(decision.output or "null")
                return self.output
            # One thing after another is all that they do.
            (begun,) = pending(self.histories[-1])
            is_timer = begun["EventType"] == Kind.TIMER_CREATED
            if is_timer and between is not None:
                await between()
            decision = self._turn(await (self._fired(begun) if is_timer else self._done(begun)))
        raise AssertionError(f"{self.id} has not come to its end")

    def _begin(self, given: str | None) -> Decision:
        self.histories.append([])
        self._input = given or "null"
        started = event(Kind.EXECUTION_STARTED, self._now(), Name=self.kind, Version="", Input=given)
        return self._turn(started)

    def _turn(self, completion: Event) -> Decision:
        past = self.histories[-1]
        past += [event(Kind.TURN_STARTED, self._now()), completion]
        given = [each | {"IsPlayed": place < len(past) - 2} for place, each in enumerate(past)]
        decision = decide(self.kind, answer(ORCHESTRATORS[self.kind], given, self.id), given, "execution")
        assert not decision.ran_ahead and not decision.waits_for_nothing
        past += [*decision.begun, event(Kind.TURN_COMPLETED, self._now())]
        return decision

    async def _fired(self, timer: Event) -> Event:
        clock = self._world.clock
        clock.moment = max(clock.moment, from_text(timer["FireAt"]))
        return event(Kind.TIMER_FIRED, self._now(), TimerId=timer["EventId"], FireAt=timer["FireAt"])

    async def _done(self, scheduled: Event) -> Event:
        name, about = scheduled["Name"], {"TaskScheduledId": scheduled["EventId"]}
        try:
            if self.away[name]:
                self.away[name] -= 1
                raise Unavailable("the platform", "it is away")
            found = await self._world.orchestrations.taken(Activity(name, json.loads(scheduled["Input"])))
        except (Unavailable, Conflict) as error:
            return event(Kind.TASK_FAILED, self._now(), **about, Reason=str(error), Details="")
        return event(Kind.TASK_COMPLETED, self._now(), **about, Result=json.dumps(found))

    def _now(self) -> datetime:
        return self._world.clock.moment
