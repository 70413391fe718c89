"""What is stored of an instance, over a real Azurite."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from infra.local.functions_host.durable.events import Kind, event, now
from infra.local.functions_host.durable.record import Message, Parent, Record
from infra.local.functions_host.durable.store import AlreadyExists, InstanceStore, LostTheRace
from tests.azurite import AzuriteServer


@pytest_asyncio.fixture
async def store(azurite: AzuriteServer, hub: str) -> AsyncIterator[InstanceStore]:
    store = InstanceStore(azurite.connection_string, hub)
    await store.open()
    yield store
    await store.close()


def record(text: str = "1", instance_id: str = "one") -> Record:
    parent = Parent("parent", "calls", "execution-0", 3)
    return Record(instance_id, "it", text, now(), "execution", now(), parent=parent, commit_id="start")


async def test_an_instance_comes_back_as_it_was_stored(store: InstanceStore) -> None:
    stored = record(json.dumps("x" * 100_000))
    await store.create(stored)
    begun = [event(Kind.TASK_SCHEDULED, now(), number, Name="a", Input="x" * 3_000) for number in range(700)]
    stored.status, stored.turn, stored.commit_id = "Running", 1, "first"
    message = await store.put("one", Message("completion", event(Kind.EVENT_RAISED, now(), Name="e")))
    kept = await store.put("one", Message("terminate", event(Kind.EXECUTION_TERMINATED, now())))
    await store.commit(stored, of=(0, 0), events=begun, used=message)
    loaded = await store.load("one")
    assert loaded is not None
    assert loaded.record == stored
    assert loaded.history == [each | {"IsPlayed": True} for each in begun], "two megabytes in one turn"
    assert loaded.inbox == [kept]
    assert await store.read("one") == stored
    assert await store.unfinished() == ["one"]


async def test_an_id_exists_once(store: InstanceStore) -> None:
    first = record()
    await store.create(first)
    with pytest.raises(AlreadyExists):
        await store.create(replace(record(), commit_id="another"))
    again = replace(first, etag="")
    await store.create(again)
    assert again.etag == first.etag, "the same start, whose answer was lost"


async def test_of_two_writers_one_loses(store: InstanceStore) -> None:
    mine = record()
    await store.create(mine)
    before, theirs = replace(mine), replace(mine, commit_id="theirs", turn=1)
    await store.commit(theirs, of=(0, 0), events=[event(Kind.TURN_STARTED, now())], used=None)
    with pytest.raises(LostTheRace):
        await store.commit(replace(mine, commit_id="mine", turn=1), of=(0, 0), events=[], used=None)
    unheard = replace(before, commit_id="theirs", turn=1)
    await store.commit(unheard, of=(0, 0), events=[], used=None)
    assert unheard.etag == theirs.etag, "the same turn, whose answer was lost"


async def test_rows_of_a_turn_that_was_not_completed_do_not_count(store: InstanceStore) -> None:
    stored = record()
    await store.create(stored)
    ahead = replace(stored, commit_id="lost", turn=1, etag='W/"stale"')
    long = [event(Kind.EVENT_RAISED, now(), Name="e", Input="x" * 400_000) for _ in range(4)]
    with pytest.raises(LostTheRace):
        await store.commit(ahead, of=(0, 0), events=long, used=None)
    loaded = await store.load("one")
    assert loaded is not None and loaded.history == []


async def test_a_purge_leaves_nothing(store: InstanceStore) -> None:
    stored = record("x" * 20_000)
    await store.create(stored)
    stored.turn, stored.commit_id = 1, "first"
    await store.commit(stored, of=(0, 0), events=[event(Kind.TURN_STARTED, now())], used=None)
    for _ in range(110):  # more than one transaction deletes
        await store.put("one", Message("completion", event(Kind.EVENT_RAISED, now(), Name="e")))
    await store.purge("one")
    assert await store.load("one") is None
    assert await store.histories("one") == []
    assert [row async for row in store.query("PartitionKey eq 'one'", {}, 10)] == []
