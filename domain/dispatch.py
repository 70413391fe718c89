"""One command's way: handler -> one transaction -> publish. Every door leads here."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any

from domain.catalogue import Catalogue
from domain.kernel.actor import Actor
from domain.kernel.command import fingerprint
from domain.kernel.context import Handler
from domain.kernel.envelope import Envelope
from domain.kernel.errors import Conflict, FieldError, Invalid, Rejected
from domain.kernel.journal import Journal, Transaction
from domain.kernel.values import Redaction, validated
from domain.kernel.work import Partition, Work
from domain.ports import Broker, Store
from domain.sealing import Sealer

log = logging.getLogger(__name__)

# Each try starts from what the winner left; after five lost races in a row let it be redelivered.
TRIES = 5

# Commands whose messages the timer sends together: after an outage there are many.
BATCH = 32


class KeyReused(Invalid):
    """A command's id came back with another body; nothing was done."""

    def __init__(self, command_id: str) -> None:
        super().__init__([FieldError("Idempotency-Key", f"{command_id} was used before with another body")])


class Dispatcher:
    """Runs commands. `ports` gives the adapter for a port's type; `now` is the clock."""

    def __init__(
        self,
        catalogue: Catalogue,
        store: Store,
        broker: Broker,
        ports: Callable[[type], object],
        redaction: Redaction,
        now: Callable[[], datetime],
    ) -> None:
        self._catalogue, self._store, self._broker = catalogue, store, broker
        self._ports, self._now = ports, now
        self._sealer = Sealer(catalogue, redaction)
        self._background: set[asyncio.Task[None]] = set()

    async def dispatch(self, envelope: Envelope, actor: Actor, *, may_be_repeat: bool = False) -> Journal:
        """Handle a command once, however often it comes; answers its journal row.

        `may_be_repeat` (a redelivery, or a client's own key) looks for the earlier outcome first; without it
        a repeat is found by the transaction itself, which saves the common case a round trip.
        Raises `Invalid`, `NotFound`, `Unavailable`, `Conflict`.
        """
        handler = self._catalogue.handlers.get(envelope.event_type)
        if handler is None:
            raise Invalid([FieldError("eventType", f"{envelope.event_type} is not a known command")])
        command = validated(handler.command, envelope.payload, at="payload")
        if may_be_repeat:
            partition = Partition(envelope.tenant_id, envelope.project_id)
            earlier = await self._store.handled(partition, envelope.event_id)
            if earlier is not None:
                return await self._answer_again(earlier, envelope)
        for attempt in range(1, TRIES + 1):
            work = Work(envelope, actor, self._now(), self._store, is_observation=handler.is_observation)
            try:
                transaction = await self._decide(handler, command, work)
                if _is_nothing_new(transaction, handler, envelope):
                    return await self._nothing_new(transaction.journal, envelope)
                committed = await self._store.commit(transaction)
            except Conflict:
                if attempt == TRIES:
                    raise
                continue
            except Rejected as taken:
                committed = await self._store.commit(
                    self._sealer.seal_rejection(handler, work, taken.sentence)
                )
            if committed.repeated:
                return await self._answer_again(committed.journal, envelope)
            if committed.journal.pending:
                await self._publish(committed.journal)
            return committed.journal
        raise AssertionError("unreachable")

    async def _decide(self, handler: Handler, command: object, work: Work) -> Transaction:
        """Run the handler; the domain's no is an outcome like its yes."""
        ports = {name: self._ports(port) for name, port in handler.ports.items()}
        try:
            await handler.function(command, work, **ports)
        except Rejected as rejected:
            return self._sealer.seal_rejection(handler, work, rejected.sentence)
        return self._sealer.seal(handler, work)

    async def _nothing_new(self, journal: Journal, envelope: Envelope) -> Journal:
        """What was looked at is as it was known: that leaves no row, unless an earlier delivery of the same
        observation left one."""
        earlier = await self._store.handled(journal.partition, envelope.event_id)
        return journal if earlier is None else await self._answer_again(earlier, envelope)

    async def _answer_again(self, earlier: Journal, envelope: Envelope) -> Journal:
        if earlier.outcome.fingerprint != fingerprint(envelope.event_type, envelope.payload):
            raise KeyReused(envelope.event_id)
        if earlier.pending:
            await self._publish(earlier)
        return earlier

    async def receive(self, journal: Journal, raw: str) -> Journal:
        """Take in what the outside sent, once, and pass on what follows from it."""
        committed = await self._store.receive(journal, raw)
        if committed.journal.pending:
            await self._publish(committed.journal)
        return committed.journal

    async def publish_left_behind(self, committed_before: datetime) -> int:
        """Publish what crashes and broker outages left; answers how many commands' messages went out.

        Raises `Unavailable` at the first failure: the rest waits for the next round.
        """
        count = 0
        batch: list[Journal] = []
        try:
            async for journal in self._store.unpublished(committed_before):
                batch.append(journal)
                if len(batch) == BATCH:
                    full, batch = batch, []
                    count += await self._make_good(full)
        finally:
            # Also where the walk failed half way: what was found goes out, round after round.
            count += await self._make_good(batch)
        return count

    async def _make_good(self, journals: Sequence[Journal]) -> int:
        messages = [message for journal in journals for message in journal.messages]
        if messages:
            await self._broker.publish(messages)
        await asyncio.gather(*(self._store.settle(journal) for journal in journals))
        return len(journals)

    async def _publish(self, journal: Journal) -> None:
        """Send now; a failure is the outbox timer's to make good, never the command's."""
        try:
            if journal.messages:
                await self._broker.publish(journal.messages)
        except Exception as error:
            log.warning("%s: left for the outbox timer: %s", journal.outcome.command_id, error)
            return
        self._in_background(self._settle(journal))

    async def _settle(self, journal: Journal) -> None:
        try:
            await self._store.settle(journal)
        except Exception as error:
            log.warning("%s: its outbox row stays for the timer: %s", journal.outcome.command_id, error)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def drain(self) -> None:
        """Wait for the work that is off the latency path."""
        while self._background:
            done, _ = await asyncio.wait(self._background)
            self._background -= done  # their own callbacks may not have run yet


def _is_nothing_new(transaction: Transaction, handler: Handler, envelope: Envelope) -> bool:
    """What changes nothing: an observation from outside, for hooks and reconcilers send many, for ever; a
    step of an orchestration that only looks whether it may go on. An observation that follows from a fact
    has its place in that fact's trace, so its row stays."""
    only_looks = handler.is_step or (handler.is_observation and envelope.causation_id is None)
    return only_looks and not transaction.records and transaction.journal.outcome.rejection is None
