"""Uploads that have begun: a growing file each, which survives the process."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

from aiohttp import StreamReader

from infra.local.container_registry.blobs import Blobs
from infra.local.container_registry.errors import digest_invalid, size_invalid, upload_unknown
from infra.local.container_registry.names import Digest
from infra.local.emulation.state import State

_KIND = "upload"
_CHUNK = 256 * 1024


class Upload:
    """One upload; its lock keeps two requests from writing at once."""

    def __init__(self, upload_id: str, repository: str, path: Path, lock: asyncio.Lock) -> None:
        self.id = upload_id
        self.repository = repository
        self.path = path
        self.lock = lock

    @property
    def offset(self) -> int:
        return self.path.stat().st_size

    async def append(self, content: StreamReader, length: int | None) -> None:
        """Add what arrives; a chunk of another length than announced leaves nothing behind.

        Of a chunk that breaks off, what arrived stays: the client asks for the offset and goes on.
        """
        before = self.offset
        with self.path.open("ab", buffering=0) as file:
            async for chunk in content.iter_chunked(_CHUNK):
                file.write(chunk)
        if length is not None and self.offset - before != length:
            with self.path.open("ab") as file:
                file.truncate(before)
            raise size_invalid("the chunk's length is not what Content-Range says")


class Uploads:
    def __init__(self, root: Path, state: State, blobs: Blobs) -> None:
        self._root = root
        self._state = state
        self._blobs = blobs
        self._locks: dict[str, asyncio.Lock] = {}

    def begin(self, repository: str) -> Upload:
        upload_id = str(uuid.uuid4())
        self._root.mkdir(parents=True, exist_ok=True)
        (self._root / upload_id).touch()
        self._state.put(_KIND, repository, upload_id, {"id": upload_id})
        return self._upload(repository, upload_id)

    def find(self, repository: str, upload_id: str) -> Upload:
        """Raises BLOB_UPLOAD_UNKNOWN."""
        if self._state.get(_KIND, repository, upload_id) is None or not (self._root / upload_id).exists():
            raise upload_unknown(upload_id)
        return self._upload(repository, upload_id)

    async def finish(self, upload: Upload, digest: Digest) -> None:
        """Verify and take the bytes; an upload with another digest is over."""
        actual = await asyncio.to_thread(Digest.of_file, upload.path, digest.algorithm)
        if actual != digest:
            self.cancel(upload)
            raise digest_invalid(str(digest), "provided digest did not match uploaded content")
        self._blobs.adopt(upload.path, digest)
        with self._state.transaction():
            self._blobs.link(upload.repository, digest)
            self._forget(upload)

    def cancel(self, upload: Upload) -> None:
        self._forget(upload)
        upload.path.unlink(missing_ok=True)

    def _forget(self, upload: Upload) -> None:
        self._state.delete(_KIND, upload.repository, upload.id)
        self._locks.pop(upload.id, None)

    def _upload(self, repository: str, upload_id: str) -> Upload:
        lock = self._locks.setdefault(upload_id, asyncio.Lock())
        return Upload(upload_id, repository, self._root / upload_id, lock)
