"""Plays orchestrations over memory: the very generators of functions/, their steps dispatched, their timers
moving the clock instead of waiting."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from domain.catalogue import catalogue
from domain.dispatch import Dispatcher
from domain.kernel.actor import Actor
from domain.kernel.context import RUN_ORCHESTRATION, snake
from domain.kernel.envelope import Envelope, Message
from domain.kernel.errors import Conflict, Unavailable
from domain.kernel.journal import Journal
from domain.ports import Store
from functions import infrastructure, promotion
from functions.orchestrations import ORCHESTRATORS, order_of, take

ORCHESTRATED = (infrastructure, promotion)

STEPS = {snake(handler.name): handler.name for handler in catalogue().steps}

MOST_TRIES = 5


class Clock(Protocol):
    moment: datetime

    def step(self, seconds: float = 1) -> datetime: ...


@dataclass(frozen=True)
class Activity:
    name: str
    call: dict[str, Any]


@dataclass(frozen=True)
class Timer:
    fire_at: datetime


class Context:
    """What the orchestrators use of `DurableOrchestrationContext`."""

    def __init__(self, order: dict[str, Any], clock: Clock) -> None:
        self._order, self._clock = order, clock
        self.again: dict[str, Any] | None = None

    @property
    def current_utc_datetime(self) -> datetime:
        return self._clock.moment

    def get_input(self) -> dict[str, Any]:
        return self._order

    def call_activity_with_retry(self, name: str, retries: object, call: dict[str, Any]) -> Activity:
        return Activity(name, call)

    def create_timer(self, fire_at: datetime) -> Timer:
        return Timer(fire_at)

    def continue_as_new(self, order: dict[str, Any]) -> None:
        self.again = order


type Between = Callable[[], Awaitable[None]]
type Taken = Callable[[Activity], Awaitable[dict[str, Any]]]


class Orchestrations:
    """Runs what commits begin, and hands what its steps came to to `handled`. `begun` holds the instances by
    id, as the durable host would."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        store: Store,
        clock: Clock,
        handled: Callable[[Journal], Awaitable[None]],
    ) -> None:
        self._dispatcher, self._store, self._clock, self._handled = dispatcher, store, clock, handled
        self.begun: dict[str, dict[str, Any]] = {}

    async def dispatch(self, envelope: Envelope, actor: Actor, *, may_be_repeat: bool = False) -> Journal:
        """As the dispatcher, for `take`."""
        journal = await self._dispatcher.dispatch(envelope, actor, may_be_repeat=may_be_repeat)
        await self._handled(journal)
        return journal

    def beginning(self, message: Message) -> dict[str, Any] | None:
        """The order that a message begins, the first time that it comes."""
        envelope = Envelope.parse(message.body)
        if envelope.event_type != RUN_ORCHESTRATION:
            return None
        initiator = message.properties.get("cs-initiator")
        order = order_of(envelope, None if initiator is None else str(initiator))
        if order["id"] in self.begun:
            return None
        self.begun[order["id"]] = order
        return order

    async def play(self, order: dict[str, Any], between: Between | None = None) -> Any:
        """Run one to its end; `between` is awaited whenever it waits for a timer, before the clock moves."""
        running = Running(order, self._clock, self.taken)
        while not running.is_over:
            if running.due is not None:
                if between is not None:
                    await between()
                self._clock.step(max((running.due - self._clock.moment).total_seconds(), 0))
            await running.turn()
            if running.tries:
                self._clock.step(3)
        return running.ended

    async def taken(self, asked: Activity) -> dict[str, Any]:
        """The answer of a step, which may have been taken before. Raises what is worth another try."""
        name = STEPS[asked.name]
        return await take(name, asked.call, self, self._store, self._clock.moment)


class Running:
    """An orchestration played turn by turn, so that others come in between. A turn is one try of a step, or
    a timer; `asked` is what the next one is about."""

    def __init__(self, order: dict[str, Any], clock: Clock, taken: Taken) -> None:
        self.id: str = order["id"]
        self.is_over, self.ended, self.tries = False, None, 0
        self._clock, self._taken = clock, taken
        self._begin(order)

    @property
    def due(self) -> datetime | None:
        """When the timer that it waits for fires; None where it waits for none."""
        return self.asked.fire_at if isinstance(self.asked, Timer) else None

    async def turn(self) -> None:
        """What cannot be taken after so many tries has failed for good."""
        asked = self.asked
        if isinstance(asked, Timer):
            self._go_on(lambda: self._turns.send(None))
            return
        try:
            answer = await self._taken(asked)
        except (Unavailable, Conflict) as error:
            self.tries += 1
            if self.tries == MOST_TRIES:
                self.tries, failure = 0, error
                self._go_on(lambda: self._turns.throw(failure))
            return
        self.tries = 0
        self._go_on(lambda: self._turns.send(answer))

    def _begin(self, order: dict[str, Any]) -> None:
        self._context = Context(order, self._clock)
        self._turns = ORCHESTRATORS[order["orchestration"]](self._context)
        self._go_on(lambda: next(self._turns))

    def _go_on(self, goes_on: Callable[[], Activity | Timer]) -> None:
        try:
            self.asked = goes_on()
        except StopIteration as ended:
            if self._context.again is not None:
                self._begin(self._context.again)
                return
            self.is_over, self.ended = True, ended.value
