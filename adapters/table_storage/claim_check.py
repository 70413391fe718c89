"""Claim checks: what outgrows a row goes to a blob, named by its digest; the row holds the name."""

import hashlib
from collections.abc import Sequence
from typing import Any

from adapters.table_storage.clients import Clients
from adapters.table_storage.errors import DamagedClaim, code_of, status_of, translated
from adapters.table_storage.keys import claim_name
from adapters.table_storage.rows import Row, claimed_blob, inline_text, overweight
from adapters.table_storage.table import Entity
from domain.kernel.work import Partition

DEPENDENCY = "blob storage"


class ClaimCheck:
    """Moves texts out of rows and back in. Uploaded before the row is written, never changed, never deleted:
    what a refused transaction leaves is harmless and found again by its digest."""

    def __init__(self, clients: Clients, container: str) -> None:
        self._clients, self._container = clients, container

    async def move_out(self, partition: Partition, rows: Sequence[Row]) -> None:
        """Make the rows fit into one transaction. Raises `Unavailable`."""
        for row, name in overweight(rows):
            content = row.texts.pop(name).encode("ascii")
            blob = claim_name(partition, hashlib.sha256(content).hexdigest())
            with translated(DEPENDENCY):
                await self._upload(blob, content)
            row.claims[name] = blob

    async def text(self, entity: Entity, name: str) -> str:
        """A long text of a row, wherever it is. Raises `Unavailable`, `DamagedClaim`."""
        blob = claimed_blob(entity, name)
        if blob is None:
            return inline_text(entity, name)
        with translated(DEPENDENCY):
            content = await self._download(blob)
        if hashlib.sha256(content).hexdigest() != blob.rpartition("/")[2]:
            raise DamagedClaim(DEPENDENCY, f"{blob} is not what was written")
        return content.decode("ascii")

    async def _upload(self, blob: str, content: bytes) -> None:
        client = self._clients.blobs().get_blob_client(self._container, blob)
        options: dict[str, Any] = {"overwrite": False, "length": len(content)}
        try:
            await client.upload_blob(content, **options)
        except Exception as error:
            if status_of(error) == 409 and code_of(error) == "BlobAlreadyExists":
                return
            if code_of(error) != "ContainerNotFound":
                raise
        else:
            return
        await self._make_container()
        try:
            await client.upload_blob(content, **options)
        except Exception as error:
            if code_of(error) != "BlobAlreadyExists":
                raise

    async def _make_container(self) -> None:
        try:
            await self._clients.blobs().create_container(self._container)
        except Exception as error:
            if code_of(error) != "ContainerAlreadyExists":
                raise

    async def _download(self, blob: str) -> bytes:
        client = self._clients.blobs().get_blob_client(self._container, blob)
        try:
            downloader = await client.download_blob()
            return await downloader.readall()
        except Exception as error:
            if status_of(error) == 404:
                raise DamagedClaim(DEPENDENCY, f"{blob} is missing") from error
            raise
