"""Bytes by their digest, and which repository may see them. Bytes are never collected."""

from __future__ import annotations

import asyncio
import os
import uuid
from pathlib import Path

from infra.local.container_registry.errors import blob_unknown
from infra.local.container_registry.names import Digest
from infra.local.emulation.state import State

_KIND = "blob"


class Blobs:
    """A file is in place whole or not at all, whenever the process ends."""

    def __init__(self, root: Path, state: State) -> None:
        self._root = root
        self._state = state

    def path(self, digest: Digest) -> Path:
        return self._root / digest.algorithm / digest.encoded[:2] / digest.encoded

    def adopt(self, file: Path, digest: Digest) -> None:
        """Take over a file whose digest was verified."""
        path = self.path(digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        os.replace(file, path)

    async def write(self, content: bytes, digest: Digest) -> None:
        await asyncio.to_thread(self._write, content, digest)

    async def read(self, digest: Digest) -> bytes:
        return await asyncio.to_thread(self.path(digest).read_bytes)

    def link(self, repository: str, digest: Digest) -> None:
        """Let the repository see bytes that are there."""
        self._state.put(_KIND, repository, str(digest), {"digest": str(digest)})

    def has(self, repository: str, digest: str) -> bool:
        return self._state.get(_KIND, repository, digest) is not None

    def require(self, repository: str, digest: Digest) -> Path:
        """Raises BLOB_UNKNOWN."""
        if not self.has(repository, str(digest)):
            raise blob_unknown(str(digest))
        return self.path(digest)

    def unlink(self, repository: str, digest: Digest) -> None:
        self.require(repository, digest)
        self._state.delete(_KIND, repository, str(digest))

    def _write(self, content: bytes, digest: Digest) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        partial = self._root / f"partial-{uuid.uuid4().hex}"
        partial.write_bytes(content)
        self.adopt(partial, digest)
