"""Container images for tests: what a build agent pushes, over the distribution API itself."""

import hashlib
import json
from typing import Any

import aiohttp

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
CONFIG = "application/vnd.oci.image.config.v1+json"


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


class RegistryClient:
    """A client of its own, without any of the adapter's code."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._url, self._headers = url, {"Authorization": aiohttp.encode_basic_auth(user, password)}

    async def push(self, repository: str, tag: str, content: bytes, **fields: Any) -> str:
        """An image of one layer; its digest."""
        config = json.dumps({"architecture": "amd64", "os": "linux"}).encode()
        described = []
        for blob, media_type in ((config, CONFIG), (content, LAYER)):
            await self._upload(repository, blob)
            described.append({"mediaType": media_type, "digest": digest_of(blob), "size": len(blob)})
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": described[0],
            "layers": described[1:],
            **fields,
        }
        return await self.put_manifest(repository, tag, json.dumps(manifest).encode(), MANIFEST)

    async def push_index(self, repository: str, tag: str, entries: list[dict[str, Any]]) -> str:
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
        return await self.put_manifest(repository, tag, json.dumps(index).encode(), INDEX)

    async def retag(self, repository: str, tag: str, digest: str) -> None:
        answer = await self._request("GET", f"{repository}/manifests/{digest}")
        await self.put_manifest(repository, tag, answer[1], answer[0]["Content-Type"])

    async def delete(self, repository: str, digest: str) -> None:
        await self._request("DELETE", f"{repository}/manifests/{digest}")

    async def put_manifest(self, repository: str, tag: str, body: bytes, media_type: str) -> str:
        headers = {"Content-Type": media_type}
        await self._request("PUT", f"{repository}/manifests/{tag}", body, headers)
        return digest_of(body)

    async def _upload(self, repository: str, blob: bytes) -> None:
        answer = await self._request("POST", f"{repository}/blobs/uploads/")
        location = answer[0]["Location"]
        joined = f"{location}{'&' if '?' in location else '?'}digest={digest_of(blob)}"
        await self._request("PUT", joined, blob, {"Content-Type": "application/octet-stream"})

    async def _request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[Any, bytes]:
        url = path if "://" in path else self._url + (path if path.startswith("/") else f"/v2/{path}")
        sent = {**self._headers, "Accept": f"{MANIFEST}, {INDEX}", **(headers or {})}
        async with aiohttp.request(method, url, data=body, headers=sent) as response:
            content = await response.read()
            assert response.status < 300, f"{method} {url}: {response.status} {content!r}"
            return response.headers.copy(), content
