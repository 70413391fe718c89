"""The loop of one live instance: a message, a turn, a transaction, and only then what follows from it."""

import asyncio
import json
import logging
import uuid
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from infra.local.functions_host.durable import turn
from infra.local.functions_host.durable.decision import Decision
from infra.local.functions_host.durable.events import Event, Kind, completes, event, now
from infra.local.functions_host.durable.hub import Hub
from infra.local.functions_host.durable.record import Loaded, Message, Record, Status

log = logging.getLogger("functions_host.durable")


class Effects(Protocol):
    """What an instance sets going once it is stored."""

    def begin(self, instance: "Instance", begun: Sequence[Event]) -> None:
        """Run the activities, set the timers, make the sub-orchestrations."""

    def tell_parent(self, record: Record) -> None:
        """The instance has come to its end: whoever called it goes on."""


class Instance:
    """In memory from its start to its end."""

    def __init__(self, hub: Hub, effects: Effects, loaded: Loaded) -> None:
        self._hub, self._effects = hub, effects
        self.record, self.history = loaded.record, loaded.history
        self._inbox: deque[Message] = deque(loaded.inbox)
        self._arrived = asyncio.Event()
        self._completed = {done for each in self.history if (done := completes(each)) is not None}
        self._told: set[str] = set()
        self.ended = asyncio.Event()

    def deliver(self, message: Message) -> None:
        """A message that is stored, or needs not to be."""
        self._inbox.append(message)
        self._arrived.set()

    def wake(self) -> None:
        """Look again, since the host stops."""
        self._arrived.set()

    def waiting_completions(self) -> set[int]:
        """The ids that have a completion in the inbox."""
        present = (m for m in self._inbox if m.execution_id == self.record.execution_id)
        return {done for message in present if (done := completes(message.event)) is not None}

    def hand_over(self, to: Loaded) -> None:
        """Messages that arrived while it was read go on with it."""
        read = {message.row for message in to.inbox}
        to.inbox += [
            message for message in self._inbox if message.row is not None and message.row not in read
        ]

    async def run(self) -> None:
        """Return at the instance's end, or when the host stops. Raises LostTheRace, InvocationCancelled."""
        while not self.record.is_terminal and not self._hub.stopping.is_set():
            if not self.history and self._may_start():
                await self._take_turn(None)
                continue
            message = self._next()
            if message is None:
                self._arrived.clear()
                await self._arrived.wait()
            elif self._is_stale(message):
                await self._hub.store.drop(self.record.instance_id, message)
            elif message.kind == "completion":
                await self._take_turn(message)
            else:
                await self._control(message)
        if self.record.is_terminal:
            self.ended.set()

    def _may_start(self) -> bool:
        held = any(message.kind != "completion" for message in self._inbox)
        return self.record.status != "Suspended" and not held

    def _next(self) -> Message | None:
        """The oldest message; of a suspended instance, or one that has not begun, the oldest that may."""
        only_control = self.record.status == "Suspended" or not self.history
        for message in self._inbox:
            if not only_control or message.kind != "completion":
                self._inbox.remove(message)
                return message
        return None

    def _is_stale(self, message: Message) -> bool:
        if message.execution_id and message.execution_id != self.record.execution_id:
            return True
        done = completes(message.event)
        return done is not None and (done in self._completed or done in self.record.cancelled)

    async def _take_turn(self, message: Message | None) -> None:
        hub, record = self._hub, self.record
        hub.moments.reach("turn-begin", record.instance_id, record.name)
        new = turn.begin(record, self.history, message.event if message else None)
        decision, custom_status = await turn.run(hub, record, [*self.history, *new])
        hub.moments.reach("turn-decided", record.instance_id, record.name)
        self._tell(decision)
        at = now()
        new += [*decision.begun, event(Kind.TURN_COMPLETED, at), *self._ending(decision, at)]
        of = (record.execution, record.turn)
        record.cancelled = decision.cancelled
        record.custom_status = custom_status or record.custom_status
        self._move_on(decision, at)
        continued = decision.end == "ContinuedAsNew"
        carried = await hub.store.commit(
            record, of=of, events=new, used=message, carried=decision.carried, with_input=continued
        )
        hub.moments.reach("turn-stored", record.instance_id, record.name)
        self._effects.begin(self, decision.begun)
        self._remember(new, continued)
        self._inbox.extendleft(reversed(carried))
        if record.is_terminal:
            self._effects.tell_parent(record)

    def _move_on(self, decision: Decision, at: datetime) -> None:
        record = self.record
        record.updated, record.commit_id, record.turn = at, uuid.uuid4().hex, record.turn + 1
        if decision.end == "ContinuedAsNew":
            record.execution, record.turn, record.execution_id = record.execution + 1, 0, uuid.uuid4().hex
            record.input, record.cancelled, record.status = decision.output, frozenset(), "Running"
        elif decision.end is not None:
            record.status, record.output = decision.end, decision.output
        else:
            record.status = "Running"

    def _ending(self, decision: Decision, at: datetime) -> list[Event]:
        if decision.end is None:
            return []
        kind = Kind.CONTINUED_AS_NEW if decision.end == "ContinuedAsNew" else Kind.EXECUTION_COMPLETED
        result = None if decision.end == "ContinuedAsNew" else decision.output
        return [event(kind, at, Result=result, OrchestrationStatus=decision.end)]

    def _remember(self, new: Sequence[Event], continued: bool) -> None:
        if continued:
            self.history, self._completed = [], set()
            return
        self.history += [each | {"IsPlayed": True} for each in new]
        self._completed |= {done for each in new if (done := completes(each)) is not None}

    def _tell(self, decision: Decision) -> None:
        """Once for each instance, however many turns it lasts."""
        name, instance_id = self.record.name, self.record.instance_id
        if decision.ran_ahead and "ahead" not in self._told:
            self._told.add("ahead")
            self._hub.counts.ran_ahead += 1
            log.warning(
                "SDK ran ahead: '%s' of %s went on while an action before it has not come to its end; "
                "on the platform it may wait for ever",
                name,
                instance_id,
            )
        if decision.waits_for_nothing and decision.end is None and "nothing" not in self._told:
            self._told.add("nothing")
            log.warning("'%s' of %s waits for nothing that could come", name, instance_id)
        for remark in decision.remarks:
            if remark not in self._told:
                self._told.add(remark)
                log.warning("'%s' of %s: %s", name, instance_id, remark)

    async def _control(self, message: Message) -> None:
        """Terminate, suspend or resume: a turn without the orchestrator."""
        record, at = self.record, now()
        moments = self._hub.moments
        moments.reach("turn-begin", record.instance_id, message.kind)
        status: Status = record.status
        events: list[Event] = [message.event]
        if message.kind == "terminate":
            status, record.output = "Terminated", json.dumps(message.event.get("Reason"))
        elif message.kind == "suspend":
            status = "Suspended"
        elif record.status == "Suspended":
            status = "Running" if self.history else "Pending"
        else:
            events = []
        record.status, record.updated, record.commit_id = status, at, uuid.uuid4().hex
        moments.reach("turn-decided", record.instance_id, message.kind)
        # In the history only where there is one: an execution begins with its own start.
        if not self.history and status != "Terminated":
            events = []
        of = (record.execution, record.turn)
        record.turn += 1 if events else 0
        await self._hub.store.commit(record, of=of, events=events, used=message)
        moments.reach("turn-stored", record.instance_id, message.kind)
        self._remember(events, continued=False)
        if record.is_terminal:
            self._effects.tell_parent(record)
