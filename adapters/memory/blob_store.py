"""The `BlobStore` port in memory; counterpart: `adapters.blob_storage`."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import override

from adapters.blob_names import blob_name, is_of
from adapters.memory.outside import Outside
from domain.kernel.errors import Rejected, require
from domain.kernel.work import Partition
from domain.ports import BlobStore
from domain.provided import BlobHandle

_ROOT = "memory://delivery/"
_CHUNK = 64 * 1024
"""bytes"""


class MemoryBlobStore(Outside, BlobStore):
    def __init__(self) -> None:
        super().__init__("blob storage")
        self._blobs: dict[str, tuple[str, bytes]] = {}

    def names(self) -> list[str]:
        """Every stored blob's URI, for a test to look at."""
        return [_ROOT + name for name in self._blobs]

    def damage(self, blob: BlobHandle, content: bytes) -> None:
        """Its bytes change where they lie; its checksum stays."""
        name = blob.uri.removeprefix(_ROOT)
        self._blobs[name] = (self._blobs[name][0], content)

    @override
    async def put(self, partition: Partition, name: str, content: AsyncIterator[bytes]) -> BlobHandle:
        async with self._call("put"):
            whole = b"".join([chunk async for chunk in content])
            checksum = hashlib.sha256(whole).hexdigest()
            blob = blob_name(partition, name)
            if blob not in self._blobs:
                self._blobs[blob] = (checksum, whole)
                self.effects["blob"] += 1
            stored, there = self._blobs[blob]
            require(stored == checksum, f"{name} is stored already with other content")
            return BlobHandle(_ROOT + blob, checksum, len(there))

    @override
    async def read(self, partition: Partition, blob: BlobHandle) -> AsyncIterator[bytes]:
        async with self._call("read"):
            name = blob.uri.removeprefix(_ROOT)
            require(blob.uri == _ROOT + name and is_of(partition, name), f"{blob.uri} is not this project's")
            found = self._blobs.get(name)
            if found is None:
                raise Rejected(f"{blob.uri} does not exist")
        for start in range(0, len(found[1]), _CHUNK):
            await asyncio.sleep(0)
            yield found[1][start : start + _CHUNK]
        intact = hashlib.sha256(found[1]).hexdigest() == blob.sha256
        require(intact, f"{blob.uri} is not what was stored: its checksum is another one")

    @override
    async def ping(self) -> None:
        async with self._call("ping"):
            pass
