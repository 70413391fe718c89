"""The task hub at work: every live instance has its loop; clients start, tell and ask."""

import asyncio
import json
import logging
import uuid
from typing import Any

from infra.local.functions_host.durable.effects import HubEffects
from infra.local.functions_host.durable.events import Event, Kind, event, now, pending
from infra.local.functions_host.durable.hub import Hub
from infra.local.functions_host.durable.instance import Instance
from infra.local.functions_host.durable.record import Loaded, Message, MessageKind, Record
from infra.local.functions_host.durable.storage_retry import StorageAway
from infra.local.functions_host.durable.store import AlreadyExists, LostTheRace
from infra.local.functions_host.durable.turn import settle
from infra.local.functions_host.invocation import InvocationCancelled

log = logging.getLogger("functions_host.durable")

# How long a client's request waits for a storage that is away before it is told so.
PATIENCE = 10.0
_LOADS_AT_ONCE = 8
_SETTLE_SECONDS = 2.0
_KINDS: dict[str, tuple[MessageKind, Kind]] = {
    "terminate": ("terminate", Kind.EXECUTION_TERMINATED),
    "suspend": ("suspend", Kind.SUSPENDED),
    "resume": ("resume", Kind.RESUMED),
}


class NotFound(Exception):
    """There is no such instance."""


class Gone(Exception):
    """The instance has come to its end already."""


class NotEnded(Exception):
    """The instance has not come to its end yet."""


class UnknownOrchestrator(Exception):
    """The app has no orchestrator function of this name."""


