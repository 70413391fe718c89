"""What follows from a stored turn: activities run, timers are set, children begin and report back."""

import asyncio
import json
import logging
import uuid
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from infra.local.functions_host.durable.alarms import Alarms
from infra.local.functions_host.durable.events import Event, Kind, event, from_text, now
from infra.local.functions_host.durable.hub import Hub
from infra.local.functions_host.durable.instance import Instance
from infra.local.functions_host.durable.record import Message, Parent, Record, is_instance_id
from infra.local.functions_host.durable.rows import TooLarge, limited
from infra.local.functions_host.durable.store import AlreadyExists
from infra.local.functions_host.invocation import InvocationCancelled
from infra.local.functions_host.protos import TypedData
from infra.local.functions_host.worker import FunctionFailed, Invocation

log = logging.getLogger("functions_host.durable")

Live = Callable[[str], Instance | None]


class HubEffects:
    """Implements Effects. Every one of them can be begun again after a crash."""

    def __init__(self, hub: Hub, live: Live, take_up: Callable[[Record], None]) -> None:
        self._hub, self._live, self._take_up = hub, live, take_up
        self._alarms = Alarms()
        self._running: set[tuple[str, int]] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self._clock: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._clock = asyncio.create_task(self._alarms.run(), name="durable timers")

    def stop(self) -> None:
        if self._clock is not None:
            self._clock.cancel()

    def begin(self, instance: Instance, begun: Sequence[Event]) -> None:
        for each in begun:
            match each["EventType"]:
                case Kind.TASK_SCHEDULED:
                    self._spawn(self._run_activity(instance.record, instance.record.execution_id, each))
                case Kind.CHILD_CREATED:
                    self._spawn(self._begin_child(instance.record, instance.record.execution_id, each))
                case Kind.TIMER_CREATED if each["EventId"] not in instance.record.cancelled:
                    self._set_timer(instance, each)

    def tell_parent(self, record: Record) -> None:
        if record.parent is not None and self._live(record.parent.instance_id) is not None:
            self._spawn(self._tell_parent(record, record.parent))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._logged(work))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _logged(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception:
            log.exception("A step of an orchestration was lost until the next start of the host")

    def _set_timer(self, instance: Instance, created: Event) -> None:
        fired = partial(self._fire, instance.record.instance_id, instance.record.execution_id, created)
        self._alarms.set(from_text(created["FireAt"]), fired)

    def _fire(self, instance_id: str, execution_id: str, created: Event) -> None:
        if (instance := self._live(instance_id)) is not None:
            fired = event(Kind.TIMER_FIRED, now(), TimerId=created["EventId"], FireAt=created["FireAt"])
            instance.deliver(Message("completion", fired, execution_id))

    async def _run_activity(self, record: Record, execution_id: str, scheduled: Event) -> None:
        hub, name, key = self._hub, str(scheduled["Name"]), (execution_id, int(scheduled["EventId"]))
        if key in self._running:
            return  # its instance was loaded anew meanwhile, and will get the result
        self._running.add(key)
        try:
            async with hub.activity_slots:
                if hub.stopping.is_set():
                    return
                completion = await self._completion(record, name, scheduled)
            await self._report(record.instance_id, Message("completion", completion, execution_id))
            hub.moments.reach("activity-stored", record.instance_id, name)
        except InvocationCancelled:
            return  # the next host runs it again
        finally:
            self._running.discard(key)

    async def _completion(self, record: Record, name: str, scheduled: Event) -> Event:
        hub, taken = self._hub, scheduled["EventId"]
        trigger = hub.activities.get(name.lower())
        if trigger is None:
            reason = f"The function '{name}' doesn't exist, is disabled, or is not an activity function."
            return event(Kind.TASK_FAILED, now(), TaskScheduledId=taken, Reason=reason, Details="")
        call = Invocation({trigger.parameter: TypedData(string=scheduled.get("Input") or "null")})
        hub.moments.reach("activity-begin", record.instance_id, name)
        hub.counts.activities += 1
        try:
            outcome = await hub.invoker.run(trigger.function, call, f"activity of {record.instance_id}")
            value = outcome.return_value
            result = limited(str(value.value) if value is not None and value.kind is not None else "null")
        except (FunctionFailed, TooLarge) as failure:
            hub.moments.reach("activity-returned", record.instance_id, name)
            return event(
                Kind.TASK_FAILED,
                now(),
                TaskScheduledId=taken,
                Reason=f"Activity function '{name}' failed:  {failure}",
                Details=json.dumps({"Message": str(failure)}),
            )
        hub.moments.reach("activity-returned", record.instance_id, name)
        return event(Kind.TASK_COMPLETED, now(), TaskScheduledId=taken, Result=result)

    async def _report(self, instance_id: str, message: Message) -> None:
        """Stored first: a result that is known is not computed again. Dropped where nobody waits for it."""
        instance = self._live(instance_id)
        if instance is None or instance.record.execution_id != message.execution_id:
            return
        stored = await self._hub.store.put(instance_id, message)
        if (instance := self._live(instance_id)) is not None:
            instance.deliver(stored)

    async def _begin_child(self, parent: Record, execution_id: str, created: Event) -> None:
        """Make the child, or find out how it ended where it was made before the host was restarted."""
        name, child_id = str(created["Name"]), str(created["InstanceId"])
        link = Parent(parent.instance_id, parent.name, execution_id, int(created["EventId"]))
        if name.lower() not in self._hub.orchestrators:
            reason = f"The function '{name}' doesn't exist, is disabled, or is not an orchestrator function."
            await self._report(parent.instance_id, _child_failed(link, reason))
            return
        if not is_instance_id(child_id):
            reason = f"'{child_id}' can't be an instance id"
            await self._report(parent.instance_id, _child_failed(link, reason))
            return
        found = await self._hub.store.read(child_id)
        if found is not None and found.parent == link:
            if found.is_terminal:
                await self._tell_parent(found, link)
            return
        if found is not None and not found.is_terminal:
            reason = f"An orchestration instance with ID '{child_id}' is already running."
            await self._report(parent.instance_id, _child_failed(link, reason))
            return
        if found is not None:
            await self._hub.store.purge(child_id)
        at = now()
        child = Record(
            instance_id=child_id,
            name=self._hub.orchestrators[name.lower()].name,
            version=str(created.get("Version") or ""),
            input=created.get("Input"),
            created=at,
            updated=at,
            execution_id=uuid.uuid4().hex,
            parent=link,
            commit_id=uuid.uuid4().hex,
        )
        try:
            await self._hub.store.create(child)
        except AlreadyExists:
            await self._begin_child(parent, execution_id, created)
            return
        self._take_up(child)

    async def _tell_parent(self, child: Record, parent: Parent) -> None:
        if child.status == "Completed":
            completed = event(
                Kind.CHILD_COMPLETED, now(), TaskScheduledId=parent.task_id, Result=child.output or "null"
            )
            message = Message("completion", completed, parent.execution_id)
        else:
            message = _child_failed(parent, json.loads(child.output or "null"))
        await self._report(parent.instance_id, message)


def _child_failed(parent: Parent, reason: str) -> Message:
    failed = event(Kind.CHILD_FAILED, now(), TaskScheduledId=parent.task_id, Reason=reason, Details="")
    return Message("completion", failed, parent.execution_id)
