"""A dispatcher over memory with the sample context, and stores and brokers that misbehave on request."""

from datetime import timedelta
from typing import Any, override

from adapters.memory.broker import MemoryBroker
from adapters.memory.store import MemoryStore
from domain.dispatch import Dispatcher
from domain.kernel.actor import Actor
from domain.kernel.envelope import Envelope
from domain.kernel.errors import Conflict, Unavailable
from domain.kernel.journal import Committed, Journal, TraceNode, Transaction
from domain.kernel.values import Redaction
from domain.kernel.work import Partition
from tests.domain.kernel import sample
from tests.domain.kernel.sample import Door
from tests.domain.world import Clock

HERE = Partition("connectsoft", "proj")


class UnluckyStore(MemoryStore):
    """Somebody else is quicker for the next `losses` commits."""

    losses = 0
    settling = True

    @override
    async def commit(self, transaction: Transaction) -> Committed:
        if self.losses > 0:
            self.losses -= 1
            raise Conflict("somebody else was quicker")
        return await super().commit(transaction)

    @override
    async def settle(self, journal: Journal) -> None:
        if not self.settling:
            raise Unavailable("store", "switched off")
        await super().settle(journal)


class House:
    """A dispatcher over memory with the sample context."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store, self.broker = UnluckyStore(self.clock.now), MemoryBroker()
        redaction = Redaction(b"a key of tests")
        self.dispatcher = Dispatcher(
            sample.catalogue, self.store, self.broker, self.port, redaction, self.clock.now
        )

    def port(self, kind: type) -> object:
        raise AssertionError(f"nobody asked for {kind}")

    def message(self, id: str = "cmd-1", name: str = "OpenDoor", **payload: Any) -> Envelope:
        return Envelope(
            event_id=id,
            event_type=name,
            tenant_id=HERE.tenant_id,
            project_id=HERE.project_id,
            trace_id="trace-1",
            correlation_id="corr-1",
            occurred_at=self.clock.now(),
            payload={"doorId": "door-1"} | payload,
        )

    async def dispatch(self, message: Envelope, *, may_be_repeat: bool = False) -> Journal:
        journal = await self.dispatcher.dispatch(message, Actor("ada"), may_be_repeat=may_be_repeat)
        await self.dispatcher.drain()
        return journal

    async def wear_out(self) -> None:
        for turn in range(3):
            await self.dispatch(self.message(f"cmd-before-{turn}"))
        sample.ran.clear()
        self.broker.published.clear()

    async def door(self) -> Door:
        loaded = await self.store.load(HERE, Door, "door-1")
        assert loaded is not None
        return loaded.aggregate

    async def nodes(self) -> dict[str, TraceNode]:
        return {node.id: node for node in await self.store.trace(HERE.tenant_id, "trace-1")}

    async def left_behind(self) -> list[str]:
        soon = self.clock.now() + timedelta(seconds=1)
        return [journal.outcome.command_id async for journal in self.store.unpublished(soon)]