class Engine:
    """Starts once and stops once. What clients ask waits until it has started."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self._live: dict[str, Instance] = {}
        self._loops: set[asyncio.Task[None]] = set()
        self._effects = HubEffects(hub, self._live.get, self._take_up_new)
        self._started = asyncio.Event()

    async def start(self) -> None:
        """Return when everything unfinished has been taken up again."""
        store = self.hub.store
        await store.open()
        self._effects.start()
        places = asyncio.Semaphore(_LOADS_AT_ONCE)

        async def load(instance_id: str) -> Loaded | None:
            async with places:
                return await store.load(instance_id)

        found = await asyncio.gather(*(load(each) for each in await store.unfinished()))
        loaded = [each for each in found if each is not None]
        # All of them are there before the first one goes on: a child finds its parent.
        instances = [self._admit(each) for each in loaded if not each.record.is_terminal]
        for instance in instances:
            self._effects.begin(instance, self._to_begin_again(instance))
            self._spawn(instance)
        if instances:
            log.info("Took up %d unfinished orchestrations", len(instances))
        self._started.set()

    async def ready(self) -> None:
        """Return when the engine has started. Raises StorageAway where that takes too long."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._started.wait()
        except TimeoutError:
            raise StorageAway("the host has not read its orchestrations yet") from None

    def stop_taking(self) -> None:
        self.hub.stopping.set()

    async def close(self) -> None:
        """Let results be stored that are known, and turns that are decided; leave the rest to the next."""
        self._effects.stop()
        for instance in list(self._live.values()):
            instance.wake()
        await settle(set(self._effects.tasks) | self._loops, _SETTLE_SECONDS)
        await self.hub.store.close()

    @staticmethod
    def _to_begin_again(instance: Instance) -> list[Event]:
        """What has no result, neither in the history nor waiting in the inbox."""
        known = instance.waiting_completions()
        return [each for each in pending(instance.history) if each["EventId"] not in known]

    def _admit(self, loaded: Loaded) -> Instance:
        instance = Instance(self.hub, self._effects, loaded)
        self._live[loaded.record.instance_id] = instance
        return instance

    def _take_up_new(self, record: Record) -> None:
        self._spawn(self._admit(Loaded(record)))

    def _spawn(self, instance: Instance) -> None:
        task = asyncio.create_task(self._keep_running(instance), name=instance.record.instance_id)
        self._loops.add(task)
        task.add_done_callback(self._loops.discard)

    async def _keep_running(self, instance: Instance) -> None:
        """Run the loop to its end; what goes wrong in it starts it anew from what is stored."""
        instance_id, wait = instance.record.instance_id, 0.5
        while True:
            try:
                await instance.run()
                break
            except InvocationCancelled:
                return
            except LostTheRace:
                log.warning("%s was written by somebody else: two hosts on one task hub?", instance_id)
            except Exception:
                log.exception("The turn of %s broke; again in %.1f s", instance_id, wait)
            await asyncio.sleep(wait)
            wait = min(wait * 2, 30.0)
            loaded = await self.hub.store.load(instance_id)
            if loaded is None or loaded.record.is_terminal:
                break
            instance.hand_over(loaded)
            instance = self._admit(loaded)
            self._effects.begin(instance, self._to_begin_again(instance))
        if not self.hub.stopping.is_set() or instance.record.is_terminal:
            self._live.pop(instance_id, None)

    async def start_instance(
        self, name: str, instance_id: str | None, given: str | None, version: str = ""
    ) -> str:
        """Start an orchestration, in the place of an ended one of the same id. `given` is JSON.

        Raises UnknownOrchestrator, AlreadyExists, StorageAway.
        """
        trigger = self.hub.orchestrators.get(name.lower())
        if trigger is None:
            raise UnknownOrchestrator(name)
        await self.ready()
        at = now()
        record = Record(
            instance_id=instance_id or uuid.uuid4().hex,
            name=trigger.name,
            version=version,
            input=given,
            created=at,
            updated=at,
            execution_id=uuid.uuid4().hex,
            commit_id=uuid.uuid4().hex,
        )
        while record.instance_id in self._live:
            # One that has just ended is let go of a moment after its end is stored.
            found = await self.hub.store.read(record.instance_id, PATIENCE)
            if found is None or not found.is_terminal:
                raise AlreadyExists(record.instance_id)
            await asyncio.sleep(0)
        try:
            await self.hub.store.create(record, PATIENCE)
        except AlreadyExists:
            found = await self.hub.store.read(record.instance_id, PATIENCE)
            if found is not None and not found.is_terminal:
                raise
            await self.hub.store.purge(record.instance_id)
            await self.hub.store.create(record, PATIENCE)
        if not self.hub.stopping.is_set():
            self._take_up_new(record)
        return record.instance_id

    async def raise_event(self, instance_id: str, name: str, content: str) -> None:
        """Tell the instance an external event; `content` is JSON. Raises NotFound, Gone, StorageAway."""
        await self._send(instance_id, "completion", event(Kind.EVENT_RAISED, now(), Name=name, Input=content))

    async def control(self, instance_id: str, operation: str, reason: str) -> None:
        """`terminate`, `suspend` or `resume`. Raises NotFound, Gone, StorageAway."""
        kind, marks = _KINDS[operation]
        await self._send(instance_id, kind, event(marks, now(), Reason=reason))

    async def _send(self, instance_id: str, kind: MessageKind, content: Event) -> None:
        await self.ready()
        if instance_id not in self._live and (await self._existing(instance_id)).is_terminal:
            raise Gone(instance_id)
        stored = await self.hub.store.put(instance_id, Message(kind, content), PATIENCE)
        if (instance := self._live.get(instance_id)) is not None:
            instance.deliver(stored)

    async def _existing(self, instance_id: str) -> Record:
        record = await self.hub.store.read(instance_id, PATIENCE)
        if record is None:
            raise NotFound(instance_id)
        return record

    async def status(self, instance_id: str) -> Record:
        """Raises NotFound, StorageAway."""
        await self.ready()
        return await self._existing(instance_id)

    async def purge(self, instance_id: str) -> None:
        """Raises NotFound, NotEnded, StorageAway."""
        if not (await self.status(instance_id)).is_terminal:
            raise NotEnded(instance_id)
        await self.hub.store.purge(instance_id)

    async def restart(self, instance_id: str, *, new_id: bool) -> str:
        """Start it again with its input; answers the id. Raises NotFound, NotEnded, StorageAway."""
        record = await self.status(instance_id)
        if not new_id and not record.is_terminal:
            raise NotEnded(instance_id)
        return await self.start_instance(
            record.name, None if new_id else instance_id, record.input, record.version
        )

    async def wait_for_end(self, instance_id: str, seconds: float) -> None:
        """Return at the instance's end, or after so long."""
        if (instance := self._live.get(instance_id)) is not None:
            try:
                async with asyncio.timeout(seconds):
                    await instance.ended.wait()
            except TimeoutError:
                return


def as_json_text(body: Any) -> str | None:
    """A start's input: the SDK sends JSON within a JSON string, other clients send the JSON itself."""
    if isinstance(body, str):
        try:
            json.loads(body)
        except ValueError:
            return json.dumps(body)
        return json.dumps(json.loads(body))
    return None if body is None else json.dumps(body)
