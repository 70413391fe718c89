"""What outlives every process: the stored, the published, the provider's repositories, and the time."""

import io
import itertools
import pickle
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.memory.broker import MemoryBroker
from domain.catalogue import Catalogue, catalogue
from domain.kernel.journal import Journal
from domain.kernel.work import Partition
from domain.ports import Store
from tests.crash.ending import Ending, States, assert_committed, ending, pending, states
from tests.crash.process import Process
from tests.crash.wire import Wire
from tests.domain.world import Clock, World, effects_of


@dataclass
class Ground:
    """`states` and `effects` are those from before the message; look through ports that meet no fault."""

    partition: Partition
    clock: Clock
    store: Store
    broker: MemoryBroker
    ports: Mapping[type, object]
    states: States
    effects: Counter[str]
    wire: Wire | None = None
    """Of the process under fault, where it goes over a network."""

    @classmethod
    async def of(cls, world: World) -> "Ground":
        """The world as it is now; what it had to say before does not count."""
        await world.dispatcher.drain()
        world.clock.step()
        world.topics.published.clear()
        before = await states(world.store, world.partition)
        ground = cls(world.partition, world.clock, world.store, world.topics, world.ports, before, Counter())
        ground.effects = await ground.census()
        return ground

    def process(self, *, under_fault: bool = False) -> Process:
        """One more process; faults that are not the ports' but the network's hit only one `under_fault`."""
        return Process(self.store, self.broker, self.ports, self.clock)

    def shape(self, text: str) -> str:
        """The text as it can be compared with another trial's."""
        return text

    async def census(self) -> Counter[str]:
        """What the outside has been made to do so far, or what it holds, by kind."""
        return effects_of(self.ports)

    async def close(self) -> None:
        """Give connections back."""

    async def journal(self, id: str) -> Journal | None:
        return await self.store.handled(self.partition, id)

    async def is_pending(self, id: str) -> bool:
        return await pending(self.store, self.partition, id, self.clock.now)

    async def current_states(self) -> States:
        return await states(self.store, self.partition)

    async def assert_nothing_uncommitted(self, id: str) -> None:
        """Whatever was lost by now, nobody was told of it."""
        journal = await self.journal(id)
        assert_committed(self.broker.published, journal)
        if journal is None:
            assert await self.current_states() == self.states, "changed without its command"
        elif journal.pending:
            assert await self.is_pending(id), "the timer does not find it"

    async def ending(self, id: str) -> Ending:
        assert not await self.is_pending(id), "the timer still finds it"
        since = await self.census() - self.effects
        return await ending(self.store, self.partition, id, self.broker.published, since)


class _Pickler(pickle.Pickler):
    """A count forgets how far it was, so it goes on far beyond; the registry is the process's own."""

    def reducer_override(self, obj: object) -> Any:
        if isinstance(obj, Catalogue):
            return catalogue, ()
        return (itertools.count, (1_000_000,)) if isinstance(obj, itertools.count) else NotImplemented


def frozen(what: object) -> bytes:
    """A ground or a world over memory, to begin from as often as there are faults."""
    buffer = io.BytesIO()
    _Pickler(buffer, pickle.HIGHEST_PROTOCOL).dump(what)
    return buffer.getvalue()


def thawed(data: bytes) -> Ground:
    return thawed_as(Ground, data)


def thawed_as[T](kind: type[T], data: bytes) -> T:
    found = pickle.loads(data)
    assert isinstance(found, kind)
    return found
