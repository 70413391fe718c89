"""A small OCI client for the tests: pushes and pulls as the distribution specification says."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote, urljoin

import aiohttp

from tests.infra.container_registry_fixture import RunningRegistry

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"

type Json = dict[str, Any]


def digest_of(content: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"


def descriptor(content: bytes, media_type: str) -> Json:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}


def manifest(config: bytes, *layers: bytes, **fields: Any) -> bytes:
    body = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor(config, CONFIG),
        "layers": [descriptor(layer, LAYER) for layer in layers],
        **fields,
    }
    return json.dumps(body).encode()


@dataclass(frozen=True)
class Reply:
    status: int
    content: bytes
    headers: Mapping[str, str]

    @property
    def body(self) -> Any:
        return json.loads(self.content)

    @property
    def code(self) -> str:
        return str(self.body["errors"][0]["code"])


class OciClient:
    def __init__(
        self, registry: RunningRegistry, repository: str, session: aiohttp.ClientSession | None = None
    ) -> None:
        self.registry, self.repository = registry, repository
        headers = {"Authorization": registry.authorization}
        self._session = session or aiohttp.ClientSession(headers=headers)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    def of(self, repository: str) -> OciClient:
        """The same client for another repository; closed with this one."""
        return OciClient(self.registry, repository, self._session)

    async def send(
        self, method: str, url: str, content: bytes | AsyncIterator[bytes] | None = None, **headers: str
    ) -> Reply:
        """A path within the repository, or with a leading slash from the root; _ in a header is -."""
        path = url if url.startswith("/") else f"/v2/{self.repository}/{url}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        target = urljoin(self.registry.url, path)
        # A file, as the session warns of large bytes.
        data = io.BytesIO(content) if isinstance(content, bytes) else content
        async with self._session.request(method, target, data=data, headers=named) as response:
            return Reply(response.status, await response.read(), response.headers.copy())

    async def begin(self) -> str:
        """Where to upload to."""
        started = await self.send("POST", "blobs/uploads/")
        assert started.status == 202, started
        return started.headers["Location"]

    async def push_blob(self, content: bytes) -> str:
        digest = digest_of(content)
        done = await self.send("PUT", f"{await self.begin()}?digest={quote(digest)}", content)
        assert done.status == 201, done
        return digest

    async def push_chunk(self, location: str, offset: int, chunk: bytes) -> Reply:
        return await self.send(
            "PATCH",
            location,
            chunk,
            Content_Range=f"{offset}-{offset + len(chunk) - 1}",
            Content_Type="application/octet-stream",
        )

    async def push_manifest(self, content: bytes, reference: str, media_type: str = MANIFEST) -> Reply:
        return await self.send("PUT", f"manifests/{reference}", content, Content_Type=media_type)

    async def push_image(self, tag: str, *layers: bytes, **fields: Any) -> str:
        """An image of these layers; its digest."""
        config = b"{}"
        for blob in (config, *layers):
            if (await self.send("HEAD", f"blobs/{digest_of(blob)}")).status == 404:
                await self.push_blob(blob)
        pushed = await self.push_manifest(manifest(config, *layers, **fields), tag)
        assert pushed.status == 201, pushed
        return pushed.headers["Docker-Content-Digest"]

    async def retag(self, tag: str, digest: str) -> None:
        found = await self.send("GET", f"manifests/{digest}", Accept=MANIFEST)
        pushed = await self.push_manifest(found.content, tag)
        assert (pushed.status, pushed.headers["Docker-Content-Digest"]) == (201, digest), pushed

    async def pull(self, reference: str) -> list[bytes]:
        """The layers, each verified against the manifest, and that against its digest."""
        found = await self.send("GET", f"manifests/{reference}", Accept=MANIFEST)
        assert found.status == 200, found
        assert digest_of(found.content) == found.headers["Docker-Content-Digest"]
        layers = []
        for layer in found.body["layers"]:
            blob = (await self.send("GET", f"blobs/{layer['digest']}")).content
            assert (digest_of(blob), len(blob)) == (layer["digest"], layer["size"])
            layers.append(blob)
        return layers
