"""The steps of orchestrations as ways into the platform: each of every journey, on the ground it meets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from domain.kernel.actor import Actor
from domain.kernel.envelope import Envelope
from domain.kernel.journal import Journal
from tests.crash.ground import Ground, frozen, thawed
from tests.crash.trial import DryRun, dry_run
from tests.crash.ways import Arrival, sent
from tests.domain.journeys import Journey
from tests.domain.world import World
from tests.orchestrations import Orchestrations


@dataclass(frozen=True)
class StepWay:
    """One step, about to be taken. One that only looked, and left no row, is not among them."""

    name: str
    arrival: Arrival
    data: bytes

    async def start(self) -> Ground:
        return thawed(self.data)

    async def dry_run(self) -> DryRun:
        return await dry_run(self.arrival, self.start)


class _Noting(Orchestrations):
    """Plays a world's orchestrations, and notes each step before it is taken."""

    def __init__(self, world: World) -> None:
        super().__init__(world.dispatcher, world.store, world.clock, world.react)
        self._world = world
        self.noted: list[StepWay] = []
        self.looks = 0

    async def dispatch(self, envelope: Envelope, actor: Actor, *, may_be_repeat: bool = False) -> Journal:
        data = frozen(await Ground.of(self._world))
        journal = await super().dispatch(envelope, actor, may_be_repeat=may_be_repeat)
        if await self._world.store.handled(self._world.partition, envelope.event_id) is None:
            self.looks += 1
        else:
            self.noted.append(StepWay(envelope.event_type, sent(envelope, actor), data))
        return journal


@dataclass(frozen=True)
class Begun:
    """A journey that has begun: the ground of it, and what the durable host was told."""

    order: Mapping[str, Any]
    data: bytes
    steps: tuple[StepWay, ...]
    looks: int


_begun: dict[str, Begun] = {}


async def begun(journey: Journey) -> Begun:
    """Played once in a process."""
    if journey.name not in _begun:
        world = World()
        await journey.begin(world)
        (order,) = world.begun
        data = frozen(await Ground.of(world))
        noting = _Noting(world)
        await noting.play(order)
        _begun[journey.name] = Begun(order, data, tuple(noting.noted), noting.looks)
    return _begun[journey.name]
