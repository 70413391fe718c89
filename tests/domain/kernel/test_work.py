"""The unit of work: reads once, writes what changed, derives every id."""

from collections import Counter
from datetime import UTC, datetime
from typing import override

import pytest

from adapters.memory.store import MemoryStore
from domain.kernel.actor import Actor
from domain.kernel.aggregate import Aggregate
from domain.kernel.envelope import Envelope
from domain.kernel.errors import NotFound
from domain.kernel.journal import Journal, Outcome, Transaction
from domain.kernel.work import Changes, Loaded, Partition, Work
from tests.domain.kernel.sample import Door, DoorOpened, DoorSlammed

THEN = datetime(2026, 6, 11, 18, 22, 5, tzinfo=UTC)
LATER = datetime(2026, 6, 12, tzinfo=UTC)


class CountingStore(MemoryStore):
    """Counts the reads of each aggregate."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: Counter[str] = Counter()

    @override
    async def load[A: Aggregate](self, partition: Partition, kind: type[A], id: str) -> Loaded[A] | None:
        self.reads[id] += 1
        return await super().load(partition, kind, id)


@pytest.fixture
def store() -> CountingStore:
    return CountingStore()


def message(id: str = "cmd-1", project: str = "proj", **changes: object) -> Envelope:
    fields: dict[str, object] = {
        "event_id": id,
        "event_type": "OpenDoor",
        "tenant_id": "connectsoft",
        "project_id": project,
        "module_id": "module-1",
        "trace_id": f"trace-of-{id}",
        "correlation_id": f"corr-of-{id}",
        "occurred_at": THEN,
        "payload": {},
    }
    return Envelope.model_validate(fields | changes)


def work_on(
    store: MemoryStore,
    id: str = "cmd-1",
    *,
    actor: str = "ada",
    now: datetime = THEN,
    observed: bool = False,
    cause: Envelope | None = None,
) -> Work:
    return Work(cause or message(id), Actor(actor), now, store, is_observation=observed)


async def commit(store: MemoryStore, work: Work) -> Changes:
    """What the edge does with a unit of work."""
    changes = work.changes()
    outcome = Outcome(work.command_id, "OpenDoor", "fingerprint", None, {})
    await store.commit(Transaction(Journal(work.partition, outcome, (), (), False), changes.records))
    return changes


async def stored_door(store: CountingStore) -> None:
    work = work_on(store, "cmd-0", actor="grace")
    door = Door(door_id="door-1", label="Front")
    work.add(door)
    door.open("grace")
    await commit(store, work)
    store.reads.clear()


async def test_an_aggregate_is_read_once_and_is_the_same_one_each_time(store: CountingStore) -> None:
    await stored_door(store)
    work = work_on(store)
    first = await work.get(Door, "door-1")
    assert await work.find(Door, "door-1") is first
    assert await work.get(Door, "door-1") is first
    assert store.reads == {"door-1": 1}


async def test_a_new_aggregate_is_found_without_a_read(store: CountingStore) -> None:
    work = work_on(store)
    door = Door(door_id="door-2", label="Back")
    work.add(door)
    assert await work.get(Door, "door-2") is door
    assert store.reads == {}


async def test_what_does_not_exist_is_none_to_find_and_not_found_to_get(store: CountingStore) -> None:
    work = work_on(store)
    assert await work.find(Door, "door-9") is None
    with pytest.raises(NotFound, match="Door door-9 does not exist"):
        await work.get(Door, "door-9")


async def test_another_projects_and_another_tenants_aggregate_is_not_found(store: CountingStore) -> None:
    await stored_door(store)
    for cause in (message(project="other"), message(tenant_id="contoso")):
        with pytest.raises(NotFound):
            await work_on(store, cause=cause).get(Door, "door-1")


async def test_what_was_only_read_is_not_written(store: CountingStore) -> None:
    await stored_door(store)
    work = work_on(store)
    door = await work.get(Door, "door-1")
    door.label = str(door.label)
    changes = work.changes()
    assert (changes.records, changes.facts) == ((), ())
    assert door.updated_by == "grace"


async def test_what_changed_without_a_fact_is_written_with_its_etag_and_version(store: CountingStore) -> None:
    await stored_door(store)
    work = work_on(store, now=LATER)
    (await work.get(Door, "door-1")).wind = 3
    (record,) = work.changes().records
    assert record.etag is not None
    assert (record.version, record.unique_keys) == (1, ())


async def test_only_a_new_aggregate_claims_its_unique_names(store: CountingStore) -> None:
    work = work_on(store)
    door = Door(door_id="door-1", label="Front")
    work.add(door)
    (record,) = work.changes().records
    assert record.etag is None
    assert [key.parts for key in record.unique_keys] == [("Front",)]


async def test_the_audit_fields_say_who_and_when(store: CountingStore) -> None:
    await stored_door(store)
    work = work_on(store, actor="ada", now=LATER)
    (await work.get(Door, "door-1")).open("ada")
    await commit(store, work)
    door = await work_on(store).get(Door, "door-1")
    assert (door.tenant_id, door.project_id) == ("connectsoft", "proj")
    assert (door.created_by, door.created_at) == ("grace", THEN)
    assert (door.updated_by, door.updated_at) == ("ada", LATER)


async def test_a_re_execution_repeats_every_id(store: CountingStore) -> None:
    def once() -> tuple[list[str], list[str]]:
        work = work_on(store, now=LATER)
        ids = [work.new_id(Door), work.new_id(Door)]
        for position, id in enumerate(ids):
            door = Door(door_id=id, label=f"Door {position}")
            work.add(door)
            door.open("ada")
        return ids, [fact.envelope.to_json() for fact in work.changes().facts]

    assert once() == once()
    ids, _ = once()
    assert len(set(ids)) == 2
    assert all(id.startswith("door-") for id in ids)


def test_new_ids_differ_by_command_project_and_tenant(store: CountingStore) -> None:
    causes = [
        message("cmd-1"),
        message("cmd-2"),
        message("cmd-1", "other"),
        message("cmd-1", tenant_id="contoso"),
    ]
    assert len({work_on(store, cause=cause).new_id(Door) for cause in causes}) == 4


def test_facts_have_ids_of_their_own_and_follow_from_the_message(store: CountingStore) -> None:
    work = work_on(store)
    door = Door(door_id="door-1", label="Front")
    work.add(door)
    door.open("ada")
    door.record(DoorSlammed(door_id="door-1"))
    door.open("ada")
    facts = work.changes().facts
    assert len({fact.envelope.event_id for fact in facts}) == 3
    assert [fact.position for fact in facts] == [1, 2, 3]
    for fact in facts:
        envelope = fact.envelope
        assert envelope.event_id.startswith("evt-")
        assert envelope.event_type == type(fact.event).__name__
        assert envelope.causation_id == "cmd-1"
        assert (envelope.trace_id, envelope.correlation_id) == ("trace-of-cmd-1", "corr-of-cmd-1")
        assert (envelope.tenant_id, envelope.project_id) == ("connectsoft", "proj")
        assert (envelope.module_id, envelope.occurred_at) == ("module-1", THEN)
    assert facts[0].envelope.payload == {"doorId": "door-1", "openedBy": "ada"}


async def test_positions_go_on_where_the_stored_version_stood(store: CountingStore) -> None:
    await stored_door(store)
    work = work_on(store)
    door = await work.get(Door, "door-1")
    door.open("ada")
    changes = work.changes()
    assert [fact.position for fact in changes.facts] == [2]
    assert changes.records[0].version == 2


async def test_an_observation_goes_on_in_the_aggregates_own_trace(store: CountingStore) -> None:
    await stored_door(store)
    before = await work_on(store).get(Door, "door-1")
    assert before.lineage is not None
    work = work_on(store, "hook-1", observed=True)
    (await work.get(Door, "door-1")).record(DoorSlammed(door_id="door-1"))
    changes = work.changes()
    cause, fact = changes.cause, changes.facts[0].envelope
    assert (cause.trace_id, cause.correlation_id) == ("trace-of-cmd-0", "corr-of-cmd-0")
    assert (cause.event_id, cause.causation_id) == ("hook-1", before.lineage.event_id)
    assert (fact.trace_id, fact.causation_id) == ("trace-of-cmd-0", "hook-1")


async def test_an_observation_that_a_fact_caused_stays_in_that_facts_trace(store: CountingStore) -> None:
    await stored_door(store)
    cause = message("cmd-5", causation_id="evt-5")
    work = work_on(store, observed=True, cause=cause)
    (await work.get(Door, "door-1")).record(DoorSlammed(door_id="door-1"))
    assert work.changes().cause == cause


async def test_a_command_never_leaves_its_own_trace(store: CountingStore) -> None:
    await stored_door(store)
    work = work_on(store, "cmd-7")
    (await work.get(Door, "door-1")).open("ada")
    assert work.changes().facts[0].envelope.trace_id == "trace-of-cmd-7"


async def test_an_aggregate_remembers_its_last_fact(store: CountingStore) -> None:
    await stored_door(store)
    work = work_on(store)
    (await work.get(Door, "door-1")).open("ada")
    changes = await commit(store, work)
    lineage = (await work_on(store).get(Door, "door-1")).lineage
    assert lineage is not None
    assert lineage.event_id == changes.facts[-1].envelope.event_id
    assert isinstance(changes.facts[-1].event, DoorOpened)
