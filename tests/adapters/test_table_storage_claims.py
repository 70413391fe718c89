"""What outgrows a row or a transaction goes to Blob Storage, and comes back as it was or not at all."""

import json

import pytest
from aiohttp import web
from azure.storage.blob.aio import BlobServiceClient
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.table_storage import TableStorageStore
from adapters.table_storage.rows import Row, batches, inline_text, overweight
from domain.kernel.errors import Unavailable
from domain.kernel.journal import Transaction
from domain.kernel.work import Partition, Record
from tests.adapters import table_storage_process
from tests.adapters.fault_proxy import Exchange, FaultProxy
from tests.adapters.table_storage_process import Process
from tests.azurite import shared
from tests.contracts import store_fixtures
from tests.contracts.store_fixtures import Ticket, journal, new_id, node, record, ticket, transaction

partition, process = store_fixtures.partition, table_storage_process.process


async def test_what_fits_into_a_row_never_meets_blob_storage(process: Process, partition: Partition) -> None:
    opened = ticket(text="x" * 400_000)
    await process.store.commit(transaction(partition, record(opened)))
    loaded = await process.store.load(partition, Ticket, opened.id)
    assert loaded is not None and loaded.aggregate.text == opened.text
    assert not [request for request in process.requests if process.names["container"] in request]


async def test_a_claim_is_uploaded_before_the_commit_and_once(process: Process, partition: Partition) -> None:
    first = ticket(text="x" * 600_000)
    await process.store.commit(transaction(partition, record(first)))
    requests = process.requests.taken()
    uploads = [n for n, request in enumerate(requests) if request.startswith("PUT") and "/sha" not in request]
    commits = [n for n, request in enumerate(requests) if request.endswith("$batch")]
    assert max(uploads) < max(commits)
    # The same state again has the same name, and is there already.
    note = Record("Ticket", new_id("tkt"), 1, 1, first.state(), None)
    await process.store.commit(transaction(partition, note))
    loaded = await process.store.load(partition, Ticket, note.id)
    assert loaded is not None and loaded.aggregate.text == first.text


async def overwrite_claims(container: str, content: bytes | None) -> int:
    async with BlobServiceClient.from_connection_string(shared().connection_string) as blobs:
        claims = blobs.get_container_client(container)
        names = [blob.name async for blob in claims.list_blobs()]
        for name in names:
            if content is None:
                await claims.delete_blob(name)
            else:
                await claims.upload_blob(name, content, overwrite=True)
    return len(names)


@pytest.mark.parametrize(("content", "reason"), [(b"{}", "not what was written"), (None, "is missing")])
async def test_a_damaged_claim_is_never_taken_for_the_state(
    process: Process, partition: Partition, content: bytes | None, reason: str
) -> None:
    opened = ticket(text="x" * 600_000)
    await process.store.commit(transaction(partition, record(opened)))
    assert await overwrite_claims(process.names["container"], content) == 1
    with pytest.raises(Unavailable, match=reason):
        await process.store.load(partition, Ticket, opened.id)


async def test_a_damaged_journal_does_not_keep_the_others_back(
    process: Process, partition: Partition
) -> None:
    damaged = journal(partition, trace=(node(partition, "t-1", "e-1", details={"payload": "x" * 600_000}),))
    await process.store.commit(Transaction(damaged, ()))
    assert await overwrite_claims(process.names["container"], b"{}") == 1
    process.clock.advance(1)
    sent = transaction(partition)
    await process.store.commit(sent)
    assert [one async for one in process.store.unpublished(process.clock.advance(1))] == [sent.journal]


async def test_without_blob_storage_nothing_is_committed(partition: Partition, unused_tcp_port: int) -> None:
    server = shared().blob_url.rpartition("/")[0]
    without_blobs = shared().connection_string.replace(server, f"http://127.0.0.1:{unused_tcp_port}")
    store = store_fixtures.table_storage(connection_string=without_blobs)
    sent = transaction(partition, record(ticket(text="x" * 600_000)))
    with pytest.raises(Unavailable, match="blob storage"):
        await store.commit(sent)
    assert await store.handled(partition, sent.journal.outcome.command_id) is None
    await store.close()


async def test_more_rows_than_a_transaction_holds_are_refused(process: Process, partition: Partition) -> None:
    with pytest.raises(ValueError, match="more than the 100"):
        await process.store.commit(transaction(partition, *[record(ticket()) for _ in range(50)]))
    assert (await process.store.page(partition, Ticket, 10)).items == ()


@pytest.mark.parametrize("character", ["x", '"', "\\", "é", "😀"])
async def test_no_transaction_outgrows_the_service(
    process: Process, partition: Partition, character: str
) -> None:
    sizes: list[int] = []

    async def weighed(exchange: Exchange) -> web.StreamResponse:
        sizes.append(len(exchange.body))
        return await exchange.forward()

    async with FaultProxy(shared().table_url.rpartition("/")[0]) as proxy:
        through_proxy = shared().connection_string.replace(proxy.target, proxy.url)
        store = TableStorageStore(through_proxy, **process.names)
        proxy.always(weighed, "POST")
        tickets = [ticket(text=character * 30_000) for _ in range(45)]
        await store.commit(transaction(partition, *map(record, tickets)))
        await store.close()
    assert 400_000 < max(sizes) < 4 * 2**20


@given(
    sizes=st.lists(st.integers(0, 700_000), min_size=1, max_size=20),
    character=st.sampled_from(["x", '"', "\\"]),
)
@settings(max_examples=40, deadline=None)
def test_rows_that_stay_keep_every_limit(sizes: list[int], character: str) -> None:
    rows = [
        Row("t|p", f"aggregate|T|{n}", {"id": n}, {"state": character * size}) for n, size in enumerate(sizes)
    ]
    moved = overweight(rows)
    for row, name in moved:
        row.claims[name] = f"t/p/{row.texts.pop(name)[:0]:0>64}"
    entities = [row.entity() for row in rows]
    assert sum(len(json.dumps(entity)) + 1_000 for entity in entities) < 4 * 2**20
    for entity in entities:
        strings = [value for value in entity.values() if isinstance(value, str)]
        assert all(len(value) <= 32_768 for value in strings) and len(entity) <= 252
        assert sum(8 + 2 * len(name) + 4 + 2 * len(str(value)) for name, value in entity.items()) < 2**20
    # Nothing moves without need.
    if sum(sizes) < 1_900_000 and max(sizes) < 500_000:
        assert moved == []


@given(size=st.sampled_from([0, 1, 32_767, 32_768, 32_769, 65_536, 65_537, 100_000]))
def test_a_text_is_put_together_as_it_was(size: int) -> None:
    text = ("abcdefghij" * (size // 10 + 1))[:size]
    entity = Row("p", "r", {}, {"state": text}).entity()
    assert inline_text(entity, "state") == text


@given(sizes=st.lists(st.integers(0, 400_000), max_size=250))
@settings(max_examples=30, deadline=None)
def test_batches_keep_the_limits_and_the_order(sizes: list[int]) -> None:
    rows = [Row("p", str(n), {}, {"node": "x" * size}) for n, size in enumerate(sizes)]
    made = batches(rows)
    assert [row for batch in made for row in batch] == rows
    for batch in made:
        assert 1 <= len(batch) <= 100
        assert sum(len(json.dumps(row.entity())) + 1_000 for row in batch) < 4 * 2**20
