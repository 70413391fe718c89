"""What every `BlobStore` keeps to."""

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from azure.storage.blob.aio import BlobServiceClient

from adapters.blob_storage import BlobStorage
from adapters.memory.blob_store import MemoryBlobStore
from domain.kernel.errors import Rejected
from domain.kernel.work import Partition
from domain.ports import BlobStore
from domain.provided import BlobHandle
from tests.azurite import shared

BLOCK = 64 * 1024
SIZES = [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 7]

NAMES = [
    "a",
    "A",
    "a/b",
    "a//b",
    "a/./b",
    "a/../b",
    "a.",
    "a..",
    "a~2e",
    "a/b?c#d%20",
    "é 漢字",
    "/a",
    "a/",
    "log.txt",
    "x" * 300,
    "x/" * 600,
    "x/" * 599 + "x",
]


class Blobs:
    """A store, and the hands of somebody who changes what lies there."""

    def __init__(self, store: BlobStore, container: str | None = None) -> None:
        self.store, self.container = store, container

    async def damage(self, blob: BlobHandle, content: bytes) -> None:
        if isinstance(self.store, MemoryBlobStore):
            return self.store.damage(blob, content)
        assert self.container is not None
        async with BlobServiceClient.from_connection_string(shared().connection_string) as service:
            name = blob.uri.partition(f"/{self.container}/")[2]
            client = service.get_blob_client(self.container, name)
            kept = (await client.get_blob_properties()).metadata
            await client.upload_blob(content, overwrite=True, metadata=kept)
        return None


@pytest.fixture(params=["memory", "azurite"])
async def blobs(request: pytest.FixtureRequest) -> AsyncIterator[Blobs]:
    if request.param == "memory":
        yield Blobs(MemoryBlobStore())
        return
    container = f"c-{uuid.uuid4().hex[:20]}"
    storage = BlobStorage(shared().connection_string, container=container, block=BLOCK)
    yield Blobs(storage, container)
    await storage.close()


def some(size: int, seed: int = 1) -> bytes:
    return bytes((seed + n * 7) % 251 for n in range(size))


async def pieces(content: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def whole(store: BlobStore, partition: Partition, blob: BlobHandle) -> bytes:
    return b"".join([chunk async for chunk in store.read(partition, blob)])


@pytest.mark.parametrize("size", SIZES)
async def test_what_was_stored_is_read_and_proved_by_its_checksum(
    blobs: Blobs, partition: Partition, size: int
) -> None:
    content = some(size)
    stored = await blobs.store.put(partition, "runs/1/log.txt", pieces(content))
    assert (stored.sha256, stored.size) == (hashlib.sha256(content).hexdigest(), size)
    for _ in range(2):
        assert await whole(blobs.store, partition, stored) == content


async def test_storing_the_same_twice_finds_it(blobs: Blobs, partition: Partition) -> None:
    content = some(2 * BLOCK + 1)
    first = await blobs.store.put(partition, "packages.zip", pieces(content))
    # It comes in other pieces the next time.
    assert await blobs.store.put(partition, "packages.zip", pieces(content, 70_000)) == first
    assert await whole(blobs.store, partition, first) == content


@pytest.mark.parametrize("other", [some(999), some(1001), some(1000, seed=2), b""])
async def test_other_content_under_the_name_is_refused_and_changes_nothing(
    blobs: Blobs, partition: Partition, other: bytes
) -> None:
    stored = await blobs.store.put(partition, "a.zip", pieces(some(1000)))
    for _ in range(2):
        with pytest.raises(Rejected, match=r"^a\.zip is stored already with other content$"):
            await blobs.store.put(partition, "a.zip", pieces(other))
    assert await whole(blobs.store, partition, stored) == some(1000)


async def test_concurrent_twins_store_it_once(blobs: Blobs, partition: Partition) -> None:
    content = some(5 * BLOCK)
    puts = (blobs.store.put(partition, "a", pieces(content, 1000 + n)) for n in range(6))
    made = await asyncio.gather(*puts)
    assert len(set(made)) == 1
    assert await whole(blobs.store, partition, made[0]) == content


async def test_of_concurrent_writers_of_different_content_one_wins(
    blobs: Blobs, partition: Partition
) -> None:
    puts = (blobs.store.put(partition, "a", pieces(some(2 * BLOCK, seed))) for seed in range(4))
    made = await asyncio.gather(*puts, return_exceptions=True)
    (winner,) = (one for one in made if isinstance(one, BlobHandle))
    assert sum(isinstance(one, Rejected) for one in made) == 3
    content = await whole(blobs.store, partition, winner)
    assert hashlib.sha256(content).hexdigest() == winner.sha256


async def test_content_that_breaks_off_leaves_nothing(blobs: Blobs, partition: Partition) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield some(2 * BLOCK)
        raise RuntimeError("the run's log ended early")

    with pytest.raises(RuntimeError, match="ended early"):
        await blobs.store.put(partition, "a", broken())
    stored = await blobs.store.put(partition, "a", pieces(some(10)))
    assert await whole(blobs.store, partition, stored) == some(10)


@pytest.mark.parametrize("content", [some(1000, seed=2), some(999), b"", some(3 * BLOCK)])
async def test_what_was_changed_where_it_lies_is_refused_at_its_end(
    blobs: Blobs, partition: Partition, content: bytes
) -> None:
    stored = await blobs.store.put(partition, "a", pieces(some(1000)))
    await blobs.damage(stored, content)
    for _ in range(2):
        read = bytearray()
        with pytest.raises(Rejected, match="is not what was stored"):
            async for chunk in blobs.store.read(partition, stored):
                read += chunk
        assert read == content


async def test_a_handle_of_nothing_is_refused(blobs: Blobs, partition: Partition) -> None:
    stored = await blobs.store.put(partition, "a", pieces(b"a"))
    for _ in range(2):
        with pytest.raises(Rejected, match="does not exist"):
            await whole(blobs.store, partition, replace(stored, uri=stored.uri + "b"))


async def test_no_project_reads_anothers(blobs: Blobs, partition: Partition) -> None:
    stored = await blobs.store.put(partition, "a", pieces(b"secret"))
    others = [
        Partition(partition.tenant_id, "shop-b"),
        Partition(partition.tenant_id, "sho"),
        Partition(f"{partition.tenant_id}-b", "shop"),
        Partition(partition.tenant_id.upper(), "shop"),
    ]
    for other in others:
        with pytest.raises(Rejected, match="is not this project's"):
            await whole(blobs.store, other, stored)
        own = await blobs.store.put(other, "a", pieces(b"own"))
        assert own.uri != stored.uri
        forged = [
            own.uri[:-1] + f"../../../{partition.tenant_id}/shop/a",
            own.uri[:-1] + f"..%2f..%2f..%2f{partition.tenant_id}/shop/a",
            own.uri + "?comp=metadata",
            stored.uri.replace("/" + partition.tenant_id, f"/{other.tenant_id}/shop-b/../../x", 1),
        ]
        for uri in forged:
            with pytest.raises(Rejected, match="is not this project's"):
                await whole(blobs.store, other, replace(stored, uri=uri))


async def test_no_two_names_share_a_blob(blobs: Blobs, partition: Partition) -> None:
    made = {name: await blobs.store.put(partition, name, pieces(name.encode())) for name in NAMES}
    assert len({blob.uri for blob in made.values()}) == len(NAMES)
    for name, blob in made.items():
        assert await whole(blobs.store, partition, blob) == name.encode()


async def test_it_answers_a_ping(blobs: Blobs) -> None:
    await blobs.store.ping()
    await blobs.store.ping()
