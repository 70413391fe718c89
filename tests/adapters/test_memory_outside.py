"""What the stores and services in memory give to those who test with them."""

import pickle
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from adapters.memory.blob_store import MemoryBlobStore
from adapters.memory.container_registry import MemoryContainerRegistry
from adapters.memory.image_scanner import MemoryImageScanner
from adapters.memory.outside import Outside
from adapters.memory.package_feed import MemoryPackageFeed
from domain.kernel.errors import Unavailable
from domain.kernel.work import Partition
from tests.packages import nupkg

PARTITION = Partition("acme", "shop")


async def pieces() -> AsyncIterator[bytes]:
    yield b"log"


class Used:
    """One of each, with something in it."""

    def __init__(self) -> None:
        self.blobs, self.feed = MemoryBlobStore(), MemoryPackageFeed()
        self.registry, self.scanner = MemoryContainerRegistry(), MemoryImageScanner()
        self.digest = self.registry.push(PARTITION, "acme/shop/api", "1.0", b"layer").digest
        self.scanner.scan_result(PARTITION, "registry.invalid", "acme/shop/api", self.digest)

    def calls(self) -> dict[str, tuple[Outside, Callable[[], Awaitable[object]]]]:
        content = nupkg("A", "1.0.0")
        return {
            "put": (self.blobs, lambda: self.blobs.put(PARTITION, "a", pieces())),
            "publish": (self.feed, lambda: self.feed.publish(PARTITION, "main", "A", "1.0.0", content)),
            "manifest": (
                self.registry,
                lambda: self.registry.manifest(PARTITION, "acme/shop/api", "1.0"),
            ),
            "scan": (
                self.scanner,
                lambda: self.scanner.scan(PARTITION, "registry.invalid", "acme/shop/api", self.digest),
            ),
        }


METHODS = ["put", "publish", "manifest", "scan"]


@pytest.mark.parametrize("method", METHODS)
async def test_what_is_away_has_no_effect(method: str) -> None:
    outside, call = Used().calls()[method]
    outside.away = True
    with pytest.raises(Unavailable, match="it is away"):
        await call()
    assert not outside.effects
    outside.away = False
    assert await call() is not None


@pytest.mark.parametrize("method", METHODS)
async def test_a_lost_answer_has_its_effect_once(method: str) -> None:
    outside, call = Used().calls()[method]
    outside.lose_answer(method)
    with pytest.raises(Unavailable, match="its answer was lost"):
        await call()
    effects = outside.effects.copy()
    assert await call() is not None
    assert outside.effects == effects and effects.total() == (1 if method in ("put", "publish") else 0)
    assert outside.calls[method] == 2


@pytest.mark.parametrize("method", METHODS)
async def test_a_copy_goes_on_from_where_it_was(method: str) -> None:
    used = Used()
    answered = await used.calls()[method][1]()
    copy: Used = pickle.loads(pickle.dumps(used))
    outside, call = copy.calls()[method]
    assert await call() == answered
    assert outside.effects == used.calls()[method][0].effects
