"""Manifests: pushed, read and deleted by tag or digest."""

from __future__ import annotations

from aiohttp import web

from infra.local.container_registry import images
from infra.local.container_registry.errors import digest_invalid, manifest_unknown, size_invalid, tag_invalid
from infra.local.container_registry.manifests import read_manifest
from infra.local.container_registry.names import Digest, is_digest, is_tag
from infra.local.container_registry.routing import Call, Route
from infra.local.container_registry.webhooks import Origin

_LARGEST = 4 * 1024 * 1024


async def get_manifest(call: Call) -> web.StreamResponse:
    found = images.find(call.registry, call.repository, _reference(call))
    content = await call.registry.blobs.read(Digest.parse(found["digest"]))
    headers = {
        "Content-Type": found["mediaType"],
        "Docker-Content-Digest": found["digest"],
        "ETag": f'"{found["digest"]}"',
    }
    return web.Response(body=content, headers=headers)


async def put_manifest(call: Call) -> web.StreamResponse:
    repository, reference = call.repository, call.params["reference"]
    expected = Digest.parse(reference) if is_digest(reference) else None
    if expected is None and not is_tag(reference):
        raise tag_invalid(reference)
    content = await _read(call)
    content_type = call.request.headers.get("Content-Type", "").partition(";")[0].strip()
    manifest = read_manifest(content, content_type)
    digest = Digest.of(content, expected.algorithm if expected else "sha256")
    if expected not in (None, digest):
        raise digest_invalid(reference, "provided digest did not match uploaded content")
    await call.registry.blobs.write(content, digest)
    images.push(
        call.registry,
        repository,
        manifest,
        digest,
        size=len(content),
        tag=None if expected else reference,
        by=Origin.of(call.request),
    )
    headers = {"Location": f"/v2/{repository}/manifests/{digest}", "Docker-Content-Digest": str(digest)}
    if manifest.subject is not None:
        headers["OCI-Subject"] = manifest.subject
    return web.Response(status=201, headers=headers)


async def delete_manifest(call: Call) -> web.StreamResponse:
    repository, reference = call.repository, _reference(call)
    if is_digest(reference):
        images.delete(call.registry, repository, reference, Origin.of(call.request))
    else:
        images.untag(call.registry, repository, reference)
    return web.Response(status=202)


def _reference(call: Call) -> str:
    reference = call.params["reference"]
    if is_digest(reference):
        return str(Digest.parse(reference))
    if not is_tag(reference):
        raise manifest_unknown(reference)
    return reference


async def _read(call: Call) -> bytes:
    content = bytearray()
    async for chunk in call.request.content.iter_any():
        content += chunk
        if len(content) > _LARGEST:
            raise size_invalid("a manifest has 4 MiB at most", 413)
    return bytes(content)


_MANIFEST = "/v2/{name}/manifests/{reference}"

ROUTES = [
    Route("GET", _MANIFEST, get_manifest),
    Route("HEAD", _MANIFEST, get_manifest),
    Route("PUT", _MANIFEST, put_manifest),
    Route("DELETE", _MANIFEST, delete_manifest),
]
