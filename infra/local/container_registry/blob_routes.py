"""Blobs: read whole or in part, and taken out of a repository."""

from __future__ import annotations

from aiohttp import web

from infra.local.container_registry.names import Digest
from infra.local.container_registry.routing import Call, Route


async def get_blob(call: Call) -> web.StreamResponse:
    digest = Digest.parse(call.params["digest"])
    path = call.registry.blobs.require(call.repository, digest)
    headers = {"Content-Type": "application/octet-stream", "Docker-Content-Digest": str(digest)}
    return web.FileResponse(path, headers=headers)


async def delete_blob(call: Call) -> web.StreamResponse:
    digest = Digest.parse(call.params["digest"])
    call.registry.blobs.unlink(call.repository, digest)
    return web.Response(status=202, headers={"Docker-Content-Digest": str(digest)})


_BLOB = "/v2/{name}/blobs/{digest}"

ROUTES = [
    Route("GET", _BLOB, get_blob),
    Route("HEAD", _BLOB, get_blob),
    Route("DELETE", _BLOB, delete_blob),
]
