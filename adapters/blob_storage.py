"""The `BlobStore` port on Azure Blob Storage; counterpart: `adapters.memory.blob_store`.

Content goes up as blocks that nobody sees; one last request makes them the blob, with checksum and size, and
only where there is none yet. So a blob is whole or absent, and of several writers one wins.
"""

import hashlib
import uuid
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, override

from adapters.blob_names import blob_name, is_of
from adapters.table_storage.errors import code_of, is_definite, status_of, translated
from domain.kernel.errors import Rejected, Unavailable, require
from domain.kernel.work import Partition
from domain.ports import BlobStore
from domain.provided import BlobHandle

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.storage.blob.aio import BlobClient, BlobServiceClient, ContainerClient

DEPENDENCY = "blob storage"
CONTAINER = "delivery"

BLOCK = 4 * 2**20
"""bytes; a blob has at most 50,000 blocks"""


class BlobStorage(BlobStore):
    """`connection_string`, or `blob_url` and a credential, which stays its maker's to close.

    `block` is in bytes: as much as is held in memory; `backoff`, in seconds, is the pause between tries.
    """

    def __init__(
        self,
        connection_string: str | None = None,
        *,
        blob_url: str | None = None,
        credential: "AsyncTokenCredential | None" = None,
        container: str = CONTAINER,
        block: int = BLOCK,
        backoff: float = 1.0,
    ) -> None:
        if bool(connection_string) == bool(blob_url and credential):
            raise ValueError("blob storage needs a connection string, or a blob URL and a credential")
        self._connection_string, self._blob_url, self._credential = connection_string, blob_url, credential
        self._container, self._block, self._backoff = container, block, backoff
        self._made: BlobServiceClient | None = None

    async def close(self) -> None:
        made, self._made = self._made, None
        if made is not None:
            await made.close()

    @override
    async def put(self, partition: Partition, name: str, content: AsyncIterator[bytes]) -> BlobHandle:
        client = self._service().get_blob_client(self._container, blob_name(partition, name))
        with translated(DEPENDENCY):
            stored = await self._look(client)
        if stored is not None:
            return await _same(client, name, stored, content)
        upload, size, blocks = hashlib.sha256(), 0, list[str]()
        # Blocks of concurrent uploads share the blob: each upload names its own.
        attempt = uuid.uuid4().hex
        async for block in _in_blocks(content, self._block):
            upload.update(block)
            size += len(block)
            blocks.append(f"{attempt}-{len(blocks):06}")
            with translated(DEPENDENCY):
                await client.stage_block(blocks[-1], block, length=len(block))
        made = BlobHandle(_uri(client), upload.hexdigest(), size)
        with translated(DEPENDENCY):
            return await self._complete(client, name, blocks, made)

    async def _complete(
        self, client: "BlobClient", name: str, blocks: list[str], made: BlobHandle
    ) -> BlobHandle:
        """Make the blocks a blob; where that is refused or unknown, what lies there decides."""
        from azure.core import MatchConditions
        from azure.storage.blob import BlobBlock

        try:
            await client.commit_block_list(
                [BlobBlock(block_id=block) for block in blocks],
                metadata={"sha256": made.sha256, "size": str(made.size)},
                # If-None-Match: *
                match_condition=MatchConditions.IfMissing,
            )
        except Exception as error:
            stored = await self._look(client)
            if stored is None:
                # Another writer's completion swept our blocks away, and then its blob went as well.
                if is_definite(error) and code_of(error) == "InvalidBlockList":
                    raise Unavailable(DEPENDENCY, f"{name} was changed during its upload") from error
                raise
            return _require_same(name, stored, made)
        return made

    @override
    async def read(self, partition: Partition, blob: BlobHandle) -> AsyncIterator[bytes]:
        service = self._service()
        root = _uri(service.get_container_client(self._container)) + "/"
        # Names stand in URLs as they are: their alphabet needs no escapes.
        name = blob.uri.removeprefix(root)
        require(blob.uri == root + name and is_of(partition, name), f"{blob.uri} is not this project's")
        client = service.get_blob_client(self._container, name)
        received = hashlib.sha256()
        with translated(DEPENDENCY):
            try:
                downloader = await client.download_blob()
            except Exception as error:
                if status_of(error) == 404:
                    raise Rejected(f"{blob.uri} does not exist") from error
                raise
            async for chunk in downloader.chunks():
                received.update(chunk)
                yield chunk
        intact = received.hexdigest() == blob.sha256
        require(intact, f"{blob.uri} is not what was stored: its checksum is another one")

    @override
    async def ping(self) -> None:
        with translated(DEPENDENCY):
            try:
                await self._service().get_container_client(self._container).get_container_properties()
            except Exception as error:
                if code_of(error) != "ContainerNotFound":
                    raise

    async def _look(self, client: "BlobClient") -> BlobHandle | None:
        """What lies there; None where nothing does, and then the container is there."""
        try:
            found = await client.get_blob_properties()
        except Exception as error:
            if status_of(error) != 404:
                raise
            if code_of(error) == "ContainerNotFound":
                await self._make_container()
            return None
        # What others put there has no checksum of ours, and so is never the same.
        told = found.metadata or {}
        size = told.get("size", "")
        return BlobHandle(_uri(client), told.get("sha256", ""), int(size) if size.isdecimal() else -1)

    async def _make_container(self) -> None:
        try:
            await self._service().create_container(self._container)
        except Exception as error:
            if code_of(error) != "ContainerAlreadyExists":
                raise

    def _service(self) -> "BlobServiceClient":
        if self._made is None:
            from azure.storage.blob.aio import BlobServiceClient, LinearRetry

            from adapters.table_storage.transport import CountedTransport

            # The SDK wants whole seconds for no reason.
            pause: Any = self._backoff
            options: dict[str, Any] = {
                "transport": CountedTransport(None),
                "retry_policy": LinearRetry(pause, retry_total=3, random_jitter_range=pause),
                # Reading holds one range at a time.
                "max_single_get_size": self._block,
                "max_chunk_get_size": self._block,
            }
            if self._connection_string:
                made = BlobServiceClient.from_connection_string(self._connection_string, **options)
            else:
                assert self._blob_url
                made = BlobServiceClient(self._blob_url, credential=self._credential, **options)
            self._made = made
        return self._made


def _uri(client: "BlobClient | ContainerClient") -> str:
    """Where it is. A connection by shared access signature has its secret behind the `?`."""
    return str(client.url).partition("?")[0]


async def _same(
    client: "BlobClient", name: str, stored: BlobHandle, content: AsyncIterator[bytes]
) -> BlobHandle:
    """What is stored, once the content has proved to be the same."""
    found, size = hashlib.sha256(), 0
    async for chunk in content:
        found.update(chunk)
        size += len(chunk)
    return _require_same(name, stored, BlobHandle(_uri(client), found.hexdigest(), size))


def _require_same(name: str, stored: BlobHandle, made: BlobHandle) -> BlobHandle:
    require(stored == made, f"{name} is stored already with other content")
    return stored


async def _in_blocks(content: AsyncIterator[bytes], size: int) -> AsyncIterator[bytes]:
    """The content in pieces of `size`, the last one shorter."""
    waiting = bytearray()
    async for chunk in content:
        view = memoryview(chunk)
        # A chunk may be larger than a block: nothing is copied twice.
        for start in range(0, len(view), size):
            waiting += view[start : start + size]
            if len(waiting) >= size:
                yield bytes(waiting[:size])
                del waiting[:size]
    if waiting:
        yield bytes(waiting)
